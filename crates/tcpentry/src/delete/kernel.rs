//! Abilities of the kernel's releases, by their numbers.

use std::sync::OnceLock;

/// Returns true if this kernel is older than 6.11, whatever was ported back to it.
pub(super) fn may_leave_orphans() -> bool {
    release().is_none_or(|release| release < (6, 11))
}

/// Returns true if this kernel can be asked for the connections of MPTCP: an older one would list other sockets.
pub(super) fn lists_mptcp() -> bool {
    release().is_some_and(|release| release >= (5, 9))
}

/// Returns the release of the kernel that is asked, by its first two numbers. That of the unit tests is made up, and like the newest wherever they run.
pub(crate) fn release() -> Option<(u32, u32)> {
    static RELEASE: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    if cfg!(test) {
        return Some((7, 0));
    }
    *RELEASE.get_or_init(|| {
        let name = rustix::system::uname();
        version(&name.release().to_string_lossy())
    })
}

/// Parses the first two numbers of a release, as in `6.1.0-28-amd64`.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
