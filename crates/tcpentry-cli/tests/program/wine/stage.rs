//! An installation of the program, a Wine and a prefix of it, in a folder that is deleted at the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpentry_testkit::wine_dll;

use crate::util::{ELSEWHERE, Run};

/// The files that an installation puts into a folder of DLLs, or replaces there.
pub(crate) const FILES: [&str; 3] = [
    "iphlpapi.dll",
    "iphlpapi.dll.tcpentry-original",
    "tcpentry.dll",
];

/// The words of the exports that a copy forwards.
const EXPORTS: [&str; 6] = [
    "GetExtendedTcpTable",
    "GetTcp6Table",
    "GetTcp6Table2",
    "GetTcpTable",
    "GetTcpTable2",
    "SetTcpEntry",
];

pub(crate) struct WineStage(PathBuf);

impl Drop for WineStage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl WineStage {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("tcpentry-stage-{name}-{}", std::process::id());
        let stage = Self(std::env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&stage.0);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/wine/wine.sh");
        stage.copy(env!("CARGO_BIN_EXE_tcpentry").as_ref(), "ours/bin/tcpentry");
        stage.copy(script.as_ref(), "wine/bin/wine");
        stage.write("ours/libexec/tcpentry/tcpentry-wine", b"");
        for (bits, ours, wines, folder) in [
            (64, "x86_64", "x86_64-windows", "system32"),
            (32, "i686", "i386-windows", "syswow64"),
        ] {
            let mut dll = wines_dll(bits, &[]);
            dll.extend(b"tcpentry-wine is here: \0");
            dll.resize(dll.len() + 1024, 0);
            stage.write(&format!("ours/lib/tcpentry/wine/{ours}/tcpentry.dll"), &dll);
            let dll = wines_dll(bits, &EXPORTS);
            stage.write(&format!("wine/lib/wine/{wines}/iphlpapi.dll"), &dll);
            stage.write(&in_prefix(folder, "iphlpapi.dll"), &dll);
        }
        fs::create_dir_all(stage.path("prefix/dosdevices")).unwrap();
        symlink("../drive_c", stage.path("prefix/dosdevices/c:")).unwrap();
        stage
    }

    /// Returns a path below the stage.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns the path of a file in `system32`.
    pub(crate) fn dll(&self, name: &str) -> PathBuf {
        self.path(&in_prefix("system32", name))
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Copies a program, by one that ends: where this one had it open for writing, another test's child could, too, and it
    /// could not be run.
    fn copy(&self, program: &Path, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg(program).arg(&path).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Sets the override, as somebody else does; nothing deletes it.
    pub(crate) fn set_override(&self, value: &str) {
        self.write("wine/bin/override", value.as_bytes());
    }

    /// Makes Wine's programs last.
    pub(crate) fn let_wine_hang(&self) {
        self.write("wine/bin/hang", b"");
    }

    /// Returns the command, for this prefix.
    pub(crate) fn command(&self, words: &[&str], prefix: &Path) -> Command {
        let mut command = Command::new(self.path("ours/bin/tcpentry"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SSH_CONNECTION", ELSEWHERE)
            .env("WINELOADER", self.path("wine/bin/wine"))
            .arg("wine")
            .args(words)
            .arg(prefix);
        command
    }

    /// Runs it for the prefix of the stage.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_for(words, &self.path("prefix"))
    }

    pub(crate) fn run_for(&self, words: &[&str], prefix: &Path) -> Run {
        self.command(words, prefix).output().unwrap().into()
    }

    /// Installs, and expects that to be done.
    pub(crate) fn install(&self) {
        let run = self.run(&["install"]);
        assert_eq!(run.code, 0, "{}", run.err);
    }

    /// Gives the prefix to another user.
    pub(crate) fn give_prefix_to(&self, uid: u32) {
        for path in self.contents().keys() {
            std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
        }
        chown(self.path("prefix"), Some(uid), Some(uid)).unwrap();
    }

    /// Returns everything below the stage: the mode, owner and inode of each, and the contents of files.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (u32, u32, u64, Vec<u8>)> {
        self.walk(|path| {
            let found = fs::symlink_metadata(path).unwrap();
            let contents = contents_of(path);
            (found.mode(), found.uid(), found.ino(), contents)
        })
    }

    /// Returns everything below the stage, with the contents of files alone.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = self.walk(contents_of);
        found.remove(&self.path("wine/bin/override"));
        found
    }

    fn walk<T>(&self, of: impl Fn(&Path) -> T) -> BTreeMap<PathBuf, T> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.0.clone()];
        while let Some(path) = waiting.pop() {
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                let entries = fs::read_dir(&path).unwrap();
                waiting.extend(entries.map(|entry| entry.unwrap().path()));
            }
            found.insert(path.clone(), of(&path));
        }
        found
    }
}

/// Returns the place of a file of a folder of DLLs, below the stage.
fn in_prefix(folder: &str, name: &str) -> String {
    format!("prefix/drive_c/windows/{folder}/{name}")
}

/// Returns the contents of a file, or where a symbolic link leads.
fn contents_of(path: &Path) -> Vec<u8> {
    let found = fs::symlink_metadata(path).unwrap();
    // The program itself is large, and its inode is compared.
    if found.is_file() && found.len() < 1 << 20 {
        return fs::read(path).unwrap();
    }
    let target = fs::read_link(path).map(PathBuf::into_os_string);
    target.unwrap_or_else(|_| OsString::new()).into_vec()
}

/// Makes one of Wine's DLLs with these exports.
fn wines_dll(bits: u32, names: &[&str]) -> Vec<u8> {
    let functions = vec![None; names.len()];
    let names: Vec<(&str, u16)> = names.iter().copied().zip(0..).collect();
    wine_dll::with_exports(bits == 64, &functions, &names)
}
