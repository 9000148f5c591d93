//! Reads a configuration: all of it, or all of its errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tcpentry::filter::Prefix;
use toml::de::{DeTable, DeValue};

use super::document::{self, TomlDocument};
use super::error::ConfigError;
use super::file::{self, ConfigFile};
use super::section::{KeyReader, cited};
use super::{Rules, rule};
use crate::args::habits::commands::nearest;

/// The folder of the rules.
pub(in crate::command::guard) const FOLDER: &str = "/etc/tcpentry/guard.d";

/// Reads a file or a folder of rules; without one, those of this host.
///
/// It asks neither the kernel nor a resolver, and needs no rights but those to the files.
///
/// # Errors
/// All that is wrong, in the order of the files and of the places in them.
pub(in crate::command::guard) fn read(config: Option<&Path>) -> Result<Rules, Vec<ConfigError>> {
    let path = config.unwrap_or(Path::new(FOLDER));
    let mut errors = Vec::new();
    let files = file::read(path, &mut errors);
    read_files(path, &files, errors)
}

/// Reads the rules of these files, after the errors that there have been.
pub(super) fn read_files(
    path: &Path,
    files: &[ConfigFile],
    mut errors: Vec<ConfigError>,
) -> Result<Rules, Vec<ConfigError>> {
    let mut config = ConfigReader::default();
    for file in files {
        config.read_file(file);
    }
    errors.append(&mut config.errors);
    if errors.is_empty() && config.rules.rules.is_empty() {
        errors.push(
            ConfigError::new(path, "there is no rule").with_hint(
                "a rule stands in a file `NAME.toml` below `[rule.NAME]`: see guard.d(5)",
            ),
        );
    }
    if errors.is_empty() {
        return Ok(config.rules);
    }
    errors.sort_by(|one, other| one.order().cmp(&other.order()));
    Err(errors)
}

/// The configuration as far as it has been read.
#[derive(Default)]
struct ConfigReader<'f> {
    rules: Rules,
    /// The places of the names of rules.
    named: BTreeMap<String, (&'f ConfigFile, usize)>,
    /// The place of `[guard]`.
    guard: Option<(&'f ConfigFile, usize)>,
    errors: Vec<ConfigError>,
}

impl<'f> ConfigReader<'f> {
    fn read_file(&mut self, file: &'f ConfigFile) {
        let TomlDocument { root, repeated } = document::parse(file, &mut self.errors);
        let Some(root) = root else {
            return;
        };
        let mut entries: Vec<_> = root.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let offset = key.span().start;
            match (&**key.get_ref(), value.get_ref()) {
                ("rule", DeValue::Table(table)) => self.read_rules(file, table, &repeated),
                ("guard", DeValue::Table(table)) => self.read_guard(file, table, offset),
                (name @ ("rule" | "guard"), _) => {
                    let title = if name == "rule" { "rule.NAME" } else { "guard" };
                    let error = file.error(offset, format!("`{name}` is not a table"));
                    let error = error.with_hint(format!("its keys stand below `[{title}]`"));
                    self.errors.push(error);
                }
                (name, _) => {
                    let error = file.error(offset, format!("there is no table {}", cited(name)));
                    let hint = match nearest(name, ["rule", "guard"].into_iter()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if rule::KEYS.contains(&name) => {
                            format!("`{name}` stands in a rule, below `[rule.NAME]`")
                        }
                        None => "there are `[rule.NAME]` and `[guard]`".to_owned(),
                    };
                    self.errors.push(error.with_hint(hint));
                }
            }
        }
    }

    fn read_rules(
        &mut self,
        file: &'f ConfigFile,
        rules: &DeTable<'_>,
        repeated: &std::collections::BTreeSet<String>,
    ) {
        let mut entries: Vec<_> = rules.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (key, value) in entries {
            let name = &**key.get_ref();
            let offset = key.span().start;
            let DeValue::Table(table) = value.get_ref() else {
                let cause = if rule::KEYS.contains(&name) {
                    "a rule has a name".to_owned()
                } else {
                    format!("the rule {} is not a table", cited(name))
                };
                let error = file.error(offset, cause);
                self.errors
                    .push(error.with_hint("its keys stand below `[rule.NAME]`"));
                continue;
            };
            if let Some((cause, hint)) = judge_name(name) {
                self.errors.push(file.error(offset, cause).with_hint(hint));
            }
            if let Some((first, at)) = self.named.get(name) {
                let cause = format!("the rule {} is named twice", cited(name));
                let error = file.error(offset, cause);
                self.errors
                    .push(error.with_hint(format!("the first is at {}", first.cited(*at))));
            } else {
                self.named.insert(name.to_owned(), (file, offset));
            }
            // Of one that is there twice in one file, the keys are mixed.
            if repeated.contains(name) {
                continue;
            }
            let title = format!("the rule {}", cited(name));
            let mut reader = KeyReader::new(file, title, table, offset);
            self.rules.rules.extend(rule::read(&mut reader, name));
            self.errors.extend(reader.into_errors());
        }
    }

    fn read_guard(&mut self, file: &'f ConfigFile, table: &DeTable<'_>, offset: usize) {
        if let Some((first, at)) = self.guard {
            let error = file.error(offset, "[guard] is there twice");
            self.errors
                .push(error.with_hint(format!("the first is at {}", first.cited(at))));
        } else {
            self.guard = Some((file, offset));
        }
        let mut reader = KeyReader::new(file, "[guard]".to_owned(), table, offset);
        reader.allow_only(&["never", "metrics"]);
        for text in reader
            .texts("never", "[\"192.0.2.0/24\"]")
            .unwrap_or_default()
        {
            match text.text.parse::<Prefix>() {
                Ok(prefix) => {
                    self.rules.never.insert(prefix);
                }
                Err(error) => reader.fail_in(
                    &text,
                    error.column(),
                    error.to_string(),
                    error.hint().map(str::to_owned),
                ),
            }
        }
        let example = "/var/lib/prometheus/node-exporter/tcpentry.prom";
        if let Some(text) = reader.text("metrics", &format!("\"{example}\"")) {
            if text.text.starts_with('/') && !text.text.contains('\0') {
                self.rules.metrics = Some(PathBuf::from(text.text));
            } else {
                let cause = format!("{} is not an absolute path", cited(text.text));
                reader.fail_in(&text, 0, cause, Some(format!("such as {example}")));
            }
        }
        self.errors.extend(reader.into_errors());
    }
}

/// Returns the cause and the hint where a text can't be the name of a rule: it becomes a field of a journal and a label.
fn judge_name(name: &str) -> Option<(String, &'static str)> {
    let hint = "a name has letters, digits, `-` and `_`";
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    if name.is_empty() {
        return Some(("the name of a rule is empty".to_owned(), hint));
    }
    if name.len() > LONGEST_NAME {
        let cause = format!("the name of a rule is longer than {LONGEST_NAME} bytes");
        return Some((cause, hint));
    }
    let is_right = name.chars().all(is_part) && !name.starts_with('-');
    (!is_right).then(|| (format!("{} is not the name of a rule", cited(name)), hint))
}

const LONGEST_NAME: usize = 64;
