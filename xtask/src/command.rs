//! Running other programs, visibly: each is printed before it runs, so that it can be repeated by hand.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Returns a command of the cargo that runs this program.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(cargo_program());
    command.args(args);
    command
}

/// Returns a command of a program with its arguments.
pub(crate) fn program<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("a command has a first word"));
    command.args(words);
    command
}

/// Prints the command and runs it; its failure is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("+ {}", shown(command));
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{status}: {}", shown(command));
    }
    Ok(())
}

/// Returns the command as it would be typed in a shell, with the variables that it sets.
pub(crate) fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?;
        Some(format!("{}={}", name.to_string_lossy(), quoted(value)))
    });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| match word {
            // Its path is an accident of the installation.
            word if word == cargo_program() => "cargo".to_owned(),
            word => quoted(word),
        });
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// Returns true if a program of this name can be run.
pub(crate) fn is_in_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program)))
    })
}

/// Fails if programs are missing, of which each has its package: all are named at once, since what needs them may take an hour.
pub(crate) fn require(needs: &[(&str, &str)]) -> Result<()> {
    let is_there = |program| is_in_path(program) || sbin(program).is_some();
    let missing = needs.iter().filter(|(program, _)| !is_there(program));
    let packages: Vec<&str> = missing.map(|&(_, package)| package).collect();
    if !packages.is_empty() {
        bail!(
            "not installed yet: apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
    }
    Ok(())
}

/// Returns the path of a program of root's, which a user's PATH lacks.
fn sbin(program: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/sbin").join(program);
    is_executable(&path).then_some(path)
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

pub(crate) fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds a release of the program and of these packages, which measure it or are measured too, and returns the paths of what
/// was built, by name.
pub(crate) fn built_beside_program(packages: &[&str]) -> Result<impl Fn(&str) -> String> {
    let mut build = cargo(["build", "--release", "--locked", "-p", "tcpentry-cli"]);
    for package in packages {
        build.args(["-p", package]);
    }
    run(&mut build)?;
    let built = target_folder()?.join("release");
    Ok(move |name: &str| built.join(name).to_string_lossy().into_owned())
}

/// Returns cargo's target folder: this program is in the folder of one of its profiles.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let target = own.parent().and_then(Path::parent);
    Ok(target.context("no target folder")?.to_owned())
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = cargo(["doc", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            shown(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }

    #[test]
    fn quotes_survive_a_shell() {
        assert_eq!(quoted(OsStr::new("a/b-c=1")), "a/b-c=1");
        assert_eq!(quoted(OsStr::new("")), "''");
        assert_eq!(quoted(OsStr::new("it's $x")), r"'it'\''s $x'");
    }
}
