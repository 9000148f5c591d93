//! Which kernel this is, for what differs between them: docs/KERNELS.md.

/// Whether this kernel is of that release or a later one.
///
/// Where a distribution has carried something back to an older one, a test skips what it could have seen.
pub fn is_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    let own = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    own >= (major, minor)
}

/// Whether sockets that are only bound are shown.
pub fn shows_bound() -> bool {
    is_at_least(6, 8)
}

/// Why a test of them is skipped.
pub const NO_BOUND: &str = "this kernel shows no socket that is only bound (Linux 6.8)";

/// Whether `SOCK_DESTROY` does sockets in TIME_WAIT, and in FIN_WAIT2 without an owner, which are the same to
/// the kernel. Measured: 5.10 does not, 6.1 does.
pub fn destroys_time_wait() -> bool {
    is_at_least(6, 1)
}

/// Why a test of them is skipped.
pub const NO_TIME_WAIT: &str = "this kernel destroys no socket in TIME_WAIT (Linux 6.1 does)";

/// Whether what `SOCK_DESTROY` acknowledges of an orphan is true: before 6.11 it could stay. Distributions have
/// carried this back (Debian's 6.1 has it, its 5.10 has not), so before that it may or may not.
pub fn destroys_orphans() -> bool {
    is_at_least(6, 11)
}

/// Why a test of them is skipped.
pub const NO_ORPHANS: &str =
    "this kernel acknowledges the end of an orphan and leaves it there (Linux 6.11)";
