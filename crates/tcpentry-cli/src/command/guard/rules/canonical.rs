//! The canonical form of a configuration: TOML that reads back as the same rules.

use std::fmt::{self, Write as _};

use tcpentry::filter::Prefix;

use super::trigger::ABSENT_FOR;
use super::variables::from_sets;
use super::{NetnsScope, Rule, Rules, Trigger};
use crate::output::exact_duration;

impl fmt::Display for Rule {
    /// Writes its table: the keys in the order of the manual, and those that are as without them not at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = CanonicalTable::new(format!("rule.{}", self.name));
        match &self.trigger {
            Trigger::Every(time) => table.text("every", &exact_duration(*time)),
            trigger => table.text("when", &trigger.when().unwrap_or_default()),
        }
        match &self.trigger {
            Trigger::AddressRemoved {
                device: Some(device),
            } => table.text("device", device),
            Trigger::NameChanged { absent_for, .. } if *absent_for != ABSENT_FOR => {
                table.text("absent-for", &exact_duration(*absent_for));
            }
            _ => {}
        }
        table.text("delete", &from_sets(&self.delete));
        if let Some(except) = &self.except {
            table.text("except", &from_sets(except));
        }
        table.flag("everything", self.everything, false);
        match &self.netns {
            NetnsScope::Own => {}
            NetnsScope::All => table.text("netns", "all"),
            NetnsScope::Named(names) => table.texts("netns", names),
        }
        if let Some(time) = self.matched_for {
            table.text("matched-for", &exact_duration(time));
        }
        if let Some(max) = self.max {
            table.line("max", &max.to_string());
        }
        if let Some(rate) = self.rate {
            table.text("rate", &rate.to_string());
        }
        if let Some(time) = self.spread {
            table.text("spread", &exact_duration(time));
        }
        table.flag("enabled", self.enabled, true);
        table.flag("dry-run", self.dry_run, false);
        table.flag("listeners", self.listeners, false);
        table.flag("ssh-sessions", self.ssh_sessions, false);
        f.write_str(&table.finish())
    }
}

impl Rules {
    /// Returns `[guard]`; empty where nothing is in it.
    pub(in crate::command::guard) fn canonical_guard(&self) -> String {
        if self.never.is_empty() && self.metrics.is_none() {
            return String::new();
        }
        let mut table = CanonicalTable::new("guard".to_owned());
        let mut never: Vec<Prefix> = self.never.iter().collect();
        never.sort_unstable();
        if !never.is_empty() {
            let never: Vec<_> = never.iter().map(ToString::to_string).collect();
            table.texts("never", &never);
        }
        if let Some(path) = &self.metrics {
            // It was read from a text.
            table.text("metrics", &path.to_string_lossy());
        }
        table.finish()
    }
}

/// A table that is being written: the keys one below the other, their values too.
struct CanonicalTable {
    title: String,
    lines: Vec<(&'static str, String)>,
}

impl CanonicalTable {
    fn new(title: String) -> Self {
        Self {
            title,
            lines: Vec::new(),
        }
    }

    fn line(&mut self, key: &'static str, value: &str) {
        self.lines.push((key, value.to_owned()));
    }

    fn text(&mut self, key: &'static str, text: &str) {
        self.line(key, &quoted(text));
    }

    fn texts(&mut self, key: &'static str, texts: &[String]) {
        let texts: Vec<_> = texts.iter().map(|it| quoted(it)).collect();
        self.line(key, &format!("[{}]", texts.join(", ")));
    }

    fn flag(&mut self, key: &'static str, flag: bool, default: bool) {
        if flag != default {
            self.line(key, &flag.to_string());
        }
    }

    fn finish(self) -> String {
        let width = self.lines.iter().map(|(key, _)| key.len()).max();
        let width = width.unwrap_or_default();
        let mut text = format!("[{}]\n", self.title);
        for (key, value) in self.lines {
            let _ = writeln!(text, "{key:width$} = {value}");
        }
        text
    }
}

/// Returns a string of TOML. What a terminal would act upon is escaped.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.contains(|it: char| it == '\'' || is_hidden(it)) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            it if is_hidden(it) => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(it));
            }
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns true for a character that a terminal does not show as itself.
fn is_hidden(character: char) -> bool {
    let mut bytes = [0; 4];
    let text = &*character.encode_utf8(&mut bytes);
    tcpentry::escape::escape_for_terminal(text.as_bytes()) != text && character != '\\'
}
