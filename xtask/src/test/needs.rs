//! The programs that the tests run besides cargo, and where each comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::debian::{self, words};

/// The reaction to programs that the tests need and this machine lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Missing {
    /// Print them, and the command that installs them.
    Report,
    /// Install them.
    Install,
}

/// One program, or file, that the tests need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Need {
    /// Its name in PATH, or the path of a file.
    program: &'static str,
    source: Source,
    purpose: &'static str,
}

/// The source of a missing program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    /// A Debian package.
    Debian(&'static str),
    /// A part of the Rust toolchain: a component for rustup, a package for Debian.
    Toolchain {
        component: &'static str,
        debian: &'static str,
    },
    /// A Debian package that is only unpacked, below the target folder: installing it would start a
    /// service, or let users become root. Only what root's tests run comes this way.
    Unpacked(&'static str),
}

use Source::{Debian, Toolchain, Unpacked};

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Debian(package) => write!(f, "Debian package {package}"),
            Unpacked(package) => write!(f, "Debian package {package}, unpacked but not installed"),
            Toolchain { component, debian } => {
                write!(
                    f,
                    "rustup component {component}, or Debian package {debian}"
                )
            }
        }
    }
}

/// A test that runs a further program adds its line here.
#[rustfmt::skip]
const NEEDS: &[Need] = &[
    need("cargo-fmt",    Toolchain { component: "rustfmt", debian: "rustfmt" },    "checks the format"),
    need("cargo-clippy", Toolchain { component: "clippy", debian: "rust-clippy" }, "checks for mistakes"),
    need("ip",           Debian("iproute2"),       "brings up the loopback of the tests' namespace"),
    need("ss",           Debian("iproute2"),       "is what the table is compared with"),
    need("unshare",      Debian("util-linux"),     "makes the tests' namespace"),
    need("setpriv",      Debian("util-linux"),     "runs tests as another user"),
    need("nc",           Debian("netcat-openbsd"), "is a foreign process whose connections are deleted"),
    need("nft",          Debian("nftables"),       "publishes a port of another network namespace, fills sets"),
    need("groff",        Debian("groff-base"),     "checks the manual pages"),
    need("gcc",          Debian("gcc"),            "compiles programs that use the C library"),
    need("g++",          Debian("g++"),            "compiles its headers as C++"),
    need("nm",           Debian("binutils"),       "lists what it exports"),
    need("readelf",      Debian("binutils"),       "shows its soname"),
    need("valgrind",     Debian("valgrind"),       "checks its use of memory"),
    need(MINGW_HEADER,   Debian("mingw-w64-common"), "is what its layouts are compared with"),
    need("pkg-config",   Debian("pkgconf"),        "says where the C library is installed"),
    need("python3",      Debian("python3"),        "runs the Python program that uses the C library"),
    need("mcs",          Debian("mono-mcs"),       "compiles the C# program that uses the C library"),
    need("mono",         Debian("mono-runtime"),   "runs the C# program"),
    need("sshd",         Unpacked("openssh-server"), "carries the session that must not be cut"),
    need("ssh",          Unpacked("openssh-client"), "opens it"),
    need("sudo",         Unpacked("sudo"),         "is one of the ways to delete from it"),
    need("dropbear",     Unpacked("dropbear-bin"), "is another server that carries one"),
    need("telnetd",      Unpacked("inetutils-telnetd"), "and another"),
    need("screen",       Unpacked("screen"),       "is one of the ways to work on it"),
    need("setcap",       Debian("libcap2-bin"),    "lets users delete without being root"),
    need("tmux",         Debian("tmux"),           "is another; and the terminal of `tcpentry top`"),
    need("bash",         Debian("bash"),           "completes the words of the program"),
    need("zsh",          Debian("zsh"),            "completes them, too"),
    need("fish",         Debian("fish"),           "and so does this"),
    need(BASH_COMPLETION, Debian("bash-completion"), "is how bash finds the completion"),
    need("crun",         Debian("crun"),           "runs containers, without a daemon"),
    need("busybox",      Debian("busybox-static"), "is what they run"),
];

/// Programs whose tests are skipped where they are missing: `--install` brings them, and nothing else asks for them. A JDK with
/// JNA, Go and Node.js, which are large, are not among them.
#[rustfmt::skip]
const OPTIONAL: &[Need] = &[
    need("luajit",       Debian("luajit"),         "runs a program that uses the C library"),
    need("ruby",         Debian("ruby"),           "runs another"),
    need(RUBY_FFI,       Debian("ruby-ffi"),       "is another of its ways to load it"),
    need("fpc",          Debian("fp-compiler"),    "compiles another"),
    need("musl-gcc",     Debian("musl-tools"),     "compiles headers with another C library"),
    #[cfg(target_arch = "x86_64")]
    need(LIBC_32,        Debian("libc6-dev-i386"), "has the headers for layouts of 32 bits"),
];

/// A file of each of two packages.
const RUBY_FFI: &str = "/usr/share/doc/ruby-ffi/copyright";
#[cfg(target_arch = "x86_64")]
const LIBC_32: &str = "/usr/share/doc/libc6-dev-i386/copyright";

const BASH_COMPLETION: &str = "/usr/share/bash-completion/bash_completion";

/// A file is needed as well as a program: what begins with a slash is the path of one.
const MINGW_HEADER: &str = "/usr/share/mingw-w64/include/iphlpapi.h";

const fn need(program: &'static str, source: Source, purpose: &'static str) -> Need {
    Need {
        program,
        source,
        purpose,
    }
}

/// Succeeds if every program is there, or after installing the missing ones and the optional ones.
pub(super) fn ensure(missing: Missing) -> Result<()> {
    let machine = Machine::look(command::target_folder()?.join("unpacked"));
    let mut lacking = machine.lacking();
    if missing == Missing::Install {
        let optional = OPTIONAL.iter().filter(|need| !is_present(need.program));
        lacking.extend(optional);
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let commands = machine.installation(&lacking);
    if missing == Missing::Report {
        bail!("{}", report(&lacking, &commands));
    }

    println!("{}", report(&lacking, &commands));
    for words in &commands {
        command::run(&mut command::program(words.iter().map(String::as_str)))
            .context("cannot install what the tests need")?;
    }
    let still = machine.lacking();
    let still: Vec<&str> = still.iter().map(|need| need.program).collect();
    if !still.is_empty() {
        bail!("installed, and still not there: {}", still.join(", "));
    }
    Ok(())
}

fn is_present(program: &str) -> bool {
    match program.strip_prefix("cargo-") {
        // rustup puts a stand-in for each into PATH, whether it has the component or not.
        Some(subcommand) => command::cargo([subcommand, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
        None if program.starts_with('/') => Path::new(program).is_file(),
        None => command::is_in_path(program),
    }
}

/// The properties of this machine that decide how programs are installed.
#[derive(Clone, Debug)]
struct Machine {
    is_root: bool,
    /// True if the toolchain is rustup's, so that Debian's rustfmt would not belong to it.
    has_rustup: bool,
    /// The folder for packages that are unpacked and not installed.
    unpacked: PathBuf,
}

impl Machine {
    fn look(unpacked: PathBuf) -> Self {
        Self {
            unpacked,
            is_root: debian::is_root(),
            has_rustup: std::env::var_os("RUSTUP_TOOLCHAIN").is_some_and(|name| !name.is_empty()),
        }
    }

    fn lacking(&self) -> Vec<Need> {
        let is_lacking = |need: &&Need| match need.source {
            Unpacked(_) => self.is_root && !self.is_installed_or_unpacked(need.program),
            Debian(_) | Toolchain { .. } => !is_present(need.program),
        };
        NEEDS.iter().filter(is_lacking).copied().collect()
    }

    /// Returns true if a program is in `/usr`, where the tests look for it, or in the unpacked `usr` that they mount over it.
    fn is_installed_or_unpacked(&self, program: &str) -> bool {
        [Path::new("/usr"), &self.unpacked.join("root/usr")]
            .iter()
            .flat_map(|usr| [usr.join("bin"), usr.join("sbin")])
            .any(|folder| command::is_executable(&folder.join(program)))
    }

    /// Returns the commands that install what is missing, and nothing else.
    fn installation(&self, lacking: &[Need]) -> Vec<Vec<String>> {
        let mut packages = Vec::new();
        let mut unpacked = Vec::new();
        let mut components = Vec::new();
        for need in lacking {
            match need.source {
                Toolchain { component, .. } if self.has_rustup => components.push(component),
                Unpacked(package) => unpacked.push(package),
                Debian(package)
                | Toolchain {
                    debian: package, ..
                } => packages.push(package),
            }
        }
        packages.sort_unstable();
        packages.dedup();

        let mut commands = Vec::new();
        if !packages.is_empty() || !unpacked.is_empty() {
            commands.push(debian::as_root(self.is_root, "apt-get update", &[]));
        }
        if !packages.is_empty() {
            commands.push(debian::as_root(
                self.is_root,
                "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends",
                &packages,
            ));
        }
        if !unpacked.is_empty() {
            commands.push(debian::unpacking(&self.unpacked, &unpacked));
        }
        if !components.is_empty() {
            commands.push(words("rustup component add", &components));
        }
        commands
    }
}

fn report(lacking: &[Need], commands: &[Vec<String>]) -> String {
    let programs = lacking.iter().map(|need| {
        let Need {
            program, purpose, ..
        } = need;
        format!("  {program:<12} {purpose} ({})\n", need.source)
    });
    let commands = commands.iter().map(|words| {
        let command = command::program(words.iter().map(String::as_str));
        format!("  {}\n", command::shown(&command))
    });
    format!(
        "the tests need programs that are not installed:\n{}\
         To install them (`cargo xtask test --install` does it):\n{}",
        programs.collect::<String>(),
        commands.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Machine {
        Machine {
            is_root: true,
            has_rustup: false,
            unpacked: PathBuf::new(),
        }
    }

    #[test]
    fn a_report_names_program_package_and_command() {
        let lacking = [
            need("ss", Debian("iproute2"), "is compared with"),
            need("ip", Debian("iproute2"), "brings up loopback"),
            need("nc", Debian("netcat-openbsd"), "is foreign"),
        ];
        let user = Machine {
            is_root: false,
            ..root()
        };
        assert_eq!(
            report(&lacking, &user.installation(&lacking)),
            "\
the tests need programs that are not installed:
  ss           is compared with (Debian package iproute2)
  ip           brings up loopback (Debian package iproute2)
  nc           is foreign (Debian package netcat-openbsd)
To install them (`cargo xtask test --install` does it):
  sudo apt-get update
  sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends iproute2 netcat-openbsd
"
        );
    }

    #[test]
    fn root_needs_no_sudo() {
        let commands = root().installation(&[need("ss", Debian("iproute2"), "")]);
        assert_eq!(commands[0], ["apt-get", "update"]);
        assert_eq!(commands[1][0], "env");
    }

    #[test]
    fn parts_of_the_toolchain_come_from_where_it_came() {
        let fmt = [need(
            "cargo-fmt",
            Toolchain {
                component: "rustfmt",
                debian: "rustfmt",
            },
            "",
        )];
        assert_eq!(
            root().installation(&fmt)[1].last().map(String::as_str),
            Some("rustfmt")
        );

        let rustup = Machine {
            has_rustup: true,
            ..root()
        };
        assert_eq!(
            rustup.installation(&fmt),
            [["rustup", "component", "add", "rustfmt"]]
        );
    }

    #[test]
    fn what_is_to_be_unpacked_is_not_installed() {
        let machine = Machine {
            unpacked: "/target/unpacked".into(),
            ..root()
        };
        let lacking = [
            need("sshd", Unpacked("openssh-server"), ""),
            need("tmux", Unpacked("tmux"), ""),
        ];
        let commands = machine.installation(&lacking);
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0], ["apt-get", "update"]);
        let words = [
            "sh",
            "-c",
            debian::UNPACK,
            "sh",
            "/target/unpacked",
            "openssh-server",
            "tmux",
        ];
        assert_eq!(commands[1], words);
        assert!(debian::UNPACK.contains("--download-only"));
    }

    #[test]
    fn nothing_missing_installs_nothing() {
        assert!(root().installation(&[]).is_empty());
    }

    #[test]
    fn a_file_is_present_by_its_path() {
        assert!(is_present("/proc/self/stat"));
        assert!(!is_present("/proc/self"), "a folder is not a file");
        assert!(!is_present("/no/such/file/of/tcpentry"));
    }

    #[test]
    fn only_programs_in_path_are_present() {
        assert!(command::is_in_path("sh"));
        assert!(!command::is_in_path("no-such-program-of-tcpentry"));
        assert!(!command::is_in_path("."), "a folder is not a program");
    }
}
