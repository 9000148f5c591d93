//! The tests that found something missing on this machine and said so instead of passing silently.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The variable with the file to which a test appends its line `skipped: TEST: reason`.
pub(super) const VARIABLE: &str = "TCPENTRY_SKIP_LOG";

/// The file that the tests append to, removed with this value.
pub(super) struct SkipLog {
    path: PathBuf,
}

impl SkipLog {
    pub(super) fn create() -> Result<Self> {
        let name = format!("tcpentry-skipped-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Never follows a link that somebody else has put there.
        File::create_new(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, of a step that is no test of cargo's.
    pub(super) fn add(&self, step: &str, reason: &str) -> Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path);
        let mut file = file.with_context(|| format!("cannot open {}", self.path.display()))?;
        writeln!(file, "skipped: {step}: {reason}")?;
        Ok(())
    }

    pub(super) fn report(&self) -> Result<String> {
        let log = fs::read_to_string(&self.path)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(report(&log))
    }
}

impl Drop for SkipLog {
    fn drop(&mut self) {
        // It is empty or has been shown; left behind, it harms nobody.
        let _ = fs::remove_file(&self.path);
    }
}

fn report(log: &str) -> String {
    let mut lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    // Tests run at the same time: the order in the file says nothing.
    lines.sort_unstable();
    if lines.is_empty() {
        return "Skipped tests: none".to_owned();
    }
    let mut text = format!("Skipped tests: {}", lines.len());
    for line in lines {
        text += "\n  ";
        text += line.strip_prefix("skipped: ").unwrap_or(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_tests_are_counted_and_listed() {
        assert_eq!(report("\n"), "Skipped tests: none");
        assert_eq!(
            report("skipped: b: no IPv6\nskipped: a: no veth\nodd line\n"),
            "Skipped tests: 3\n  odd line\n  a: no veth\n  b: no IPv6"
        );
    }

    #[test]
    fn the_file_goes_with_the_log() {
        let log = SkipLog::create().unwrap();
        let path = log.path().to_owned();
        log.add("a", "b").unwrap();
        assert_eq!(log.report().unwrap(), "Skipped tests: 1\n  a: b");
        drop(log);
        assert!(!path.exists());
    }
}
