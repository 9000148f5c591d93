//! The user behind sudo(8), and their rights.

use std::io;
use std::path::PathBuf;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{CapabilitySet, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// The user who called sudo(8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SudoUser {
    user: Uid,
    group: Gid,
}

impl SudoUser {
    /// Returns the user of the environment where this is root by sudo(8).
    pub(crate) fn find() -> Option<Self> {
        let variable = |name| std::env::var(name).ok();
        geteuid()
            .is_root()
            .then(|| Self::of(variable("SUDO_UID"), variable("SUDO_GID")))?
    }

    /// Returns the user of these values, unless that is root.
    fn of(user: Option<String>, group: Option<String>) -> Option<Self> {
        let number = |text: Option<String>| text?.parse::<u32>().ok().filter(|id| *id != u32::MAX);
        let user = number(user).filter(|user| *user != 0)?;
        Some(Self {
            user: Uid::from_raw(user),
            group: Gid::from_raw(number(group)?),
        })
    }

    /// Returns the user's home, as the system's accounts have it.
    pub(crate) fn home(self) -> Option<PathBuf> {
        use uzers::os::unix::UserExt as _;
        let user = uzers::get_user_by_uid(self.user.as_raw())?;
        Some(user.home_dir().to_owned())
    }

    /// The capabilities that [`assume`](Self::assume) needs.
    pub(crate) const CAPABILITIES: CapabilitySet =
        CapabilitySet::SETUID.union(CapabilitySet::SETGID);

    /// Gives this thread the ids of the user, and none of root's groups and capabilities.
    pub(crate) fn assume(self) -> io::Result<()> {
        let Self { user, group } = self;
        set_thread_groups(&[group])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_of_sudo_is_believed_only_where_it_is_a_user() {
        let of =
            |user: &str, group: &str| SudoUser::of(Some(user.to_owned()), Some(group.to_owned()));
        let expected = SudoUser {
            user: Uid::from_raw(1000),
            group: Gid::from_raw(100),
        };
        assert_eq!(of("1000", "100"), Some(expected));
        for (user, group) in [
            ("0", "0"),
            ("", ""),
            ("-1", "100"),
            ("4294967295", "100"),
            ("1000", "x"),
        ] {
            assert_eq!(of(user, group), None, "{user} {group}");
        }
        assert_eq!(SudoUser::of(None, None), None);
    }
}
