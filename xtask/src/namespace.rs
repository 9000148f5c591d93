//! The network namespace that tests, benchmark and soak run in, so that none can touch a connection of the host.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// A way to make a network namespace that works here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Namespace {
    unshare: &'static [&'static str],
}

impl Namespace {
    /// Finds the first way that works, by trying: neither a user ID nor a capability shows whether a container
    /// or a security module is going to refuse.
    pub(crate) fn find() -> Result<Self> {
        let mut refusals = Vec::new();
        for way in WAYS {
            let output = way.enter(&command::program(["true"])).output()?;
            if output.status.success() {
                return Ok(*way);
            }
            let reason = String::from_utf8_lossy(&output.stderr);
            refusals.push(format!("{}: {}", way.unshare.join(" "), reason.trim_end()));
        }
        bail!(
            "{}",
            refused(&refusals.join("\n  "), userns_is_restricted())
        );
    }

    /// Returns the command as it is run in a new namespace of this kind.
    ///
    /// The environment is kept, so that a cargo which runs as root of a user namespace
    /// still finds its home by HOME or CARGO_HOME; and the files there still belong to it.
    pub(crate) fn enter(self, command: &Command) -> Command {
        let words = ["sh", "-c", SETUP, "sh"];
        let words = self.unshare.iter().copied().chain(words);
        let mut entered = command::program(words);
        entered.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entered.env(name, value),
                None => entered.env_remove(name),
            };
        }
        entered
    }
}

/// The ways: as root, and as any user, who becomes root of a user namespace.
const WAYS: &[Namespace] = &[
    Namespace {
        unshare: &["unshare", "--net", "--"],
    },
    Namespace {
        unshare: &["unshare", "-Urn", "--"],
    },
];

/// The script that prepares a new namespace, whose loopback is down. A test with a namespace of its own gets 1024 buckets
/// instead of a reference to the host's, which may have half a million to go through at each dump
/// (Linux 6.1; where the kernel lacks it, or /proc/sys is read-only, tests are merely slower).
const SETUP: &str = "ip link set lo up || exit; \
    { echo 1024 >/proc/sys/net/ipv4/tcp_child_ehash_entries; } 2>/dev/null; \
    exec \"$@\"";

fn refused(refusals: &str, restricted: bool) -> String {
    let mut text = format!(
        "this system does not let you make a network namespace, without which the tests could touch the host's connections:\n  {refusals}\n"
    );
    if restricted {
        text += "AppArmor keeps user namespaces from normal users here \
                 (kernel.apparmor_restrict_unprivileged_userns = 1). To allow them until the next boot:\n  \
                 sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\nor run the tests as root:\n";
    } else {
        text += "User namespaces may be switched off (user.max_user_namespaces, kernel.unprivileged_userns_clone), \
                 or a container forbids them. Run the tests as root, in a container with CAP_SYS_ADMIN:\n";
    }
    text + "  sudo env \"PATH=$PATH\" \"HOME=$HOME\" CARGO_TARGET_DIR=target/root cargo xtask test"
}

fn userns_is_restricted() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        .is_ok_and(|value| value.trim() == "1")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn a_command_keeps_its_words_and_variables() {
        let mut inner = command::program(["cargo", "test", "a b"]);
        inner.env("KEY", "value");
        let entered = WAYS[1].enter(&inner);

        assert_eq!(entered.get_program(), "unshare");
        let args: Vec<OsString> = entered.get_args().map(OsString::from).collect();
        assert_eq!(
            args,
            [
                "-Urn", "--", "sh", "-c", SETUP, "sh", "cargo", "test", "a b"
            ]
        );
        let variables: Vec<_> = entered.get_envs().collect();
        assert_eq!(variables, [("KEY".as_ref(), Some("value".as_ref()))]);
    }

    #[test]
    fn a_refusal_says_why_and_what_to_do() {
        let text = refused("unshare -Urn --: Operation not permitted", true);
        assert!(text.contains("Operation not permitted"));
        assert!(text.contains("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
        assert!(text.contains("sudo env"));

        let text = refused("", false);
        assert!(!text.contains("AppArmor"));
        assert!(text.contains("user.max_user_namespaces"));
    }
}
