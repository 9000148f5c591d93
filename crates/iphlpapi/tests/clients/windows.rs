//! Sources in C and C++ that were written for Windows: they compile by one `-I`, with the headers as they spell them, and do
//! what they do there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tcpentry_testkit::{isolated, skip, tcp};

use crate::client::{self, Client, Run};
use crate::worlds::works;

const SPELLINGS: &str = include_str!("../../spellings/headers");

/// The dialects, narrow and wide.
const DIALECTS: [&str; 9] = [
    "gcc -x c -std=gnu99",
    "gcc -x c -std=gnu11",
    "gcc -x c -std=gnu17 -DUNICODE",
    "gcc -x c -fshort-wchar -DUNICODE -D_UNICODE",
    "g++ -x c++ -std=gnu++98",
    "g++ -x c++ -std=c++11",
    "g++ -x c++ -std=c++17",
    "g++ -x c++ -std=c++20",
    "g++ -x c++ -D_UNICODE",
];

/// Returns the folder of the headers with all their spellings, as an installation has it.
fn headers() -> PathBuf {
    let from = client::root().join("include");
    let installed = client::folder("include");
    let windows = client::folder("include/tcpentry-windows");
    for (from, to) in [
        (from.clone(), installed),
        (from.join("tcpentry-windows"), windows.clone()),
    ] {
        for header in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            if header.path().is_file() {
                client::link(&header.path(), &to.join(header.file_name()));
            }
        }
    }
    for line in client::lines(SPELLINGS) {
        let mut words = line.split(' ');
        let header = windows.join(words.next().unwrap());
        assert!(header.is_file(), "{}", header.display());
        for spelling in words {
            client::link(&header, &windows.join(spelling));
        }
    }
    windows
}

/// Returns a compiler with all warnings as errors, and with the folder. g++ does not silence `#pragma comment` before 13.
fn compiler(dialect: &str) -> Command {
    let mut words = dialect.split(' ');
    let mut compiler = Command::new(words.next().unwrap());
    compiler.args(words).args(["-Wall", "-Wextra", "-Werror"]);
    if dialect.starts_with("g++") {
        compiler.arg("-Wno-unknown-pragmas");
    }
    compiler.arg("-I").arg(headers());
    compiler
}

/// Compiles a program in the folder beside this file.
fn program(dialect: &str, source: &str) -> Client {
    let name: String = dialect.split_whitespace().collect();
    let program = client::folder(&name).join(source);
    client::compile(
        compiler(dialect)
            .arg(client::root().join("tests/clients/windows").join(source))
            .arg("-o")
            .arg(&program)
            .args(["-x", "none", "-pthread", "-L"])
            .arg(client::windows_names())
            .arg("-liphlpapi"),
    );
    Client::by_windows_name(&[program])
}

/// Compiles a text without making a program of it.
fn check(dialect: &str, text: &str, name: &str) {
    let source = client::folder("texts").join(name);
    fs::write(&source, text).unwrap();
    client::compile(compiler(dialect).arg("-fsyntax-only").arg(source));
}

#[test]
fn each_header_compiles_alone_without_a_warning() {
    let mut lines = Vec::new();
    let folder = client::root().join("include/tcpentry-windows");
    for header in fs::read_dir(folder).unwrap() {
        let header = header.unwrap().file_name().into_string().unwrap();
        if header.starts_with("tcpentry-") {
            continue; // a part of windows.h
        }
        let alone = format!("#include <{header}>\n#include <{header}>\nDWORD number;\n");
        check("gcc -x c", &alone, &header);
        lines.push(format!("#include <{header}>\n"));
    }
    for dialect in DIALECTS {
        check(dialect, &lines.concat(), "all.c");
    }
    lines.reverse();
    for dialect in DIALECTS {
        check(dialect, &lines.concat(), "reversed.c");
    }
}

#[test]
fn they_are_not_in_the_way_of_the_systems_own() {
    let text = "#include <Windows.h>\n#include <arpa/inet.h>\n#include <netinet/tcp.h>\n#include <sys/socket.h>\n\
        #include <netdb.h>\n#include <ifaddrs.h>\n#include <unistd.h>\n#include <signal.h>\n#include <Iphlpapi.h>\n\
        int family = AF_INET6;\n\
        typedef char FAMILY_IS_THE_SYSTEMS[AF_INET6 == 10 ? 1 : -1];\n\
        int loopback(const struct sockaddr_in6 *it);\n\
        int loopback(const struct sockaddr_in6 *it) { return IN6_IS_ADDR_LOOPBACK(&it->sin6_addr); }\n";
    for dialect in DIALECTS {
        for before in [
            "",
            "#include <sys/socket.h>\n",
            "#include <stdio.h>\n#include <unistd.h>\n",
            // Addresses have the members of Linux then.
            "#include <netinet/in.h>\n",
            "#define WIN32_LEAN_AND_MEAN\n#define NOMINMAX\n",
        ] {
            check(dialect, &(before.to_owned() + text), "systems.c");
        }
    }
}

/// musl's structures have other names inside.
#[test]
fn they_compile_with_musl() {
    if !client::is_in_path("musl-gcc") {
        skip!("no musl (Debian package musl-tools)");
    }
    compile_with(&["musl-gcc", "musl-gcc -DUNICODE"]);
}

#[test]
fn they_compile_with_clang() {
    if !client::is_in_path("clang") {
        skip!("no clang (Debian package clang)");
    }
    compile_with(&[
        "clang",
        "clang -std=gnu89",
        "clang -std=gnu99",
        "clang -DUNICODE",
        "clang -x c++ -std=gnu++98",
        "clang -x c++ -std=c++17",
    ]);
}

fn compile_with(dialects: &[&str]) {
    for dialect in dialects {
        for source in ["parts.c", "closeconn.c"] {
            let source = client::root().join("tests/clients/windows").join(source);
            client::compile(compiler(dialect).arg("-fsyntax-only").arg(source));
        }
    }
}

/// A program may define what `windows.h` of Windows does not have.
#[test]
fn windows_h_has_no_rows() {
    let text = "#define WIN32_LEAN_AND_MEAN\n#include <windows.h>\n\
        typedef struct { DWORD dwState; } MIB_TCPROW;\nstatic void close(void) {}\n\
        int pause(void);\nint main(void) { MIB_TCPROW row; row.dwState = 1; close(); return row.dwState != 1; }\n";
    check("gcc -x c", text, "rows.c");
    check("g++ -x c++", text, "rows.cpp");
}

const LAYOUTS: &str = "#include <winsock2.h>\n#include <iphlpapi.h>\n\
    #define IS(name, what, number) typedef char name[(what) == (number) ? 1 : -1]\n\
    IS(T1, sizeof(DWORD), 4); IS(T2, sizeof(LONG), 4); IS(T3, sizeof(LARGE_INTEGER), 8); IS(T4, sizeof(WCHAR), 2);\n\
    IS(T5, sizeof(IN_ADDR), 4); IS(T6, sizeof(IN6_ADDR), 16); IS(T7, sizeof(SOCKADDR_IN), 16);\n\
    IS(T8, sizeof(SOCKADDR_IN6), 28); IS(T9, offsetof(SOCKADDR_IN, sin_addr), 4);\n\
    IS(T10, offsetof(SOCKADDR_IN6, sin6_addr), 8); IS(T11, sizeof(MIB_TCPROW), 20);\n\
    IS(T12, sizeof(MIB_TCP6ROW), 52); IS(T13, sizeof(MIB_TCP6ROW_OWNER_PID), 56);\n\
    IS(T14, sizeof(MIB_TCPROW_OWNER_MODULE), 160); IS(T15, offsetof(MIB_TCPTABLE_OWNER_MODULE, table), 8);\n\
    IS(T16, sizeof(MIB_TCP6ROW_OWNER_MODULE), 192); IS(T17, sizeof(ULONG_PTR), sizeof(void *));\n\
    IS(T18, sizeof(FILETIME), 8); IS(T19, offsetof(MIB_TCP6ROW, RemoteAddr), 28); IS(T20, sizeof(BOOLEAN), 1);\n";

#[test]
fn layouts_are_those_of_windows() {
    for dialect in DIALECTS {
        check(dialect, LAYOUTS, "layouts.c");
    }
    // The kernel's headers stand beside those for 64 bits.
    let of_64_bits = "/usr/include/x86_64-linux-gnu";
    if !fs::exists(format!("{of_64_bits}/gnu/stubs-32.h")).unwrap() {
        skip!("no headers for 32 bits (Debian package libc6-dev-i386)");
    }
    for option in ["", " -DUNICODE"] {
        let dialect = format!("gcc -x c -m32 -idirafter {of_64_bits}{option}");
        check(&dialect, LAYOUTS, "layouts32.c");
    }
}

#[test]
fn each_part_does_what_it_does_on_windows() {
    const WRITTEN: &str = "narrow first\n\
        w\u{e9}\u{20ac}|   right|left    |cu|narrow|narrow|wide|c\n\
        -1     2 ff  | 3 1099511627776 1 0a    7 % 1.50\n\
        (null)\na line\ntwo texts\n";
    for dialect in [
        "gcc -x c -fsanitize=address,undefined",
        "gcc -x c -O2 -DUNICODE",
        "g++ -x c++ -std=c++20",
        "g++ -x c++ -O2 -D_UNICODE",
    ] {
        isolated(move || {
            let Run { code, out, err } = program(dialect, "parts.c").run(&["\u{e9}"]);
            assert_eq!((code, &*err), (0, ""), "{dialect}");
            assert_eq!(out, WRITTEN, "{dialect}");
        });
    }
}

#[test]
fn a_program_in_c() {
    isolated(|| works(&program("gcc", "closeconn.c")));
}

#[test]
fn a_program_in_cpp_narrow_and_wide() {
    for dialect in ["g++", "g++ -DUNICODE -D_UNICODE"] {
        isolated(move || works(&program(dialect, "closeconn.cpp")));
    }
}

#[test]
fn a_program_with_wide_characters_prints_the_ipv6_table() {
    isolated(|| {
        let listener = tcp::listen("[::1]:0".parse().unwrap());
        let port = listener.local_addr().unwrap().port();
        let run = program("gcc", "table6.c").run(&[&port.to_string()]);
        assert_eq!((run.code, &*run.err), (0, ""));
        let expected = format!(
            "LISTEN\n\tlocal  [::1]:{port} first 00 last 0001\n\tremote [::]:0 first 00 last 0000\n"
        );
        assert_eq!(run.out, expected);
    });
}
