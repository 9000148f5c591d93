//! The rules of the house that a compiler does not check: what two folders of the library may import, that one name stands
//! for one thing, and the words of documentation.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ForeignItemFn, ImplItemFn, ItemFn, Lit, Meta, Signature, TraitItemFn};

/// Returns the folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns the sources below a folder, or of all of it.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut waiting = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() && !path.ends_with("target") {
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
    assert!(!sources.is_empty(), "{folder} has been found");
    sources
}

/// Returns the code below a folder without its tests.
fn product(folder: &str) -> Vec<(PathBuf, String)> {
    let of_tests = ["tests", "testing", "tests.rs", "fake.rs"];
    let mut sources = sources(folder);
    sources.retain(|(path, _)| {
        path.iter()
            .all(|part| !of_tests.iter().any(|it| part == *it))
    });
    for (_, text) in &mut sources {
        text.truncate(text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len()));
    }
    sources
}

/// Returns the paths that the code of a folder of the library names beside its own, without its tests.
fn named_in(folder: &str) -> Vec<(PathBuf, String)> {
    let mut named = Vec::new();
    for (path, text) in product(&format!("crates/tcpentry/src/{folder}")) {
        for line in text.lines().map(|line| line.split("//").next().unwrap()) {
            for root in ["crate::", "std::", "rustix::", "libc::", "uzers::"] {
                let found = line.match_indices(root).map(|(at, _)| &line[at..]);
                named.extend(found.map(|it| (path.clone(), it.to_owned())));
            }
        }
    }
    assert!(named.len() > 20, "{folder} has been found");
    named
}

/// Formats a table of where something stands.
fn table(rows: &[(String, String)]) -> String {
    let lines = rows
        .iter()
        .map(|(what, place)| format!("{what:<24} {place}\n"));
    lines.collect()
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

/// The filter language has values of processes and namespaces, which it was given.
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

#[test]
fn one_name_stands_for_one_type() {
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for product_crate in ["tcpentry", "tcpentry-cli", "iphlpapi", "wine"] {
        for (path, text) in product(&format!("crates/{product_crate}/src")) {
            for line in text.lines().filter(|line| !line.starts_with(' ')) {
                let mut words = line.split(|it: char| !it.is_alphanumeric() && it != '_');
                let is_type = |word: &&str| ["struct", "enum", "type", "trait"].contains(word);
                // Comments and macros have such words, too; a type begins its line but for `pub`.
                let is_item = is_type(&words.clone().next().unwrap()) || line.starts_with("pub");
                if is_item && words.any(|word| is_type(&word)) {
                    let name = words.next().unwrap().to_owned();
                    let place = path.display().to_string();
                    places.entry(name).or_default().push(place);
                }
            }
        }
    }
    assert!(places.len() > 300, "only {} types were found", places.len());
    places.retain(|_, places| places.len() > 1);
    let rows = places.into_iter();
    let rows: Vec<_> = rows
        .map(|(name, places)| (name, places.join(", ")))
        .collect();
    assert!(rows.is_empty(), "names of several types:\n{}", table(&rows));
}

/// An example runs with the tests, in whatever network namespace `cargo test` was started.
#[test]
fn examples_that_run_delete_only_what_they_have_made() {
    let mut count = 0;
    for (path, text) in sources("crates") {
        let mut fence: Option<(bool, String)> = None;
        for line in text.lines() {
            let line = line.trim_start();
            let doc = line
                .strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"));
            let Some(doc) = doc.map(str::trim) else {
                fence = None;
                continue;
            };
            match (&mut fence, doc.strip_prefix("```")) {
                (None, Some(words)) => fence = Some((words.is_empty(), String::new())),
                (Some((runs, body)), Some(_)) => {
                    let deletes = body.contains(".delete") || body.contains("set_tcp_entry(");
                    let is_its_own = body.contains("TcpListener::bind");
                    count += usize::from(*runs);
                    assert!(
                        !*runs || !deletes || is_its_own,
                        "{}: an example without `no_run` deletes what it has not made:\n{body}",
                        path.display()
                    );
                    fence = None;
                }
                (Some((_, body)), None) => {
                    body.push_str(doc);
                    body.push('\n');
                }
                (None, None) => {}
            }
        }
    }
    assert!(count > 20, "only {count} examples were found");
}

#[test]
fn documentation_begins_with_a_verb_or_a_noun() {
    let wrong = [
        "And", "How", "Of that", "That", "The same", "What", "When", "Where", "Whether", "Which",
        "Who", "Why",
    ];
    let mut rows = Vec::new();
    let mut count = 0;
    for (path, text) in ["bindings", "crates", "fuzz", "xtask"]
        .into_iter()
        .flat_map(sources)
    {
        let mut is_inside = false;
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim_start();
            let doc = line
                .strip_prefix("/// ")
                .or_else(|| line.strip_prefix("//! "));
            let summary = doc.filter(|_| !is_inside);
            is_inside = line.starts_with("///") || line.starts_with("//!");
            count += usize::from(summary.is_some());
            let begins = |words: &str| {
                let rest = summary.and_then(|it| it.strip_prefix(words));
                rest.is_some_and(|it| !it.starts_with(char::is_alphanumeric))
            };
            if let Some(words) = wrong.into_iter().find(|it| begins(it)) {
                rows.push((words.to_owned(), format!("{}:{number}", path.display())));
            }
        }
    }
    assert!(count > 4000, "only {count} summaries were found");
    assert!(rows.is_empty(), "summaries begin with:\n{}", table(&rows));
}

/// The summary of each function that has one, but of tests: those say in their name what holds, and in words why.
#[derive(Default)]
struct Summaries(Vec<(String, String)>);

impl Summaries {
    fn add(&mut self, attributes: &[Attribute], signature: &Signature) {
        let is_test = attributes.iter().any(|it| it.path().is_ident("test"));
        if let Some(summary) = attributes.iter().find_map(documentation) {
            if !is_test {
                self.0.push((signature.ident.to_string(), summary));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Summaries {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.attrs, &item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.attrs, &item.sig);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.add(&item.attrs, &item.sig);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_foreign_item_fn(&mut self, item: &'ast ForeignItemFn) {
        self.add(&item.attrs, &item.sig);
    }
}

/// Returns the text of an attribute that is a line of documentation.
fn documentation(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Returns true of a word as "Returns": of a plural, too, but for those that have begun a summary before.
fn is_verb(word: &str) -> bool {
    let plurals = [
        "Addresses",
        "Always",
        "Bytes",
        "Conditions",
        "Connections",
        "Digits",
        "Fields",
        "Its",
        "Lines",
        "Listeners",
        "Names",
        "Operands",
        "Options",
        "Pairs",
        "Ports",
        "Prefixes",
        "Processes",
        "Rows",
        "Sockets",
        "States",
        "Terms",
        "Texts",
        "This",
        "Values",
        "Words",
    ];
    let stem = word.strip_suffix('s').unwrap_or_default();
    let is_word = stem.len() > 1 && stem.chars().skip(1).all(|it| it.is_ascii_lowercase());
    is_word && stem.starts_with(char::is_uppercase) && !plurals.contains(&word)
}

#[test]
fn the_summary_of_a_function_begins_with_a_verb() {
    let mut rows = Vec::new();
    let mut count = 0;
    for (path, text) in ["bindings", "crates", "fuzz", "xtask"]
        .into_iter()
        .flat_map(sources)
    {
        let mut summaries = Summaries::default();
        summaries.visit_file(&syn::parse_file(&text).unwrap());
        count += summaries.0.len();
        for (name, summary) in summaries.0 {
            let end = summary.find(|it: char| it.is_whitespace() || ",:".contains(it));
            let word = &summary[..end.unwrap_or(summary.len())];
            if !is_verb(word) {
                rows.push((word.to_owned(), format!("{} {name}", path.display())));
            }
        }
    }
    assert!(count > 2000, "only {count} summaries were found");
    assert!(rows.is_empty(), "summaries begin with:\n{}", table(&rows));
}
