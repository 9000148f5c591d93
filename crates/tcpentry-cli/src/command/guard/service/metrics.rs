//! The state of the service in the text format of Prometheus, for the textfile collector of node_exporter.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::status::{GuardStatus, RuleStatus};
use crate::file;

/// Returns the metrics as text.
pub(crate) fn text(status: &GuardStatus) -> String {
    let mut text = String::new();
    let mut of_service = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = writeln!(
            text,
            "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}\n{PREFIX}_{name} {value}"
        );
    };
    let reload = u64::from(status.last_reload_error.is_none());
    of_service(
        "start_time_seconds",
        GAUGE,
        "Start of the service since 1970.",
        status.started,
    );
    of_service(
        "dry_run",
        GAUGE,
        "1 where nothing is deleted.",
        status.dry_run.into(),
    );
    of_service(
        "paused",
        GAUGE,
        "1 where all rules are paused.",
        status.paused.into(),
    );
    of_service(
        "config_last_reload_successful",
        GAUGE,
        "1 unless the last reload failed.",
        reload,
    );
    of_service(
        "lost_log_records_total",
        COUNTER,
        "Log records that nobody read in time.",
        status.lost_log_records,
    );
    for (name, kind, help, value) in RULE_METRICS {
        let _ = writeln!(
            text,
            "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}"
        );
        for rule in &status.rules {
            if let Some(value) = value(rule) {
                let rule = label(&rule.name);
                let _ = writeln!(text, "{PREFIX}_{name}{{rule=\"{rule}\"}} {value}");
            }
        }
    }
    text
}

/// Replaces a file by this text, at once: a reader sees the old one or the new one. The file is readable by all.
///
/// # Errors
/// When the folder is not there or can't be written to, or something else than a regular file is at the path.
pub(crate) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(reason) = why_not_replaced(path) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
    }
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it names no file"));
    };
    // The collector reads what ends with .prom: not this.
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(".new");
    let beside = path.with_file_name(beside);
    file::replace(path, &beside, MODE, |file| {
        // Whatever the mask of the service is.
        file.set_permissions(fs::Permissions::from_mode(MODE))?;
        file.write_all(text.as_bytes())
    })
}

/// Returns why what is at this path is not replaced: a rename would put a file in the place of a device such as `/dev/null`,
/// which other programs need. A symbolic link is replaced, not followed.
pub(crate) fn why_not_replaced(path: &Path) -> Option<&'static str> {
    // Where nothing can be learnt about it, writing says why.
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    (!kind.is_file() && !kind.is_symlink())
        .then_some("is there, and is no regular file: it is not replaced")
}

/// Escapes the value of a label.
fn label(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

type RuleMetric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&RuleStatus) -> Option<u64>,
);

/// The metrics of each rule: name, type, help and value.
const RULE_METRICS: [RuleMetric; 15] = [
    ("looks_total", COUNTER, "Looks at the table.", |rule| {
        Some(rule.counts.looks)
    }),
    (
        "matched_total",
        COUNTER,
        "Connections that matched.",
        |rule| Some(rule.counts.matched),
    ),
    ("deleted_total", COUNTER, "Connections deleted.", |rule| {
        Some(rule.counts.deleted)
    }),
    (
        "gone_total",
        COUNTER,
        "Connections that had ended by themselves.",
        |rule| Some(rule.counts.gone),
    ),
    (
        "spared_total",
        COUNTER,
        "Connections that matched no longer.",
        |rule| Some(rule.counts.spared),
    ),
    (
        "guarded_total",
        COUNTER,
        "Connections that a guard protects.",
        |rule| Some(rule.counts.guarded),
    ),
    (
        "denied_total",
        COUNTER,
        "Deletions that were not permitted.",
        |rule| Some(rule.counts.denied),
    ),
    (
        "failed_total",
        COUNTER,
        "Deletions that failed otherwise.",
        |rule| Some(rule.counts.failed),
    ),
    (
        "fuse_blown_total",
        COUNTER,
        "Rounds in which more than max matched.",
        |rule| Some(rule.counts.fuse_blown),
    ),
    ("waiting", GAUGE, "Deletions that are due later.", |rule| {
        Some(rule.waiting)
    }),
    ("bans", GAUGE, "Prefixes that are banned.", |rule| rule.bans),
    (
        "rule_enabled",
        GAUGE,
        "1 where the rule is enabled.",
        |rule| Some(rule.enabled.into()),
    ),
    (
        "rule_paused",
        GAUGE,
        "1 where the rule is paused.",
        |rule| Some(rule.paused.into()),
    ),
    (
        "rule_dry_run",
        GAUGE,
        "1 where the rule deletes nothing.",
        |rule| Some(rule.dry_run.into()),
    ),
    (
        "last_event_timestamp_seconds",
        GAUGE,
        "Last event of the rule since 1970.",
        |rule| rule.last_event,
    ),
];

const MODE: u32 = 0o644;
const PREFIX: &str = "tcpentry_guard";
const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::super::status::tests::example;
    use super::*;

    /// Returns an empty folder of this test.
    fn folder(name: &str) -> PathBuf {
        let name = format!("tcpentry-metrics-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn each_metric_has_its_help_and_type() {
        let mut status = example();
        status.rules[0].name = "a\"b\\c\nd".to_owned();
        let text = text(&status);
        assert!(text.contains(
            "# HELP tcpentry_guard_deleted_total Connections deleted.\n\
             # TYPE tcpentry_guard_deleted_total counter\n\
             tcpentry_guard_deleted_total{rule=\"a\\\"b\\\\c\\nd\"} 1\n\
             tcpentry_guard_deleted_total{rule=\"bans\"} 0\n"
        ));
        assert!(text.contains("\ntcpentry_guard_bans{rule=\"bans\"} 150000\n"));
        assert!(!text.contains("tcpentry_guard_bans{rule=\"a"));
        assert!(text.contains("\ntcpentry_guard_config_last_reload_successful 0\n"));
        // Every sample stands below the type of its metric, and every line is complete.
        let mut metric = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(of) => metric = of.split(' ').next().unwrap(),
                None if line.starts_with('#') => assert!(line.starts_with("# HELP "), "{line}"),
                None => {
                    let (name, value) = line.rsplit_once(' ').unwrap();
                    assert_eq!(name.split('{').next(), Some(metric));
                    value.parse::<u64>().unwrap();
                }
            }
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_file_is_replaced_and_never_followed() {
        let folder = folder("file");
        let (path, other) = (folder.join("guard.prom"), folder.join("other"));
        fs::write(&other, "untouched").unwrap();
        symlink(&other, &path).unwrap();
        symlink(&other, folder.join(".guard.prom.new")).unwrap();
        for text in ["one\n", "two\n"] {
            write_file(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_to_string(&other).unwrap(), "untouched");
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o170_777, 0o100_644);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_regular_file_is_not_replaced() {
        let folder = folder("kinds");
        let path = folder.join("guard.prom");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let before = fs::symlink_metadata(&path).unwrap().file_type();
        let refused = write_file(&path, "x").unwrap_err();
        let said = "is there, and is no regular file: it is not replaced";
        assert_eq!(refused.to_string(), said);
        let after = fs::symlink_metadata(&path).unwrap().file_type();
        assert_eq!(after, before);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        drop(listener);
        assert!(why_not_replaced(Path::new("/dev/null")).is_some());
        assert!(why_not_replaced(&folder).is_some());
        assert!(why_not_replaced(&folder.join("none")).is_none());
        // A link to a device is replaced, and the device stays.
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        write_file(&path, "x").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = folder("failed");
        assert!(write_file(&folder.join("none/guard.prom"), "x").is_err());
        fs::create_dir_all(folder.join("guard.prom/full")).unwrap();
        assert!(write_file(&folder.join("guard.prom"), "x").is_err());
        assert!(write_file(Path::new("/"), "x").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
