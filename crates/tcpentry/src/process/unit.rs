//! The unit of systemd in the path of a cgroup. Pure text.

use std::fmt;

use super::cgroup_path::{CgroupPath, is_believed, write_user};
use super::unescape::unescape_hex;
use crate::escape::escape_for_terminal;

/// A unit of systemd, by its full name: `nginx.service`.
///
/// It is the unit of this host's service manager, or of a user's below `user@UID.service`, which is shown as that user's
/// (`user:1000:syncthing.service`); what a service manager inside of that unit (in a container) makes below it is none
/// of this host's.
///
/// ```
/// use tcpentry::process::Unit;
/// let unit = Unit::from_cgroup("/system.slice/nginx.service").unwrap();
/// assert!(unit.matches_name("nginx") && unit.matches_name("nginx.service"));
/// assert!(Unit::from_cgroup("/user.slice").is_none());
///
/// let users = "/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service";
/// let unit = Unit::from_cgroup(users).unwrap();
/// assert_eq!(unit.to_string(), "user:1000:nginx.service");
/// # let own = rustix::process::geteuid().as_raw() == 1000;
/// # if !own {
/// assert!(unit.matches_name("user:1000:nginx") && !unit.matches_name("nginx"));
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    name: String,
    user: Option<u32>,
}

impl Unit {
    /// Returns the unit that made this cgroup, or one above it.
    pub fn from_cgroup<'p>(path: impl Into<CgroupPath<'p>>) -> Option<Self> {
        let names = path.into().names();
        let mut units = names.filter_map(|(name, user)| {
            let name = without_underscore(name);
            let suffix = UNITS.into_iter().find(|suffix| name.ends_with(suffix));
            suffix
                .is_some_and(|suffix| name.len() > suffix.len())
                .then_some((name, user))
        });
        let first = units.next()?;
        let is_manager_of_user = first.0.starts_with("user@") && first.0.ends_with(SERVICE);
        let of_user = if is_manager_of_user {
            units.next()
        } else {
            None
        };
        let (name, user) = of_user.unwrap_or(first);
        Some(Self {
            name: name.to_owned(),
            user,
        })
    }

    /// Returns its name as `systemctl` prints it: with its escapes (`\x2d`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of the user who has made it, in a tree that was left to that user; `None` for root.
    pub const fn user(&self) -> Option<u32> {
        self.user
    }

    /// Returns true when this is its exact name; a name without the suffix of a unit means the service. A name that no
    /// unit has, such as one with a blank, is compared without escapes: `a-b` and `a\x2db` are two units. That of another
    /// user's takes the user before it, as it is shown: `user:1000:syncthing`.
    pub fn matches_name(&self, name: &str) -> bool {
        let plain = match self.user {
            Some(uid) => name.strip_prefix(&format!("user:{uid}:")),
            None => None,
        };
        let Some(name) = plain.or_else(|| is_believed(self.user).then_some(name)) else {
            return false;
        };
        let is = |name: &str| {
            self.name == name
                || (!name.chars().all(is_of_a_unit) && unescape_hex(&self.name) == name)
                || escape_for_terminal(self.name.as_bytes()) == name
        };
        if UNITS.into_iter().any(|suffix| name.ends_with(suffix)) {
            is(name)
        } else {
            is(&format!("{name}{SERVICE}"))
        }
    }
}

/// Returns true for a character that stands for itself in the name of a unit (systemd.unit(5)).
fn is_of_a_unit(c: char) -> bool {
    c.is_ascii_alphanumeric() || ":-_.\\@".contains(c)
}

impl fmt::Display for Unit {
    /// Writes whose it is, where it is a user's, and its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_user(f, self.user)?;
        f.write_str(&self.name)
    }
}

/// Removes the underscore that systemd puts before a name that would mean something to the kernel.
fn without_underscore(part: &str) -> &str {
    part.strip_prefix('_').unwrap_or(part)
}

pub(super) const SERVICE: &str = ".service";
pub(super) const SCOPE: &str = ".scope";
/// The kinds of units that hold processes. A slice only holds units.
const UNITS: [&str; 5] = [SERVICE, SCOPE, ".socket", ".mount", ".swap"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_real_hosts() {
        for (path, unit) in [
            ("/system.slice/nginx.service", Some("nginx.service")),
            ("/init.scope", Some("init.scope")),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                Some("getty@tty1.service"),
            ),
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service",
                Some("postgresql@15-main.service"),
            ),
            ("/system.slice/rpcbind.socket", Some("rpcbind.socket")),
            (
                "/user.slice/user-1000.slice/session-3.scope",
                Some("session-3.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/init.scope",
                Some("init.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                Some("syncthing.service"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox\\x2desr-77.scope",
                Some("app-firefox\\x2desr-77.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service",
                Some("user@1000.service"),
            ),
            // Of the host, not of the container.
            (
                "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
                Some("systemd-nspawn@web.service"),
            ),
            // Delegated: the service makes cgroups of its own.
            (
                "/system.slice/containerd.service/kubepods/x.scope",
                Some("containerd.service"),
            ),
            ("/system.slice/_cpu.service", Some("cpu.service")),
            ("/user.slice/user-1000.slice", None),
            ("/.service", None),
            ("/docker/abc", None),
            ("/", None),
            ("", None),
        ] {
            let found = Unit::from_cgroup(path);
            assert_eq!(found.as_ref().map(Unit::name), unit, "{path}");
        }
    }

    #[test]
    fn a_unit_is_called_by_its_name() {
        let unit = |path| Unit::from_cgroup(path).unwrap();
        let nginx = unit("/system.slice/nginx.service");
        assert!(nginx.matches_name("nginx") && nginx.matches_name("nginx.service"));
        for other in [
            "ngin",
            "nginx.",
            "nginx.scope",
            "nginx.service.service",
            "",
            "*",
        ] {
            assert!(!nginx.matches_name(other), "{other}");
        }
        let scope = unit("/user.slice/user-0.slice/session-3.scope");
        assert!(scope.matches_name("session-3.scope") && !scope.matches_name("session-3"));
        let escaped = unit("/system.slice/my\\x2dapp@a\\x20b.service");
        for name in ["my-app@a b", "my\\x2dapp@a\\x20b", "my-app@a b.service"] {
            assert!(escaped.matches_name(name), "{name}");
        }
        let literal = unit("/system.slice/a\\x2db.service");
        assert!(literal.matches_name("a\\x2db") && literal.matches_name("a\\x2db.service"));
        for other in ["a-b", "a-b.service"] {
            assert!(!literal.matches_name(other), "{other} is another unit");
        }
        let dotted = unit("/system.slice/org.example.Daemon.service");
        assert!(dotted.matches_name("org.example.Daemon"));
    }

    /// Users name what they make below their own manager as they like.
    #[test]
    fn a_unit_of_another_user_is_not_taken_for_the_hosts() {
        let uid = rustix::process::geteuid().as_raw() + 1000;
        let path =
            format!("/user.slice/user-{uid}.slice/user@{uid}.service/app.slice/nginx.service");
        let unit = Unit::from_cgroup(&*path).unwrap();
        assert_eq!(unit.to_string(), format!("user:{uid}:nginx.service"));
        for name in [
            "nginx",
            "nginx.service",
            &format!("user@{uid}"),
            "user:1:nginx",
        ] {
            assert!(!unit.matches_name(name), "{name}");
        }
        for name in ["nginx", "nginx.service"] {
            assert!(unit.matches_name(&format!("user:{uid}:{name}")), "{name}");
        }
        // This program's own user means its own.
        let own = Unit {
            user: Some(rustix::process::geteuid().as_raw()),
            ..unit
        };
        assert!(own.matches_name("nginx"));
    }
}
