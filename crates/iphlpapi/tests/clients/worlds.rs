//! Programs for Windows in other languages, unchanged: each lists, deletes one connection, and gets the codes of Windows, in a
//! network namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpentry_testkit::{isolated, skip, tcp, until};

use crate::client::{self, Client};
use crate::{accepts, is_alive, is_reset, local, peer, words};

/// Returns from a test whose program is not installed.
macro_rules! needs {
    ($program:literal, $package:literal) => {
        if !client::is_in_path($program) {
            skip!("no {} (Debian package {})", $program, $package);
        }
    };
}

/// Checks a program that prints the table without arguments, and deletes with four; a fifth is the state in the row.
pub(crate) fn works(client: &Client) {
    let listener = tcp::listen(tcp::loopback(0));
    let (victim, neighbour) = (tcp::connect_to(&listener), tcp::connect_to(&listener));
    let (here, there) = (local(&victim), peer(&victim));
    let row = |run: &str| {
        let mut rows = run.lines().map(|line| line.split_whitespace().skip(1));
        rows.any(|row| row.eq([&*here, &*there, &*std::process::id().to_string()]))
    };

    let listed = client.run(&[]);
    assert_eq!((listed.code, &*listed.err), (0, ""), "{listed:?}");
    assert!(row(&listed.out), "{here} {there} is not in {listed:?}");
    assert_eq!(listed.out.lines().count(), 5, "{listed:?}");

    let code = |words: &[&str]| {
        let run = client.run(words);
        let digits = run.out.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let code: u32 = run.out[..digits]
            .parse()
            .unwrap_or_else(|_| panic!("{run:?}"));
        assert_eq!(run.code, i32::from(code != 0), "{run:?}");
        code
    };
    let mut wrong_state = words(&here, &there);
    wrong_state.push("5");
    assert_eq!(code(&wrong_state), 87);
    let at = listener.local_addr().unwrap().to_string();
    assert_eq!(code(&words(&at, "0.0.0.0:0")), 317);
    assert!(is_alive(&victim) && accepts(&listener));

    assert_eq!(code(&words(&here, &there)), 0);
    assert!(is_reset(&victim));
    assert!(is_alive(&neighbour) && accepts(&listener));
    until("the connection has left the table", || {
        !row(&client.run(&[]).out)
    });
}

/// Returns the path of a program beside this file.
pub(crate) fn source(name: &str) -> PathBuf {
    client::root().join("tests/clients/programs").join(name)
}

fn interpreted(interpreter: &str, program: &str) -> Client {
    Client::by_windows_name(&[interpreter, source(program).to_str().unwrap()])
}

/// Mono looks a name up as it is spelled.
#[test]
fn csharp_in_five_spellings() {
    needs!("mcs", "mono-mcs");
    needs!("mono", "mono-runtime");
    for spelling in [
        "iphlpapi.dll",
        "Iphlpapi.dll",
        "IPHLPAPI.DLL",
        "IpHlpApi.dll",
        "iphlpapi",
    ] {
        isolated(move || {
            let folder = format!("csharp-{spelling}");
            let respelled = client::folder(&folder).join("CloseConn.cs");
            let text = fs::read_to_string(source("CloseConn.cs")).unwrap();
            let text = text.replace("\"iphlpapi.dll\"", &format!("\"{spelling}\""));
            fs::write(&respelled, text).unwrap();
            works(&client::mono(&respelled, &folder));
        });
    }
}

#[test]
fn free_pascal() {
    needs!("fpc", "fp-compiler");
    isolated(|| {
        let folder = client::folder("pascal");
        let program = folder.join("closeconn");
        let option = |name: &str, path: &Path| format!("{name}{}", path.display());
        client::compile(
            Command::new("fpc")
                .arg(option("-FE", &folder))
                .arg(option("-Fl", &client::windows_names()))
                .arg(option("-o", &program))
                .arg(source("closeconn.pas")),
        );
        works(&Client::by_windows_name(&[program]));
    });
}

#[test]
fn java_with_jna() {
    const JNA: &str = "/usr/share/java/jna.jar";
    needs!("javac", "default-jdk-headless");
    if !Path::new(JNA).is_file() {
        skip!("no JNA (Debian package libjna-java)");
    }
    isolated(|| {
        let folder = client::folder("java");
        client::compile(
            Command::new("javac")
                .args(["-cp", JNA, "-d"])
                .arg(&folder)
                .arg(source("CloseConn.java")),
        );
        let path = format!("{JNA}:{}", folder.display());
        let quick = "-XX:TieredStopAtLevel=1";
        works(&Client::by_windows_name(&[
            "java",
            quick,
            "-cp",
            &path,
            "CloseConn",
        ]));
    });
}

#[test]
fn node_with_koffi() {
    let Some(modules) = client::koffi() else {
        skip!("no Node.js with koffi (npm install --prefix target/koffi koffi)");
    };
    isolated(move || {
        let client = interpreted("node", "closeconn.js");
        works(&client.with_variable("NODE_PATH", modules));
    });
}

#[test]
fn go_with_cgo() {
    needs!("go", "golang-go");
    isolated(|| {
        let program = client::folder("go").join("closeconn");
        client::compile(
            Command::new("go")
                .args(["build", "-o"])
                .arg(&program)
                .arg(source("closeconn.go"))
                .env("GO111MODULE", "off")
                .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")),
        );
        works(&Client::by_windows_name(&[program]));
    });
}

#[test]
fn luajit() {
    needs!("luajit", "luajit");
    isolated(|| works(&interpreted("luajit", "closeconn.lua")));
}

#[test]
fn ruby_with_fiddle() {
    needs!("ruby", "ruby");
    isolated(|| works(&interpreted("ruby", "closeconn.rb")));
}

/// The module that gives ctypes its `windll` on Linux has tests of its own, in `bindings/python`.
#[test]
fn python_by_a_name_of_windows() {
    isolated(|| works(&interpreted("python3", "closeconn.py")));
}
