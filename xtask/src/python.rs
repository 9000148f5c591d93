//! `cargo xtask python`: checks and builds the Python package, and tests what was built in a network namespace of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo, program};
use crate::namespace::Namespace;

/// The folder of the package.
pub(crate) const PACKAGE: &str = "bindings/python";

/// The treatment of tools that are missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tools {
    /// Name the command that installs them.
    Report,
    /// Install them below the target folder, in a virtual environment.
    Install,
}

/// Builds the package, then runs its tests and compares its types with what it has.
pub(crate) fn run(tools: Tools) -> Result<()> {
    let environment = Environment::find(tools)?;
    let manifest = format!("{PACKAGE}/Cargo.toml");
    command::run(&mut cargo(["fmt", "--check", "--manifest-path", &manifest]))?;
    let mut lints = cargo([
        "clippy",
        "--quiet",
        "--locked",
        "--manifest-path",
        &manifest,
    ]);
    command::run(lints.args(["--", "-D", "warnings"]))?;
    let folder = environment.folder.join("wheel");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let wheel = environment.build(&folder, &["--profile", "dev"])?;
    let mut install = environment.tool("pip");
    install.args([
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        "--no-index",
    ]);
    command::run(install.arg(wheel))?;

    let mut tests = environment.tool("python");
    tests.args(["-m", "pytest", "-p", "no:cacheprovider", "-c"]);
    tests.arg(format!("{PACKAGE}/pyproject.toml"));
    tests.arg(format!("{PACKAGE}/tests"));
    command::run(&mut Namespace::find()?.enter(&tests))?;

    let settings = format!("--config-file={PACKAGE}/pyproject.toml");
    let mut types = environment.tool("mypy");
    let cache = environment.folder.join("mypy");
    types.arg("--cache-dir").arg(cache).arg(settings);
    types.args(["-p", "tcpentry"]);
    command::run(&mut types)?;
    command::run(environment.tool("stubtest").args(["tcpentry", "--concise"]))
}

/// Builds the wheel of a release into a folder, with these flags for the compiler, from the sources at [`PLACE`]; the file has the licences
/// of the crates in it.
pub(crate) fn wheel(out: &Path, date: u64, flags: &str, licences: &Path) -> Result<()> {
    let environment = Environment::find(Tools::Install)?;
    let build = environment.maturin(out, &["--release"]);
    let mut there = program(["unshare", "-m", "sh", "-ec", AT_PLACE, "sh", PLACE]);
    there.arg(licences);
    there.arg(build.get_program()).args(build.get_args());
    there.env("SOURCE_DATE_EPOCH", date.to_string());
    command::run(there.env("RUSTFLAGS", flags))
}

/// The path of the sources of a release's wheel, wherever they are: maturin writes it into the list of components.
pub(crate) const PLACE: &str = "/run/tcpentry";
/// The script that runs a command with the sources at a path below `/run`, which is its first argument, and the licences of
/// the crates in the place of those of a build that is for nobody else.
const AT_PLACE: &str = r#"mount -t tmpfs tmpfs /run
licences=$(realpath "$2")
mkdir "$1"; mount --bind . "$1"; cd "$1"; shift 2
mount --bind "$licences" bindings/python/LICENSE-THIRD-PARTY
exec "$@""#;

/// A virtual environment with the tools of `requirements.txt`.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn find(tools: Tools) -> Result<Self> {
        let folder = command::target_folder()?.join("python");
        let environment = Self { folder };
        if tools == Tools::Install {
            let mut make = program(["python3", "-m", "venv"]);
            command::run(make.arg(&environment.folder))?;
            let mut install = environment.tool("pip");
            install.args(["install", "--quiet", "-r"]);
            command::run(install.arg(format!("{PACKAGE}/requirements.txt")))?;
        }
        if !command::is_executable(&environment.path("maturin")) {
            bail!("maturin, mypy and pytest are missing: cargo xtask python --install");
        }
        Ok(environment)
    }

    fn path(&self, tool: &str) -> PathBuf {
        self.folder.join("bin").join(tool)
    }

    fn tool(&self, tool: &str) -> Command {
        Command::new(self.path(tool))
    }

    /// Builds the wheel, and returns its path.
    fn build(&self, out: &Path, words: &[&str]) -> Result<PathBuf> {
        command::run(&mut self.maturin(out, words))?;
        let built = std::fs::read_dir(out)?.next();
        Ok(built.context("maturin has built nothing")??.path())
    }

    fn maturin(&self, out: &Path, words: &[&str]) -> Command {
        let mut build = self.tool("maturin");
        build.args(["build", "--quiet", "--locked", "--manifest-path"]);
        build.arg(format!("{PACKAGE}/Cargo.toml"));
        build.arg("--out").arg(out).args(words);
        build
    }
}
