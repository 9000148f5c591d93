//! Programs that use the library: compiling them, and running them against the one that was just built.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A program that is ready to run.
pub(crate) struct Client {
    /// The program, after its interpreter if it needs one.
    words: Vec<OsString>,
    /// A further variable of its environment.
    variable: Option<(&'static str, PathBuf)>,
    /// The only folder in which the library can be found.
    library: PathBuf,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Client {
    /// Returns a program that finds the library by each of its names.
    pub(crate) fn by_windows_name<Word: AsRef<OsStr>>(words: &[Word]) -> Self {
        Self {
            words: words.iter().map(|word| word.as_ref().to_owned()).collect(),
            variable: None,
            library: windows_names(),
        }
    }

    pub(crate) fn with_variable(self, name: &'static str, value: PathBuf) -> Self {
        Self {
            variable: Some((name, value)),
            ..self
        }
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .args(words)
            .envs(self.variable.clone())
            .env("LD_LIBRARY_PATH", &self.library);
        let output = output(&mut command);
        Run {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Compiles an example in C.
pub(crate) fn c(example: &str) -> Client {
    compiled(&examples().join(example))
}

/// Compiles the example of a manual page, as a reader would copy it.
pub(crate) fn manual(page: &str) -> Client {
    let path = root().join("man").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (_, section) = text.split_once("\n.SH EXAMPLES\n").unwrap();
    let (_, example) = section.split_once("\n.EX\n").unwrap();
    let (example, _) = example.split_once("\n.EE\n").unwrap();
    let source = folder("manual").join(page).with_extension("c");
    fs::write(&source, example.replace("\\-", "-").replace("\\e", "\\")).unwrap();
    compiled(&source)
}

/// Compiles an example in C#, run by Mono.
pub(crate) fn csharp(example: &str) -> Client {
    mono(&examples().join(example), "csharp")
}

/// Compiles a source in C# into a program in a folder of this name.
pub(crate) fn mono(source: &Path, folder: &str) -> Client {
    let program = self::folder(folder)
        .join(source.file_stem().unwrap())
        .with_extension("exe");
    let mut out = OsString::from("-out:");
    out.push(&program);
    compile(
        Command::new("mcs")
            .args(["-warnaserror+"])
            .arg(out)
            .arg(source),
    );
    Client::by_windows_name(&["mono", program.to_str().unwrap()])
}

/// Returns an example in Python.
pub(crate) fn python(example: &str) -> Client {
    Client {
        words: vec!["python3".into(), examples().join(example).into()],
        variable: None,
        library: library("by-soname", ["libiphlpapi.so.1"]),
    }
}

fn compiled(source: &Path) -> Client {
    let program = folder("c").join(source.file_stem().unwrap());
    let library = library("for-linking", ["libiphlpapi.so", "libiphlpapi.so.1"]);
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root().join("include"))
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&library)
        .arg("-liphlpapi");
    compile(&mut gcc);
    Client {
        words: vec![program.into()],
        variable: None,
        library,
    }
}

pub(crate) fn compile(command: &mut Command) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
}

fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}

/// Returns a folder in which the library that was just built has all names that an installation gives it.
pub(crate) fn windows_names() -> PathBuf {
    let names = lines(SPELLINGS).chain(["libiphlpapi.so", "libiphlpapi.so.1"]);
    library("by-windows-name", names)
}

/// Returns the lines of a list of spellings.
pub(crate) fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// The names of the library, for programs that were written for Windows.
pub(crate) const SPELLINGS: &str = include_str!("../../spellings/library");

/// Returns a folder in which the library that was just built has these names, and no others.
fn library<'a>(folder: &str, names: impl IntoIterator<Item = &'a str>) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own.with_file_name("libiphlpapi.so");
    assert!(built.exists(), "{} is not there", built.display());
    let folder = self::folder(folder);
    for name in names {
        link(&built, &folder.join(name));
    }
    folder
}

/// Makes a link, unless another test has made it.
pub(crate) fn link(target: &Path, link: &Path) {
    match symlink(target, link) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        linked => linked.unwrap(),
    }
}

/// Returns a folder of this process: each test has one.
pub(crate) fn folder(name: &str) -> PathBuf {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
        remove_left_behind(&all);
        all.join(std::process::id().to_string())
    });
    let path = run.join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Removes the folders of processes that have ended.
fn remove_left_behind(all: &Path) {
    for folder in fs::read_dir(all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(folder.file_name()).exists() {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

fn examples() -> PathBuf {
    root().join("examples")
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns true if a program is in PATH.
pub(crate) fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Returns the folder of koffi's module, which has to be there, as has Node.js: tests have no way out.
pub(crate) fn koffi() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let modules = target.join("koffi/node_modules");
    (is_in_path("node") && modules.join("koffi").is_dir()).then_some(modules)
}
