//! The exports of the library: the documented functions, under the soname, with the declared parameters.

use std::collections::BTreeMap;
use std::process::Command;

use crate::compiler::{Run, SONAME, shared_library};

const HEADER: &str = include_str!("../../include/iphlpapi.h");
const EXPORTS: &str = concat!(
    include_str!("../../src/exports/deletion.rs"),
    include_str!("../../src/exports/estats.rs"),
    include_str!("../../src/exports/modules.rs"),
    include_str!("../../src/exports/statistics.rs"),
    include_str!("../../src/exports/tables.rs"),
    include_str!("../../src/exports/udp.rs"),
);

#[test]
fn only_the_documented_ones() {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(shared_library());
    let exported = Run::of(&mut nm).success();
    let exported: Vec<&str> = exported
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let declared: Vec<&str> = declared().into_keys().collect();
    assert_eq!(exported, declared);
}

/// The installed library is linked with it.
#[test]
fn each_of_them_has_a_version() {
    let map = include_str!("../../iphlpapi.map");
    let versioned: Vec<_> = map
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter(|name| name.starts_with(|it: char| it.is_ascii_alphabetic()))
        .collect();
    let declared: Vec<&str> = declared().into_keys().collect();
    assert_eq!(versioned, declared);
}

#[test]
fn the_soname_carries_the_version() {
    let mut readelf = Command::new("readelf");
    readelf.args(["--dynamic", "--wide"]).arg(shared_library());
    let text = Run::of(&mut readelf).success();
    let soname = format!("Library soname: [{SONAME}]");
    assert!(text.contains(&soname), "{text}");
}

#[test]
fn each_declaration_is_that_of_its_function() {
    assert_eq!(declared(), defined());
}

/// Returns each function of the header, with the shapes of its parameters and of its result.
fn declared() -> BTreeMap<&'static str, (Vec<&'static str>, &'static str)> {
    let mut functions = BTreeMap::new();
    for (at, _) in HEADER.match_indices(" WINAPI ") {
        let result = HEADER[..at].rsplit('\n').next().unwrap();
        let rest = &HEADER[at + " WINAPI ".len()..];
        let (name, rest) = rest.split_once('(').unwrap();
        let (parameters, _) = rest.split_once(");").unwrap();
        let parameters = parameters.split(',').map(c_shape).collect();
        functions.insert(name, (parameters, c_shape(result)));
    }
    functions
}

/// Returns each exported function, with the shapes of its parameters and of its result.
fn defined() -> BTreeMap<&'static str, (Vec<&'static str>, &'static str)> {
    let mut functions = BTreeMap::new();
    for (at, start) in EXPORTS.match_indices("pub unsafe extern \"C\" fn ") {
        let (name, rest) = EXPORTS[at + start.len()..].split_once('(').unwrap();
        let (parameters, rest) = rest.split_once(')').unwrap();
        let (result, _) = rest.split_once('{').unwrap();
        let parameters = parameters
            .split(',')
            .filter_map(|parameter| parameter.split_once(':'))
            .map(|(_, kind)| rust_shape(kind.trim()))
            .collect();
        let result = result.trim().strip_prefix("-> ").unwrap_or("()");
        functions.insert(name, (parameters, rust_shape(result.trim())));
    }
    functions
}

/// Returns the shape of a C type: a 32-bit number, a pointer to read or to write through, nothing.
fn c_shape(declaration: &str) -> &'static str {
    let words = declaration.trim();
    let first = words
        .trim_start_matches("const ")
        .split(' ')
        .next()
        .unwrap();
    if words.contains("const ") {
        "const pointer"
    } else if words.contains('*') || first.starts_with('P') || first == "HANDLE" {
        "pointer"
    } else if first == "void" {
        "nothing"
    } else if [
        "BOOL",
        "TCP_TABLE_CLASS",
        "TCPIP_OWNER_MODULE_INFO_CLASS",
        "TCP_ESTATS_TYPE",
        "UDP_TABLE_CLASS",
        "TCPENTRY_KIND",
    ]
    .contains(&first)
    {
        "int"
    } else {
        assert!(["DWORD", "ULONG"].contains(&first), "{declaration}");
        "number"
    }
}

fn rust_shape(kind: &str) -> &'static str {
    match kind {
        "()" => "nothing",
        "Dword" => "number",
        "Bool" | "c_int" => "int",
        _ if kind.starts_with("*const") => "const pointer",
        _ if kind.starts_with("*mut") => "pointer",
        other => panic!("{other}"),
    }
}
