//! The output of a machine's serial port: the line that begins a suite, and all that was read.

/// The output of one machine.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The lines that were written to the second serial port.
    pub(crate) results: String,
    /// True where the machine was booted twice, the first time in vain.
    pub(crate) again: bool,
}

/// The prefix of the line that a machine writes before the tests of an executable, or before its checks.
pub(crate) const SUITE: &str = "suite ";

/// Returns true once a test executable has been started.
pub(crate) fn have_begun(said: &str) -> bool {
    said.lines().any(|line| line.starts_with(SUITE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_that_ended_before_its_tests_is_worth_another_boot() {
        assert!(!have_begun(""));
        assert!(have_begun("suite kernel\n"));
    }
}
