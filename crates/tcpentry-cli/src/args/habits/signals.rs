//! The signals that kill and its like send.

/// Returns true for the name or the number of a signal.
pub(super) fn is_signal(word: &str) -> bool {
    let name = word.strip_prefix("SIG").unwrap_or(word);
    SIGNALS.contains(&name) || word.parse::<u8>().is_ok_and(|number| number <= 64)
}

const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV",
    "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR",
];
