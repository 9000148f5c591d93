//! `--on HOST,...`: the hosts on which a command runs.

use std::str::FromStr;

use clap::Args as ClapArgs;
use tcpentry::escape::is_plain;

/// The option for other hosts.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct OnArgs {
    /// Run it on these hosts over ssh, which has to find tcpentry there; see REMOTE HOSTS in the manual
    #[arg(long, value_name = "HOST,...")]
    pub(crate) on: Option<HostList>,
}

/// The hosts, in the order given, each once. None is an option of ssh, or has a character that a terminal would act upon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostList(Vec<String>);

impl HostList {
    /// Returns the names as ssh gets them.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for HostList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut hosts: Vec<String> = Vec::new();
        for host in text.split(',').map(str::trim) {
            let shown = host.escape_debug();
            if host.is_empty() {
                return Err("a host has no name; expected HOST,HOST".to_owned());
            }
            if host.starts_with('-') {
                return Err(format!(
                    "`{shown}` is an option, not a host; options for ssh belong into ssh_config(5) or TCPENTRY_SSH"
                ));
            }
            // In front of an identity a slash ends the host.
            let name = host.strip_prefix("ssh://").unwrap_or(host);
            if !name.chars().all(may_be_in_name) || name.is_empty() {
                return Err(format!("`{shown}` is not the name of a host"));
            }
            if hosts.iter().any(|other| other == host) {
                return Err(format!("`{shown}` is given twice"));
            }
            hosts.push(host.to_owned());
        }
        Ok(Self(hosts))
    }
}

fn may_be_in_name(character: char) -> bool {
    (character.is_alphanumeric() && is_plain(character)) || "@.-_:%[]+=~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_what_ssh_takes() {
        for (text, hosts) in [
            ("a", &["a"][..]),
            ("a,root@b,c.example", &["a", "root@b", "c.example"]),
            ("a, b", &["a", "b"]),
            (
                "::1,fe80::1%eth0,ssh://me@c:2222",
                &["::1", "fe80::1%eth0", "ssh://me@c:2222"],
            ),
        ] {
            assert_eq!(text.parse::<HostList>().unwrap().names(), hosts);
        }
    }

    #[test]
    fn what_is_no_host_never_gets_to_ssh() {
        for text in [
            "",
            ",",
            "a,",
            ",a",
            "a,,b",
            "-oProxyCommand=x",
            "a,-v",
            "a,a",
            "a b",
            "a/b",
            "a;b",
            "$(a)",
            "a\u{1b}[m",
            "ssh://",
            "ssh://a/b",
            "`a`",
            "a\nb",
        ] {
            assert!(text.parse::<HostList>().is_err(), "{text:?}");
        }
    }
}
