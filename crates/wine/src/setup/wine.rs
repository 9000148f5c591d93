//! Wine itself: its version, its own DLLs, and the registry of a prefix by its program `reg`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::dll_override::{DllOverride, OVERRIDE, OVERRIDES, delete_words};
use super::error::SetupError;
use crate::pe::Machine;

/// The time in which a program of Wine ends: the first may have a prefix to bring up to date.
const TIME_LIMIT: Duration = Duration::from_secs(180);
/// A key that every user has.
const ALWAYS: &str = r"HKCU\Software";
/// The Wine that this user's programs run under.
#[derive(Clone, Debug)]
pub struct Wine {
    program: PathBuf,
    version: String,
}

impl Wine {
    /// Finds `$WINELOADER`, or `wine` or `wine64` on the path.
    ///
    /// # Errors
    /// Without any, and for one that does not say its version.
    pub fn find() -> Result<Self, SetupError> {
        let named = env::var_os("WINELOADER").map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = ["wine", "wine64"].iter().flat_map(|name| {
            env::split_paths(&path)
                .map(|folder| folder.join(name))
                .collect::<Vec<_>>()
        });
        let found = named.into_iter().chain(on_path).find(|it| it.is_file());
        let program = found.ok_or_else(|| {
            SetupError::new("cannot find Wine: no `wine` on the path")
                .with_hint("set WINELOADER to its program")
        })?;
        let mut command = Command::new(&program);
        let output = run(command.arg("--version"), &program)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.trim().strip_prefix("wine-").map(str::to_owned);
        let version = version.ok_or_else(|| {
            SetupError::new(format!("{} does not say its version", program.display()))
        })?;
        Ok(Self { program, version })
    }

    /// Makes the Wine of a folder that is laid out as an installation of it.
    #[cfg(test)]
    pub(super) fn at(program: PathBuf, version: &str) -> Self {
        let version = version.to_owned();
        Self { program, version }
    }

    /// Returns the version, as `8.0 (Debian 8.0~repack-4)`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns Wine's own `iphlpapi.dll`, from the folder where it keeps its DLLs; `None` if that is not found.
    pub(super) fn own_dll(&self, machine: Machine) -> Option<Vec<u8>> {
        let program = fs::canonicalize(&self.program).ok()?;
        let prefix = program.parent()?.parent()?;
        let folder = match machine {
            Machine::X86_64 => "x86_64-windows",
            Machine::I686 => "i386-windows",
        };
        let places = [
            "lib/wine",
            "lib64/wine",
            "lib/x86_64-linux-gnu/wine",
            "lib/i386-linux-gnu/wine",
            // Beside a loader that is no wrapper: `lib/wine/wine64` of Debian.
            "wine",
            "x86_64-linux-gnu/wine",
        ];
        let mut files = places
            .iter()
            .map(|place| prefix.join(place).join(folder).join("iphlpapi.dll"));
        files.find_map(|file| fs::read(file).ok())
    }

    /// Returns the override of `iphlpapi` in a prefix.
    pub(super) fn read_override(&self, prefix: &Path) -> Result<DllOverride, SetupError> {
        let output = self.reg(prefix, &["query", OVERRIDES])?;
        if !output.status.success() {
            // The key is missing, or Wine does not run: the other one tells the two apart.
            let always = self.reg(prefix, &["query", ALWAYS])?;
            return if always.status.success() {
                Ok(DllOverride::Missing)
            } else {
                Err(failed(prefix, &always))
            };
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(DllOverride::parse(&text))
    }

    /// Sets the override of `iphlpapi`, and reads it again.
    pub(super) fn set_override(&self, prefix: &Path) -> Result<(), SetupError> {
        let (name, value) = OVERRIDE;
        let words = ["add", OVERRIDES, "/v", name, "/d", value, "/f"];
        let output = self.reg(prefix, &words)?;
        self.expect_override(prefix, &DllOverride::Ours, &output)
    }

    /// Deletes the override of `iphlpapi`.
    pub(super) fn delete_override(&self, prefix: &Path) -> Result<(), SetupError> {
        let output = self.reg(prefix, &delete_words(OVERRIDE.0)[1..])?;
        self.expect_override(prefix, &DllOverride::Missing, &output)
    }

    fn expect_override(
        &self,
        prefix: &Path,
        expected: &DllOverride,
        output: &Output,
    ) -> Result<(), SetupError> {
        if self.read_override(prefix)? == *expected {
            return Ok(());
        }
        Err(failed(prefix, output))
    }

    fn reg(&self, prefix: &Path, words: &[&str]) -> Result<Output, SetupError> {
        let mut command = Command::new(&self.program);
        command.arg("reg").args(words);
        command
            .env("WINEPREFIX", prefix)
            .env("WINEDEBUG", "-all")
            // It is this loader's, if it is set for another program.
            .env_remove("WINEARCH");
        run(&mut command, &self.program)
    }
}

/// Makes the error of a registry that can't be used.
fn failed(prefix: &Path, output: &Output) -> SetupError {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().last().unwrap_or("no message");
    SetupError::new(format!(
        "cannot use the registry of {} by Wine's reg: {said}",
        prefix.display()
    ))
    .with_command(prefix, &["wine", "reg", "query", ALWAYS], "may say more")
}

/// Runs a program, and waits for it for a limited time. What it leaves behind (Wine's server) has no pipe of ours.
fn run(command: &mut Command, program: &Path) -> Result<Output, SetupError> {
    let failed = |error| SetupError::file("run", program, &error);
    let said = tempfile().map_err(failed)?;
    let printed = tempfile().map_err(failed)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(printed.try_clone().map_err(failed)?)
        .stderr(said.try_clone().map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now() + TIME_LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(SetupError::new(format!(
                "{} did not end within {} seconds",
                program.display(),
                TIME_LIMIT.as_secs()
            )));
        }
        thread::sleep(Duration::from_millis(20));
    };
    Ok(Output {
        status,
        stdout: contents(printed).map_err(failed)?,
        stderr: contents(said).map_err(failed)?,
    })
}

/// Makes a file in memory, which has no name.
fn tempfile() -> std::io::Result<fs::File> {
    let file = rustix::fs::memfd_create("tcpentry", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(file.into())
}

fn contents(mut file: fs::File) -> std::io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
