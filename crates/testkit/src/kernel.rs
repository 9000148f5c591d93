//! The release of the running kernel, and what depends on it: docs/KERNELS.md.

/// Returns the kernel's release without the suffix of its distribution: `6.12.9`.
pub fn release() -> String {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let (release, _) = release.split_once('-').unwrap_or((&release, ""));
    release.to_owned()
}

/// Returns true if this kernel is of that release or a later one.
///
/// If a distribution has backported a change to an older one, a test skips what it could have seen.
pub fn is_at_least(major: u32, minor: u32) -> bool {
    let release = release();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    let own = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    own >= (major, minor)
}

/// Returns true if the kernel shows sockets that are only bound.
pub fn shows_bound() -> bool {
    is_at_least(6, 8)
}

/// The reason to skip a test of sockets that are only bound.
pub const NO_BOUND: &str = "this kernel shows no socket that is only bound (Linux 6.8)";

/// Returns true if `SOCK_DESTROY` deletes sockets in TIME_WAIT, and in FIN_WAIT2 without an owner, which the kernel
/// treats alike. Measured: 5.10 does not, 6.1 does.
pub fn destroys_time_wait() -> bool {
    is_at_least(6, 1)
}

/// Returns true if a set of nftables may have a catch-all element (`*`). Measured: 5.10 refuses it, 6.1 has it.
pub fn has_catch_all_elements() -> bool {
    is_at_least(5, 13)
}

/// The reason to skip a test of TIME_WAIT.
pub const NO_TIME_WAIT: &str = "this kernel destroys no socket in TIME_WAIT (Linux 6.1 does)";

/// Returns true if an orphan is gone once `SOCK_DESTROY` has been acknowledged: before 6.11 it could stay. Distributions
/// have backported this (Debian's 6.1 has it, its 5.10 has not), so an older kernel may or may not.
pub fn destroys_orphans() -> bool {
    is_at_least(6, 11)
}

/// The reason to skip a test of orphans.
pub const NO_ORPHANS: &str =
    "this kernel acknowledges the end of an orphan and leaves it there (Linux 6.11)";
