//! Compiling the C programs, and running them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

/// The result of a run.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let err = String::from_utf8_lossy(&stderr).into_owned();
        Self {
            code: status.code().unwrap_or_else(|| panic!("{status}: {err}")),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err,
        }
    }

    /// Returns its output; panics if it failed.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }
}

/// The flavour in which a program is compiled.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Build {
    Plain,
    /// With AddressSanitizer and UndefinedBehaviorSanitizer: a finding ends it with a failure.
    Sanitized,
}

/// Returns the program from `NAME.c`, compiled at most once.
pub(crate) fn program(name: &'static str, build: Build) -> PathBuf {
    static BUILT: Mutex<BTreeMap<(&str, Build), PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry((name, build))
        .or_insert_with(|| {
            let target = folder().join(format!("{build:?}")).join(name);
            let sanitizers: &[&str] = match build {
                Build::Plain => &[],
                Build::Sanitized => &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
            };
            let mut gcc = Command::new("gcc");
            gcc.args("-std=gnu11 -O1 -g -Wall -Wextra -Werror -pthread".split(' '))
                .args(sanitizers)
                .arg(source(&format!("{name}.c")));
            link(gcc, &target);
            target
        })
        .clone()
}

/// Compiles the files of a command into a program that is linked to the shared library.
pub(crate) fn link(mut compiler: Command, target: &Path) {
    let library = shared_library_folder();
    let mut rpath = std::ffi::OsString::from("-Wl,-rpath,");
    rpath.push(&library);
    compiler.arg(include()).arg(library.join(SONAME)).arg(rpath);
    compile(compiler, target);
}

/// Compiles into a file that appears whole or not at all: another run of the tests may be using the previous one.
pub(crate) fn compile(mut compiler: Command, target: &Path) {
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let fresh = target.with_extension(format!("{}", std::process::id()));
    let run = Run::of(compiler.arg("-o").arg(&fresh));
    assert_eq!(run.code, 0, "{compiler:?}\n{}", run.err);
    fs::rename(&fresh, target).unwrap();
}

/// Returns a compiler's messages about a text, of which it checks the syntax only.
pub(crate) fn check(compiler: &str, text: &str) -> Run {
    let mut words = compiler.split(' ');
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .args(["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg(include())
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::new(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program that can be run by a user who may not enter the folders of the program and the library.
pub(crate) struct Opened {
    program: File,
}

impl Opened {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            program: File::open(program(name, Build::Plain)).unwrap(),
        }
    }

    /// Returns the command, to which the caller adds arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(format!("/proc/self/fd/{}", self.program.as_raw_fd()));
        // The loader knows a library by its soname, wherever it came from.
        command
            .stdin(File::open(shared_library()).unwrap())
            .env("LD_PRELOAD", "/proc/self/fd/0");
        command
    }
}

/// Returns a command without any capability, also as uid 0.
pub(crate) fn without_capabilities(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--ambient-caps=-all",
        ])
        .arg(program);
    command
}

/// Returns the shared library that cargo has built for these very tests.
pub(crate) fn shared_library() -> PathBuf {
    built("libiphlpapi.so")
}

/// Returns the static library.
pub(crate) fn static_library() -> PathBuf {
    built("libiphlpapi.a")
}

/// Returns the path of a file beside this one.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/c")
        .join(name)
}

/// Returns `-I` and the folder of the headers.
pub(crate) fn include() -> String {
    concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include").to_owned()
}

/// Returns the folder for compiled programs: one for each profile.
pub(crate) fn folder() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let profile = executable.ancestors().nth(2).unwrap().file_name().unwrap();
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("c")
        .join(profile)
}

fn built(name: &str) -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let path = executable.with_file_name(name);
    assert!(path.exists(), "{} has not been built", path.display());
    path
}

/// Returns a folder with the library under the name that programs are linked to.
fn shared_library_folder() -> PathBuf {
    let folder = folder().join("lib");
    fs::create_dir_all(&folder).unwrap();
    let fresh = folder.join(format!(
        "{}.{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::os::unix::fs::symlink(shared_library(), &fresh).unwrap();
    fs::rename(&fresh, folder.join(SONAME)).unwrap();
    folder
}

pub(crate) const SONAME: &str = "libiphlpapi.so.1";
