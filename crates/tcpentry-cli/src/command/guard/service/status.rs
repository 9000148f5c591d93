//! The state of the service, as `guard status` shows it: a table for people, an object of JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tcpentry::escape::escape_for_terminal;

use super::journal::lost_records;
use crate::command::guard::state::rule::RuleCounts;
use crate::output::{Cells, ColumnSpec, Columns, Shape, duration, line};

/// The state of the service.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct GuardStatus {
    pub(crate) pid: u32,
    /// The time of its start, in seconds since 1970.
    pub(crate) started: u64,
    /// True where nothing is deleted, whatever the rules say.
    pub(crate) dry_run: bool,
    /// True where all rules are paused.
    pub(crate) paused: bool,
    /// The files that were read.
    pub(crate) config: Vec<String>,
    /// The reason why the last reload kept the old configuration; null where it did not.
    pub(crate) last_reload_error: Option<String>,
    pub(crate) lost_log_records: u64,
    /// Failures that are tried again, in words: as long as one stands, rules may miss what it is about.
    #[serde(default)]
    pub(crate) failures: Vec<String>,
    pub(crate) rules: Vec<RuleStatus>,
}

/// The state of a rule. The numbers are those since the start of the service.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RuleStatus {
    pub(crate) name: String,
    /// The event or the interval, as the configuration has it.
    pub(crate) trigger: String,
    pub(crate) enabled: bool,
    pub(crate) paused: bool,
    pub(crate) dry_run: bool,
    /// The time of the last event, in seconds since 1970; null where there was none.
    pub(crate) last_event: Option<u64>,
    pub(crate) last_event_text: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: RuleCounts,
    /// The number of deletions that are due later.
    pub(crate) waiting: u64,
    /// The number of prefixes that are banned; null for a rule without any.
    pub(crate) bans: Option<u64>,
}

impl RuleStatus {
    const fn state(&self) -> &'static str {
        match self {
            Self { enabled: false, .. } => "disabled",
            Self { paused: true, .. } => "paused",
            Self { dry_run: true, .. } => "dry-run",
            _ => "on",
        }
    }
}

/// Writes the state in this form; `now` is the time in seconds since 1970.
pub(crate) fn write_status(
    status: &GuardStatus,
    shape: Shape,
    header: bool,
    now: u64,
    mut out: impl Write,
) -> io::Result<()> {
    if shape == Shape::Json {
        line(&mut out, status)?;
        return out.flush();
    }
    if shape.is_human() {
        write_summary(status, now, &mut out)?;
    }
    let mut columns = vec![
        ColumnSpec::left("RULE"),
        ColumnSpec::left("STATE"),
        ColumnSpec::left("WHEN"),
    ];
    let numbers = [
        "LOOKS", "MATCHED", "DELETED", "GONE", "SPARED", "GUARDED", "DENIED", "FAILED", "FUSE",
        "WAITING", "BANS",
    ];
    columns.extend(numbers.map(ColumnSpec::right));
    columns.extend(["LAST", "EVENT"].map(ColumnSpec::left));
    let mut table = Columns::new(out, shape, columns, header);
    let mut cells = Cells::default();
    for rule in &status.rules {
        cells.clear();
        put(rule, shape, now, &mut cells);
        table.row(&cells)?;
    }
    table.flush()
}

fn put(rule: &RuleStatus, shape: Shape, now: u64, cells: &mut Cells) {
    cells.put(escape_for_terminal(rule.name.as_bytes()));
    cells.put(rule.state());
    cells.put(escape_for_terminal(rule.trigger.as_bytes()));
    let numbers = [
        rule.counts.looks,
        rule.counts.matched,
        rule.counts.deleted,
        rule.counts.gone,
        rule.counts.spared,
        rule.counts.guarded,
        rule.counts.denied,
        rule.counts.failed,
        rule.counts.fuse_blown,
        rule.waiting,
    ];
    for number in numbers {
        cells.formatted(format_args!("{number}"));
    }
    cells.put(rule.bans.map(|bans| bans.to_string()));
    cells.put(rule.last_event.map(|last| match shape {
        Shape::Human { .. } => age(last, now),
        _ => last.to_string(),
    }));
    let text = rule.last_event_text.as_deref();
    cells.put(text.map(|text| escape_for_terminal(text.as_bytes())));
}

/// Writes what is true of the service as a whole.
fn write_summary(status: &GuardStatus, now: u64, out: &mut impl Write) -> io::Result<()> {
    let up = duration(Duration::from_secs(now.saturating_sub(status.started)));
    write!(out, "pid {}, up {up}", status.pid)?;
    if status.dry_run {
        write!(out, ", dry run: nothing is deleted")?;
    }
    if status.paused {
        write!(out, ", paused")?;
    }
    writeln!(out)?;
    for file in &status.config {
        writeln!(
            out,
            "configuration: {}",
            escape_for_terminal(file.as_bytes())
        )?;
    }
    for warning in warnings(status) {
        writeln!(out, "{warning}")?;
    }
    writeln!(out)
}

/// Returns what is wrong with the service as a whole.
pub(crate) fn warnings(status: &GuardStatus) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(error) = &status.last_reload_error {
        let error = escape_for_terminal(error.as_bytes());
        warnings.push(format!(
            "the last reload failed, the configuration before it is kept: {error}"
        ));
    }
    if status.lost_log_records > 0 {
        warnings.push(lost_records(status.lost_log_records));
    }
    let failures = status.failures.iter();
    warnings.extend(failures.map(|failure| escape_for_terminal(failure.as_bytes())));
    warnings
}

fn age(last: u64, now: u64) -> String {
    let age = duration(Duration::from_secs(now.saturating_sub(last)));
    format!("{age} ago")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::command::guard::service) fn example() -> GuardStatus {
        GuardStatus {
            pid: 1234,
            started: 1_000_000,
            config: vec!["/etc/tcpentry/guard.d/a.toml".to_owned()],
            last_reload_error: Some("a.toml:3:1: \u{1b}[2J is not a key".to_owned()),
            lost_log_records: 3,
            failures: vec!["the watch can't be opened".to_owned()],
            rules: vec![
                RuleStatus {
                    name: "leak".to_owned(),
                    trigger: "every 30s".to_owned(),
                    enabled: true,
                    last_event: Some(1_000_060),
                    last_event_text: Some("2 matched".to_owned()),
                    counts: RuleCounts {
                        looks: 2,
                        matched: 3,
                        deleted: 1,
                        ..RuleCounts::default()
                    },
                    ..RuleStatus::default()
                },
                RuleStatus {
                    name: "bans".to_owned(),
                    trigger: "ban".to_owned(),
                    enabled: true,
                    paused: true,
                    bans: Some(150_000),
                    ..RuleStatus::default()
                },
            ],
            ..GuardStatus::default()
        }
    }

    fn text(shape: Shape) -> String {
        let mut out = Vec::new();
        write_status(&example(), shape, true, 1_000_120, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn for_people() {
        let expected = "\
pid 1234, up 2m
configuration: /etc/tcpentry/guard.d/a.toml
the last reload failed, the configuration before it is kept: a.toml:3:1: \\u{1b}[2J is not a key
3 log records are lost
the watch can't be opened

RULE  STATE   WHEN       LOOKS  MATCHED  DELETED  GONE  SPARED  GUARDED  DENIED  FAILED  FUSE  WAITING    BANS  LAST    EVENT
leak  on      every 30s      2        3        1     0       0        0       0       0     0        0       -  1m ago  2 matched
bans  paused  ban            0        0        0     0       0        0       0       0     0        0  150000  -       -
";
        assert_eq!(text(Shape::Human { color: false }), expected);
    }

    #[test]
    fn for_programs() {
        let rows: Vec<_> = text(Shape::Tabs).lines().map(str::to_owned).collect();
        assert_eq!(
            rows[1],
            "leak\ton\tevery 30s\t2\t3\t1\t0\t0\t0\t0\t0\t0\t0\t-\t1000060\t2 matched"
        );
        let json = text(Shape::Json);
        assert_eq!(
            serde_json::from_str::<GuardStatus>(&json).unwrap(),
            example()
        );
        assert!(json.contains("\"last_event\":null") && json.ends_with("}\n"));
    }

    #[test]
    fn the_state_of_a_rule() {
        let rule = |enabled, paused, dry_run| {
            let rule = RuleStatus {
                enabled,
                paused,
                dry_run,
                ..RuleStatus::default()
            };
            rule.state()
        };
        assert_eq!(rule(true, false, false), "on");
        assert_eq!(rule(true, false, true), "dry-run");
        assert_eq!(rule(true, true, true), "paused");
        assert_eq!(rule(false, true, true), "disabled");
    }
}
