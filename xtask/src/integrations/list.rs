//! The integrations, and the programs that each is tested with.

use std::path::{Path, PathBuf};

use crate::command;

/// One folder of `integrations/`.
#[derive(Debug)]
pub(super) struct Integration {
    /// The name of its folder, whose `test.sh` is its test.
    pub(super) name: &'static str,
    /// The time after which the test is killed.
    pub(super) seconds: u32,
    /// Set if `cargo xtask test` runs it, too.
    pub(super) is_quick: bool,
    /// The programs it needs, each with its Debian package.
    needs: &'static [(&'static str, &'static str)],
}

/// A further integration is a line here, and a folder with `README.md` and `test.sh`.
#[rustfmt::skip]
pub(super) const INTEGRATIONS: &[Integration] = &[
    quick("fail2ban",   150, &[PYTHON, NFT, ("fail2ban-server", "fail2ban"), ("iptables-nft", "iptables"), ("ufw", "ufw"),
        ("firewalld", "firewalld")]),
    slow("sshguard",     90, &[PYTHON, NFT, ("sshguard", "sshguard")]),
    quick("nftables",    90, &[PYTHON, NFT]),
    quick("wazuh",       60, &[PYTHON]),
    slow("crowdsec",    120, &[PYTHON, NFT, ("crowdsec", "crowdsec"), ("crowdsec-custom-bouncer", "crowdsec-custom-bouncer"),
        ("crowdsec-firewall-bouncer", "crowdsec-firewall-bouncer")]),
    slow("pacemaker",   300, &[PYTHON, ("pacemakerd", "pacemaker"), ("crm_resource", "pacemaker-cli-utils"), ("corosync", "corosync"),
        ("ocf-tester", "resource-agents"), ("xmllint", "libxml2-utils")]),
    slow("ctdb",        200, &[PYTHON, ("ctdbd", "ctdb"), ("ethtool", "ethtool"), ("iptables-nft", "iptables")]),
    slow("keepalived",  150, &[PYTHON, ("keepalived", "keepalived")]),
    slow("systemd",     120, &[PYTHON, ("keepalived", "keepalived"), ("/lib/systemd/systemd", "systemd")]),
    slow("ansible",     600, &[PYTHON, ("ansible-playbook", "ansible-core"), ("sshd", "openssh-server"), ("sudo", "sudo")]),
    slow("fleet",       700, &[PYTHON, ("ansible-playbook", "ansible-core"), ("sshd", "openssh-server")]),
];

const PYTHON: (&str, &str) = ("/usr/bin/python3", "python3-minimal");
const NFT: (&str, &str) = ("nft", "nftables");

const fn quick(
    name: &'static str,
    seconds: u32,
    needs: &'static [(&'static str, &'static str)],
) -> Integration {
    Integration {
        name,
        seconds,
        is_quick: true,
        needs,
    }
}

const fn slow(
    name: &'static str,
    seconds: u32,
    needs: &'static [(&'static str, &'static str)],
) -> Integration {
    Integration {
        is_quick: false,
        ..quick(name, seconds, needs)
    }
}

impl Integration {
    /// Returns the folder below which packages for it are unpacked.
    pub(super) fn folder(&self, target: &Path) -> PathBuf {
        target.join("integrations").join(self.name)
    }

    /// Returns the packages of the programs that are neither installed nor unpacked.
    pub(super) fn missing(&self, target: &Path) -> Vec<&'static str> {
        let roots = [PathBuf::from("/"), self.folder(target).join("root")];
        let is_there = |program: &str| {
            roots.iter().any(|root| match program.strip_prefix('/') {
                Some(path) => command::is_executable(&root.join(path)),
                None => ["usr/bin", "usr/sbin"]
                    .iter()
                    .any(|folder| command::is_executable(&root.join(folder).join(program))),
            })
        };
        let missing = self.needs.iter().filter(|(program, _)| !is_there(program));
        missing.map(|(_, package)| *package).collect()
    }
}
