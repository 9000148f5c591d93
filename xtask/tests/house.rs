//! Two floors of the library keep apart from what stands above them: the wire and the language.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::fs;
use std::path::{Path, PathBuf};

/// The paths that the code of a folder of the library names beside its own, without its tests.
fn named_in(folder: &str) -> Vec<(PathBuf, String)> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/tcpentry/src");
    let mut waiting = vec![library.join(folder)];
    let mut named = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if !path.components().any(|part| {
            ["tests", "testing"]
                .iter()
                .any(|it| part.as_os_str() == *it)
        }) && !path.ends_with("tests.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = code.lines().map(|line| line.split("//").next().unwrap());
            for line in lines {
                for root in ["crate::", "std::", "rustix::", "libc::", "uzers::"] {
                    let found = line.match_indices(root).map(|(at, _)| &line[at..]);
                    named.extend(found.map(|it| (path.clone(), it.to_owned())));
                }
            }
        }
    }
    assert!(named.len() > 20, "{folder} has been found");
    named
}

#[test]
fn the_wire_knows_only_connections() {
    for (file, path) in named_in("sock_diag") {
        let known = ["crate::connection", "crate::sock_diag", "rustix::", "std::"];
        assert!(
            known.iter().any(|it| path.starts_with(it)),
            "{}: {path}",
            file.display()
        );
    }
}

/// Of processes and namespaces it has the values, which it was given.
#[test]
fn the_language_asks_no_system() {
    let values = [
        "crate::process::Process",
        "crate::process::cgroup_path",
        "crate::process::container",
        "crate::process::unit",
        "crate::netns::LocalPorts",
    ];
    let system = [
        "crate::table",
        "crate::process",
        "crate::netns",
        "crate::sys",
        "crate::select",
        "crate::delete",
        "crate::sock_diag::Diag",
        "crate::sock_diag::{",
        "std::fs",
        "std::net::ToSocketAddrs",
        "std::process",
        "std::thread",
        "rustix::",
        "libc::",
        "uzers::",
    ];
    for (file, path) in named_in("filter") {
        let is_value = values.iter().any(|it| path.starts_with(it));
        let asks = system.iter().any(|it| path.starts_with(it));
        assert!(is_value || !asks, "{}: {path}", file.display());
    }
}
