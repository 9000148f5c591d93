//! The headers: alone, in every dialect, with the numbers of the layouts.

use std::fs;

use crate::compiler::{check, source};

const DIALECTS: [&str; 6] = [
    "gcc -x c -std=c99",
    "gcc -x c -std=c11",
    "gcc -x c -std=gnu17",
    "g++ -x c++ -std=c++11",
    "g++ -x c++ -std=c++17",
    "g++ -x c++ -std=c++20",
];

#[test]
fn each_compiles_alone_without_a_warning() {
    for dialect in DIALECTS {
        for header in ["iphlpapi.h", "tcpestats.h", "tcpmib.h", "udpmib.h"] {
            let run = check(dialect, &format!("#include <{header}>\nint main(void);\n"));
            assert_eq!(run.code, 0, "{dialect} {header}: {}", run.err);
        }
    }
}

#[test]
fn they_go_with_the_systems_own() {
    let text = "#include <iphlpapi.h>\n#include <arpa/inet.h>\n#include <netinet/tcp.h>\n\
        #include <sys/socket.h>\n#include <unistd.h>\n#include <iphlpapi.h>\n\
        int family = AF_INET6;\n";
    for dialect in DIALECTS {
        let run = check(dialect, text);
        assert_eq!(run.code, 0, "{dialect}: {}", run.err);
        let reversed: Vec<&str> = text.lines().rev().collect();
        let moved = format!("#include <sys/socket.h>\n{}\n", reversed.join("\n"));
        let run = check(dialect, &moved);
        assert_eq!(run.code, 0, "{dialect}: {}", run.err);
    }
}

#[test]
fn types_of_a_program_that_would_misread_every_row_do_not_compile() {
    let types = |dword: &str| {
        format!(
            "#define TCPENTRY_NO_WINDOWS_TYPES\n#include <stdint.h>\n\
             typedef {dword} DWORD, ULONG, *PDWORD, *PULONG;\n\
             typedef int32_t LONG, INT, BOOL; typedef unsigned char UCHAR;\n\
             typedef uint16_t USHORT, WCHAR, *PWCHAR; typedef void *PVOID, *HANDLE;\n\
             typedef uint64_t ULONGLONG; typedef union {{ int64_t QuadPart; }} LARGE_INTEGER;\n\
             #include <iphlpapi.h>\n"
        )
    };
    for dialect in DIALECTS {
        assert_eq!(check(dialect, &types("uint32_t")).code, 0, "{dialect}");
        let refused = check(dialect, &types("unsigned long"));
        assert_ne!(refused.code, 0, "{dialect}");
        assert!(
            refused.err.contains("TCPENTRY_DWORD_HAS_32_BITS"),
            "{}",
            refused.err
        );
    }
}

#[test]
fn sources_for_windows_find_their_names() {
    let text = "#include <iphlpapi.h>\n\
        LPWSTR wide; LPCSTR narrow; CHAR letter; SIZE_T size; DWORD_PTR pointer; BOOLEAN flag;\n\
        DWORD low(const MIB_TCPROW_OWNER_MODULE *row);\n\
        DWORD low(const MIB_TCPROW_OWNER_MODULE *row) {\n\
            return row->liCreateTimestamp.LowPart + row->liCreateTimestamp.u.LowPart;\n\
        }\n";
    for dialect in DIALECTS {
        let run = check(dialect, text);
        assert_eq!(run.code, 0, "{dialect}: {}", run.err);
    }
}

#[test]
fn the_numbers_of_the_layouts() {
    let numbers = fs::read_to_string(source("numbers.c")).unwrap();
    for compiler in [
        "gcc -x c -std=c11",
        "g++ -x c++ -std=c++17",
        "gcc -x c -std=c11 -m32 -ffreestanding",
    ] {
        let run = check(compiler, &numbers);
        assert_eq!(run.code, 0, "{compiler}: {}", run.err);
    }
    // The check itself: a wrong number does not pass.
    let wrong = numbers.replace("SIZE(MIB_TCPROW, 20)", "SIZE(MIB_TCPROW, 24)");
    assert_ne!(check("gcc -x c -std=c11", &wrong).code, 0);
}
