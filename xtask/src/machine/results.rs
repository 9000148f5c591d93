//! The results of the tests on one kernel.

use std::collections::BTreeSet;
use std::fmt;

use super::console::{SUITE, Said};

/// The results of all tests on one kernel.
#[derive(Debug, Default)]
pub(crate) struct Results {
    release: String,
    passed: usize,
    failed: Vec<String>,
    /// `TEST: reason`; libtest counts them as passed.
    skipped: Vec<String>,
    /// True if all suites came to their end.
    finished: bool,
    /// True if it was booted twice.
    again: bool,
}

impl Results {
    pub(crate) fn read(release: &str, said: &Said) -> Self {
        let mut results = Self {
            release: release.to_owned(),
            again: said.again,
            ..Self::default()
        };
        let mut suite = "";
        let mut suites = 0;
        // By name: a failed test may show the output of a test run of its own.
        let mut ended = BTreeSet::new();
        for line in said.results.lines() {
            if let Some(name) = line.strip_prefix(SUITE) {
                (suite, suites) = (name, suites + 1);
            } else if line.starts_with("test result: ") {
                ended.insert(suite);
            } else if let Some(rest) = line.strip_prefix("test ") {
                match rest.rsplit_once(" ... ") {
                    Some((_, "ok")) => results.passed += 1,
                    Some((name, "FAILED")) => results.failed.push(format!("{suite}: {name}")),
                    _ => {}
                }
            } else if let Some(skip) = line.strip_prefix("skipped: ") {
                results.skipped.push(skip.to_owned());
            } else if line == "end" {
                results.finished = ended.len() == suites && suites > 0;
            }
        }
        results.passed = results.passed.saturating_sub(results.skipped.len());
        results.skipped.sort_unstable();
        results.failed.sort_unstable();
        results
    }

    pub(crate) fn are_good(&self) -> bool {
        self.finished && self.failed.is_empty() && self.passed > 0
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Linux {}: {} passed, {} failed, {} skipped",
            self.release,
            self.passed,
            self.failed.len(),
            self.skipped.len()
        )?;
        for name in &self.failed {
            write!(f, "\n  failed: {name}")?;
        }
        for skip in &self.skipped {
            write!(f, "\n  skipped: {skip}")?;
        }
        if self.again {
            write!(f, "\n  booted twice: it ended before the first test")?;
        }
        if !self.finished {
            write!(f, "\n  not all tests came to an end")?;
        }
        Ok(())
    }
}

/// Returns the table of docs/KERNELS.md.
pub(crate) fn table(all: &[Results]) -> String {
    let line = |results: &Results| {
        let Results {
            release,
            passed,
            failed,
            skipped,
            ..
        } = results;
        let (failed, skipped) = (failed.len(), skipped.len());
        format!("\n| {release} | {passed} | {failed} | {skipped} |")
    };
    let lines: String = all.iter().map(line).collect();
    format!("| kernel | passed | failed | skipped |\n|---|---|---|---|{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Results {
        let said = Said {
            results: said.to_owned(),
            again: false,
        };
        Results::read("6.1", &said)
    }

    #[test]
    fn what_was_skipped_has_not_passed() {
        let said = "suite kernel\ntest a::b ... ok\ntest a::c ... ok\ntest d ... FAILED\n\
                    test result: FAILED. 2 passed\nskips\nskipped: a::c: no veth\nend\n";
        let results = read(said);
        assert_eq!((results.passed, results.skipped.len()), (1, 1));
        assert_eq!(results.failed, ["kernel: d"]);
        assert!(results.finished && !results.are_good());
        assert!(table(&[results]).ends_with("| 6.1 | 1 | 1 | 1 |"));
    }

    #[test]
    fn a_run_within_a_failed_test_is_no_suite() {
        let said = "suite kernel\ntest a ... FAILED\nfailures:\ntest result: FAILED. 0 passed\n\
                    test result: FAILED. 0 passed\nskips\nend\n";
        assert!(read(said).finished);
    }

    #[test]
    fn a_kernel_that_stopped_in_the_middle_is_no_good_one() {
        let said = "suite kernel\ntest a ... ok\nskips\nend\n";
        assert!(!read(said).are_good());
        assert!(!read("").are_good());
    }

    #[test]
    fn a_second_boot_is_told() {
        let said = Said {
            results: "suite kernel\ntest a ... ok\ntest result: ok\nskips\nend\n".to_owned(),
            again: true,
        };
        let results = Results::read("6.1", &said);
        assert!(results.are_good());
        assert!(results.to_string().contains("booted twice"));
    }
}
