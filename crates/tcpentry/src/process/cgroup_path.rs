//! The path of a cgroup, and the part of it that a user may have named.

use std::fmt;

/// The path of a cgroup as in `/proc/PID/cgroup`, and the user to whom a part of the tree was left.
///
/// A service manager hands a part of the tree to a user (`user@1000.service`, `Delegate=`), who makes cgroups of any name
/// below it. A name there means what that user wants it to mean, so that [`Unit`](super::Unit) and
/// [`Container`](super::Container) say whose it is.
///
/// Made of a text, it knows the users' own service managers of systemd (`/user.slice/user-UID.slice/user@UID.service`);
/// [`Cgroups`](super::Cgroups) knows every directory that does not belong to root, too.
///
/// ```
/// use tcpentry::process::CgroupPath;
/// let path = CgroupPath::from("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service");
/// assert_eq!(path.user(), Some(1000));
/// assert_eq!(CgroupPath::from("/system.slice/nginx.service").user(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CgroupPath<'p> {
    text: &'p str,
    left: Option<Delegation>,
    is_unseen: bool,
}

/// The path of a cgroup that is kept: a [`CgroupPath`] that owns its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CgroupPathBuf {
    text: String,
    left: Option<Delegation>,
    is_unseen: bool,
}

/// A part of the tree that was left to a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Delegation {
    /// The length of the path of the directory that was left to the user; its own name is not the user's.
    pub(super) end: usize,
    pub(super) uid: u32,
}

impl<'p> CgroupPath<'p> {
    /// Adds a delegation that was found in the file system; the outermost counts.
    pub(super) fn with_delegation(text: &'p str, found: Option<Delegation>) -> Self {
        let by_name = Self::from(text).left;
        let left = [found, by_name].into_iter().flatten();
        Self {
            text,
            left: left.min_by_key(|it| it.end),
            is_unseen: false,
        }
    }

    /// Returns true where nobody could see who owns the directories (their hierarchy is not mounted), so that any of the
    /// names may be a user's.
    pub const fn is_ownership_unseen(self) -> bool {
        self.is_unseen
    }

    /// Returns true if a statement holds whoever owns the directories, false if it does not, and `None` if that decides
    /// and could not be seen.
    pub(crate) fn holds(self, statement: impl Fn(Self) -> bool) -> Option<bool> {
        let seen = |left| Self::with_delegation(self.text, left);
        if !self.is_unseen {
            return Some(statement(self));
        }
        let as_roots = statement(seen(None));
        let slashes = self.text.match_indices('/');
        // A user that this program's is not, since that one's names are believed.
        let mut as_users = slashes.map(|(end, _)| seen(Some(Delegation { end, uid: u32::MAX })));
        as_users
            .all(|path| statement(path) == as_roots)
            .then_some(as_roots)
    }

    /// Returns the text.
    pub const fn as_str(self) -> &'p str {
        self.text
    }

    /// Returns the number of the user to whom a part of the path was left, in which the last name stands.
    pub fn user(self) -> Option<u32> {
        let left = self.left?;
        let is_below = self.text.trim_end_matches('/').len() > left.end;
        is_below.then_some(left.uid)
    }

    /// Returns the names in it, each with the user who may have given it; `None` for root.
    pub(super) fn names(self) -> impl Iterator<Item = (&'p str, Option<u32>)> {
        let mut start = 0;
        self.text.split('/').filter_map(move |name| {
            let begins = start;
            start += name.len() + 1;
            let user = self.left.filter(|left| begins > left.end);
            (!name.is_empty()).then_some((name, user.map(|left| left.uid)))
        })
    }
}

impl CgroupPathBuf {
    /// Keeps a path of whose directories the owners were seen.
    pub(super) fn seen(text: String, found: Option<Delegation>) -> Self {
        let left = CgroupPath::with_delegation(&text, found).left;
        Self {
            text,
            left,
            is_unseen: false,
        }
    }

    /// Keeps a path of whose directories they were not.
    pub(super) fn unseen(text: String) -> Self {
        Self {
            is_unseen: true,
            ..Self::seen(text, None)
        }
    }

    /// Returns the path.
    pub fn as_path(&self) -> CgroupPath<'_> {
        CgroupPath {
            text: &self.text,
            left: self.left,
            is_unseen: self.is_unseen,
        }
    }

    /// Returns the length of the part in which all names are root's.
    pub(super) fn made_by_root(&self) -> usize {
        self.left.map_or(self.text.len(), |left| left.end)
    }
}

impl fmt::Display for CgroupPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'p> From<&'p str> for CgroupPath<'p> {
    fn from(text: &'p str) -> Self {
        let left = manager_of_user(text).filter(|left| left.uid != 0);
        Self {
            text,
            left,
            is_unseen: false,
        }
    }
}

impl<'p> From<&'p String> for CgroupPath<'p> {
    fn from(text: &'p String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for CgroupPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Finds the cgroup of a user's service manager at the beginning of a path.
fn manager_of_user(path: &str) -> Option<Delegation> {
    let mut names = path.strip_prefix("/user.slice/user-")?.splitn(3, '/');
    let uid = names.next()?.strip_suffix(".slice")?;
    let manager = names.next()?;
    let is_manager = manager
        .strip_prefix("user@")
        .and_then(|name| name.strip_suffix(".service"))
        == Some(uid);
    let end = "/user.slice/user-.slice/".len() + uid.len() + manager.len();
    let uid = uid.parse().ok().filter(|_| is_manager)?;
    Some(Delegation { end, uid })
}

/// Writes whose a name is, before the name: `user:1000:`.
pub(super) fn write_user(f: &mut fmt::Formatter<'_>, user: Option<u32>) -> fmt::Result {
    match user {
        Some(uid) => write!(f, "user:{uid}:"),
        None => Ok(()),
    }
}

/// Returns true where this program takes names for what they say: those that root gave, and those of its own user.
pub(super) fn is_believed(user: Option<u32>) -> bool {
    user.is_none_or(|uid| uid == rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_a_users_manager_are_that_users() {
        let names = |path| {
            let names = CgroupPath::from(path).names();
            names.collect::<Vec<_>>()
        };
        let some = Some(1000);
        assert_eq!(
            names("/user.slice/user-1000.slice/user@1000.service/a.slice//b"),
            [
                ("user.slice", None),
                ("user-1000.slice", None),
                ("user@1000.service", None),
                ("a.slice", some),
                ("b", some)
            ]
        );
        for roots in [
            "/user.slice/user-1000.slice/session-3.scope",
            "/user.slice/user-0.slice/user@0.service/x.service",
            "/user.slice/user-1000.slice/user@1001.service/x",
            "/x/user.slice/user-1000.slice/user@1000.service/x",
            "/user.slice/user-x.slice/user@x.service/x",
            "/user.slice/user-1000.slice/user@1000.service",
            "/system.slice/a.service",
            "/",
            "",
        ] {
            assert!(
                names(roots).iter().all(|(_, user)| user.is_none()),
                "{roots}"
            );
            assert_eq!(CgroupPath::from(roots).user(), None, "{roots}");
        }
        // Who has a tree can put another one's into it.
        let nested =
            "/user.slice/user-7.slice/user@7.service/user.slice/user-8.slice/user@8.service/x";
        assert_eq!(CgroupPath::from(nested).user(), Some(7));
    }

    #[test]
    fn what_depends_on_owners_that_are_not_seen_is_not_known() {
        let path = CgroupPathBuf::unseen("/a/docker/b".to_owned());
        let has = |name: &'static str, user: Option<u32>| {
            move |path: CgroupPath<'_>| path.names().any(|it| it == (name, user))
        };
        assert_eq!(path.as_path().holds(has("b", None)), None);
        assert_eq!(path.as_path().holds(has("c", None)), Some(false));
        assert_eq!(
            path.as_path().holds(|path| path.as_str().len() == 11),
            Some(true)
        );
        let seen = CgroupPathBuf::seen("/a/docker/b".to_owned(), None);
        assert_eq!(seen.as_path().holds(has("b", None)), Some(true));
        assert!(path.as_path().is_ownership_unseen() && !seen.as_path().is_ownership_unseen());
    }

    #[test]
    fn the_outermost_delegation_counts() {
        let path = "/user.slice/user-7.slice/user@7.service/a/b";
        let found = |end, uid| CgroupPath::with_delegation(path, Some(Delegation { end, uid }));
        assert_eq!(found("/user.slice".len(), 9).user(), Some(9));
        assert_eq!(found(path.len() - 2, 9).user(), Some(7));
        assert_eq!(CgroupPath::with_delegation(path, None).user(), Some(7));
    }
}
