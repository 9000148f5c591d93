//! The names of the library for programs that were written for Windows: each loader finds it by each spelling.

use std::collections::BTreeSet;
use std::process::Command;

use tcpentry_testkit::skip;

use crate::client::{self, Client, SPELLINGS, lines};

/// Returns the spellings that a source may have: `iphlpapi`, `iphlpapi.dll` and their like.
fn spellings() -> Vec<&'static str> {
    let is_spelling = |name: &&str| !name.starts_with("lib");
    let spellings: Vec<&str> = lines(SPELLINGS).filter(is_spelling).collect();
    for known in [
        "iphlpapi",
        "iphlpapi.dll",
        "Iphlpapi.dll",
        "IPHLPAPI.DLL",
        "IpHlpApi.dll",
        "IPHlpAPI",
    ] {
        assert!(spellings.contains(&known), "{known}");
    }
    spellings
}

/// Checks that an interpreter loads the library by each spelling, which it has as arguments.
fn loads(words: &[&str]) {
    let run = Client::by_windows_name(words).run(&spellings());
    assert_eq!((run.code, &*run.err), (0, ""), "{run:?}");
}

/// Checks names by the order in which a loader looks for a library, as its documentation has it.
fn has_one_of(probed: impl Fn(&str) -> Vec<String>) {
    let mut installed: BTreeSet<&str> = lines(SPELLINGS).collect();
    installed.insert("libiphlpapi.so");
    for spelling in spellings() {
        let probed = probed(spelling);
        assert!(
            probed.iter().any(|name| installed.contains(&**name)),
            "none of {probed:?}"
        );
    }
}

#[test]
fn plain_dlopen() {
    let program = client::folder("names").join("dlopen");
    let text = "#include <dlfcn.h>\n#include <stdio.h>\nint main(int argc, char **argv) {\n\
        for (int i = 1; i < argc; i++) { void *library = dlopen(argv[i], RTLD_NOW);\n\
        if (!library || !dlsym(library, \"SetTcpEntry\")) { fprintf(stderr, \"%s\\n\", dlerror()); return 1; } }\n\
        return argc < 10; }\n";
    let source = program.with_extension("c");
    std::fs::write(&source, text).unwrap();
    client::compile(
        Command::new("gcc")
            .arg(source)
            .arg("-o")
            .arg(&program)
            .arg("-ldl"),
    );
    loads(&[program.to_str().unwrap()]);
}

/// "Native library loading" of .NET, "Library name variations", for Linux: a name without `.so` in it.
#[test]
fn dotnet_by_its_documented_order() {
    has_one_of(|name| {
        vec![
            format!("{name}.so"),
            format!("lib{name}.so"),
            name.to_owned(),
            format!("lib{name}"),
        ]
    });
}

/// JNA asks for what `System.mapLibraryName` returns; ruby's ffi and Free Pascal's linker do so, too.
#[test]
fn jna_by_its_documented_name() {
    has_one_of(|name| vec![format!("lib{name}.so")]);
}

#[test]
fn luajit() {
    if !client::is_in_path("luajit") {
        skip!("no luajit (Debian package luajit)");
    }
    let text = "local ffi = require('ffi') ffi.cdef'int SetTcpEntry(void *);' \
        for _, name in ipairs(arg) do assert(ffi.load(name).SetTcpEntry(nil) == 87) end";
    let script = client::folder("names").join("load.lua");
    std::fs::write(&script, text).unwrap();
    loads(&["luajit", script.to_str().unwrap()]);
}

#[test]
fn ruby_with_fiddle() {
    if !client::is_in_path("ruby") {
        skip!("no ruby (Debian package ruby)");
    }
    let text = "ARGV.each { |name| Fiddle.dlopen(name)['SetTcpEntry'] }";
    loads(&["ruby", "-rfiddle", "-e", text]);
}

#[test]
fn ruby_with_ffi() {
    let has = |words: &[&str]| {
        let run = Command::new(words[0]).args(&words[1..]).output();
        run.is_ok_and(|output| output.status.success())
    };
    if !has(&["ruby", "-rffi", "-e", ""]) {
        skip!("no ffi for ruby (Debian package ruby-ffi)");
    }
    let text = "ARGV.each { |name| Module.new { extend FFI::Library; ffi_lib name; \
        attach_function :SetTcpEntry, [:pointer], :uint32 } }";
    loads(&["ruby", "-rffi", "-e", text]);
}

#[test]
fn node_with_koffi() {
    let Some(modules) = client::koffi() else {
        skip!("no Node.js with koffi (npm install --prefix target/koffi koffi)");
    };
    let path = modules.join("koffi");
    let text = format!(
        "for (const name of process.argv.slice(1)) require({path:?}).load(name).func('uint32 SetTcpEntry(void *)');"
    );
    loads(&["node", "-e", &text]);
}

#[test]
fn python_with_ctypes() {
    let text = "import ctypes, sys\nfor name in sys.argv[1:]: ctypes.CDLL(name).SetTcpEntry";
    loads(&["python3", "-c", text]);
}
