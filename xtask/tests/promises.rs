//! docs/PROMISES.md and docs/FAULTS.md name tests: each is there.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::fs;
use std::path::{Path, PathBuf};

/// Collects every Rust file below a folder.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all = Vec::new();
    sources(&root.join("crates"), &mut all);
    sources(&root.join("xtask"), &mut all);
    for (document, least) in [("docs/PROMISES.md", 90), ("docs/FAULTS.md", 30)] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        // `file.rs::name`, or a name that is long enough to be that of a test.
        let code = text.split('`').skip(1).step_by(2);
        let code = code.map(|it| it.split_once(".rs::").unwrap_or(("", it)));
        let named = code.filter(|(file, name)| !file.is_empty() || name.matches('_').count() > 2);
        let named: Vec<_> = named.collect();
        assert!(named.len() >= least, "{document} names {}", named.len());
        for (file, name) in named {
            let (here, test) = (format!("{file}.rs"), format!("fn {name}("));
            let is_there = all.iter().any(|(path, text)| {
                (file.is_empty() || path.ends_with(&here)) && text.contains(&test)
            });
            assert!(is_there, "{document}: {file} {name}");
        }
    }
}
