//! The files of an installation; the registry takes Wine, with which `cargo xtask wine` tests the whole.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::folder::{DllFolder, SET};
use super::journal::Journal;
use super::prefix::WinePrefix;
use super::{
    CopyAge, DllOverride, Installed, Parts, Removal, SetupError, Wine, folder_status, removal,
};
use crate::pe::sample::dll;
use crate::pe::{self, Machine};

/// A prefix with its Wine and an installation of ours, in a folder that is deleted at the end.
struct Stage(PathBuf);

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tcpentry-wine-{}-{count}", std::process::id());
        let stage = Self(std::env::temp_dir().join(name));
        stage.write("wine/bin/wine", b"");
        stage.upgrade_wine(1);
        stage.write("ours/libexec/tcpentry/tcpentry-wine", b"");
        for machine in ["x86_64", "i686"] {
            let mut ours = b"MZ tcpentry-wine is here: \0".to_vec();
            ours.resize(ours.len() + 1024, 0);
            let path = format!("ours/lib/tcpentry/wine/{machine}/tcpentry.dll");
            stage.write(&path, &ours);
        }
        fs::create_dir_all(stage.0.join("prefix/dosdevices")).unwrap();
        symlink("../drive_c", stage.0.join("prefix/dosdevices/c:")).unwrap();
        let windows = "prefix/drive_c/windows";
        stage.write(
            &format!("{windows}/system32/iphlpapi.dll"),
            &wines(Machine::X86_64, 1),
        );
        stage.write(
            &format!("{windows}/syswow64/iphlpapi.dll"),
            &wines(Machine::I686, 1),
        );
        stage
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn upgrade_wine(&self, version: u16) {
        for (folder, machine) in [("x86_64", Machine::X86_64), ("i386", Machine::I686)] {
            let path = format!("wine/lib/wine/{folder}-windows/iphlpapi.dll");
            self.write(&path, &wines(machine, version));
        }
    }

    fn wine(&self) -> Wine {
        Wine::at(self.0.join("wine/bin/wine"), "8.0")
    }

    fn parts(&self) -> Parts {
        Parts::of(&self.0.join("ours/bin/tcpentry")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join("prefix/drive_c/windows").join(name)
    }

    fn folders(&self) -> Result<Vec<DllFolder>, SetupError> {
        let prefix = WinePrefix::open(&self.0.join("prefix"))?;
        let folders = super::read_folders(&prefix)?;
        Ok(folders.into_iter().map(|(_, folder)| folder).collect())
    }

    /// Does what `install` does with files.
    fn install(&self) -> Result<(), SetupError> {
        let folders = self.folders()?;
        let planned: Vec<_> = folders
            .iter()
            .map(|it| it.plan(&self.parts(), &self.wine(), SET))
            .collect::<Result<_, _>>()?;
        let mut journal = Journal::default();
        let written = folders
            .iter()
            .zip(&planned)
            .try_for_each(|(folder, planned)| folder.install(planned, &mut journal));
        written.map_err(|error| journal.undo(error))
    }

    /// Does what `remove` does with files.
    fn remove(&self) -> Removal {
        let mut done = Removal::default();
        for folder in self.folders().unwrap() {
            removal::from_folder(&folder, &self.wine(), &mut done).unwrap();
        }
        done
    }

    fn status(&self) -> Vec<Installed> {
        let folders = self.folders().unwrap();
        let (parts, wine) = (self.parts(), self.wine());
        let status = |it: &DllFolder| folder_status::of_folder(it, Some(&parts), Some(&wine));
        folders.iter().map(status).collect()
    }

    /// Returns all files of the prefix: their contents and inodes.
    fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, u64)> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![self.0.join("prefix")];
        while let Some(path) = waiting.pop() {
            let found = fs::symlink_metadata(&path).unwrap();
            if found.is_dir() {
                let entries = fs::read_dir(&path).unwrap();
                waiting.extend(entries.map(|entry| entry.unwrap().path()));
            } else {
                let bytes = fs::read(&path).unwrap_or_default();
                files.insert(path, (bytes, found.ino()));
            }
        }
        files
    }

    /// Returns the contents of all files.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.files().into_iter();
        files.map(|(path, (bytes, _))| (path, bytes)).collect()
    }

    /// Expects an installation to fail for this reason, and to leave everything as it is.
    fn expect_refusal(&self, reason: &str) {
        let before = self.files();
        let error = self.install().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(self.files(), before);
    }
}

/// Makes an `iphlpapi.dll` of a version of Wine.
fn wines(machine: Machine, version: u16) -> Vec<u8> {
    let names: Vec<(String, u16)> = (0..version).map(|it| (format!("F{it}"), it)).collect();
    let mut names: Vec<(&str, u16)> = names.iter().map(|(name, it)| (&**name, *it)).collect();
    names.push(("SetTcpEntry", version));
    dll(machine, &vec![None; usize::from(version) + 1], &names)
}

/// Returns the state of both folders with an installation of this age.
fn installed(age: CopyAge) -> [Installed; 2] {
    [Machine::X86_64, Machine::I686].map(|machine| Installed::Yes {
        machine,
        wine: "8.0".to_owned(),
        copy: age,
        has_tables: false,
    })
}

#[test]
fn what_was_there_is_there_again() {
    let stage = Stage::new();
    let before = stage.files();
    assert_eq!(
        stage.status(),
        [Installed::No(Machine::X86_64), Installed::No(Machine::I686)]
    );
    stage.install().unwrap();
    assert_eq!(stage.status(), installed(CopyAge::Current));
    let edited = fs::read(stage.path("system32/iphlpapi.dll")).unwrap();
    assert_eq!(
        pe::forwarded_exports(&edited, "tcpentry").unwrap(),
        ["SetTcpEntry"]
    );
    let ours = fs::read(stage.path("syswow64/tcpentry.dll")).unwrap();
    let path = stage.parts().program().display().to_string();
    assert!(String::from_utf8_lossy(&ours).contains(&path));
    // Twice is once.
    let once = stage.contents();
    stage.install().unwrap();
    assert_eq!(stage.contents(), once);
    stage.remove();
    assert_eq!(stage.files(), before, "the very files");
    stage.remove();
}

#[test]
fn an_upgrade_of_wine_makes_a_copy_old() {
    let stage = Stage::new();
    let before = stage.files();
    stage.install().unwrap();
    stage.upgrade_wine(3);
    assert_eq!(stage.status(), installed(CopyAge::OlderThanWine));
    stage.install().unwrap();
    assert_eq!(stage.status(), installed(CopyAge::Current));
    fs::remove_dir_all(stage.0.join("wine/lib")).unwrap();
    assert_eq!(stage.status(), installed(CopyAge::Unknown));
    stage.remove();
    assert_eq!(stage.files(), before);
}

#[test]
fn another_place_of_the_program_is_seen() {
    let stage = Stage::new();
    stage.install().unwrap();
    fs::rename(stage.0.join("ours"), stage.0.join("moved")).unwrap();
    let parts = Parts::of(&stage.0.join("moved/bin/tcpentry")).unwrap();
    let folder = &stage.folders().unwrap()[0];
    let status = folder_status::of_folder(folder, Some(&parts), Some(&stage.wine()));
    assert_eq!(status, installed(CopyAge::OlderThanOurs)[0]);
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let stage = Stage::new();
    stage.write("prefix/drive_c/windows/syswow64/tcpentry.dll", b"MZ other");
    stage.expect_refusal("syswow64/tcpentry.dll is somebody else's");

    let stage = Stage::new();
    let path = stage.path("syswow64/iphlpapi.dll");
    let mut native = fs::read(&path).unwrap();
    native[0x40..0x50].fill(0);
    fs::write(&path, native).unwrap();
    stage.expect_refusal("not Wine's own DLL");

    let stage = Stage::new();
    let path = stage.path("syswow64/iphlpapi.dll");
    fs::remove_file(&path).unwrap();
    symlink(
        stage.0.join("wine/lib/wine/i386-windows/iphlpapi.dll"),
        &path,
    )
    .unwrap();
    stage.expect_refusal("is a symbolic link");

    let stage = Stage::new();
    let folder = stage.path("syswow64");
    fs::rename(&folder, stage.0.join("elsewhere")).unwrap();
    symlink(stage.0.join("elsewhere"), &folder).unwrap();
    stage.expect_refusal("leads outside the prefix");

    // `drive_c` is there, and Wine uses another folder.
    let stage = Stage::new();
    stage.write("elsewhere/windows/system32/iphlpapi.dll", b"");
    let drive = stage.0.join("prefix/dosdevices/c:");
    fs::remove_file(&drive).unwrap();
    symlink("../../elsewhere", &drive).unwrap();
    stage.expect_refusal("leads outside the prefix");
}

#[test]
fn a_folder_without_the_dll_is_left_out() {
    let stage = Stage::new();
    fs::remove_file(stage.path("syswow64/iphlpapi.dll")).unwrap();
    let before = stage.files();
    stage.install().unwrap();
    assert_eq!(stage.status(), installed(CopyAge::Current)[..1]);
    stage.remove();
    assert_eq!(stage.files(), before);
}

#[test]
fn a_failure_half_way_leaves_nothing() {
    for blocked in ["tcpentry.dll", "iphlpapi.dll"] {
        let stage = Stage::new();
        // What can't be written in the second folder, after the first is done.
        let name = format!("syswow64/{blocked}.tcpentry-new");
        fs::create_dir(stage.path(&name)).unwrap();
        stage.expect_refusal("cannot write");
        // Also where an installation is brought up to date.
        fs::remove_dir(stage.path(&name)).unwrap();
        stage.install().unwrap();
        stage.upgrade_wine(2);
        fs::create_dir(stage.path(&name)).unwrap();
        let before = stage.contents();
        assert!(stage.install().is_err());
        assert_eq!(stage.contents(), before);
    }
}

#[test]
fn an_interrupted_run_is_finished_by_the_next() {
    // The copy under the second name is made, and nothing exchanged yet.
    let stage = Stage::new();
    let before = stage.files();
    let (path, original) = (
        stage.path("system32/iphlpapi.dll"),
        stage.path("system32/iphlpapi.dll.tcpentry-original"),
    );
    fs::hard_link(&path, &original).unwrap();
    assert!(matches!(stage.status()[0], Installed::Damaged(_)));
    stage.install().unwrap();
    stage.remove();
    assert_eq!(stage.files(), before);
    fs::hard_link(&path, &original).unwrap();
    stage.remove();
    assert_eq!(stage.files(), before);
    // Wine itself has put its DLL back.
    stage.install().unwrap();
    fs::remove_file(&path).unwrap();
    let put_back = wines(Machine::X86_64, 1);
    fs::write(&path, &put_back).unwrap();
    stage.remove();
    assert_eq!(fs::read(&path).unwrap(), put_back);
    assert!(!original.exists() && !stage.path("system32/tcpentry.dll").exists());
}

/// Each file of an installation, and what may have become of it since.
#[test]
fn whatever_is_left_of_an_installation_is_mended_and_removed() {
    let others = dll(Machine::X86_64, &[], &[]);
    for name in [
        "iphlpapi.dll",
        "iphlpapi.dll.tcpentry-original",
        "tcpentry.dll",
    ] {
        for damage in ["missing", "truncated"] {
            for mends in [true, false] {
                let stage = Stage::new();
                let before = stage.contents();
                stage.install().unwrap();
                let path = stage.path("system32").join(name);
                match damage {
                    "missing" => fs::remove_file(&path).unwrap(),
                    _ => fs::write(&path, &others[..others.len() - 1]).unwrap(),
                }
                let status = stage.status();
                assert!(
                    matches!(&status[0], Installed::Damaged(cause) if cause.contains(name)),
                    "{name} {damage}: {status:?}"
                );
                assert_eq!(status[1], installed(CopyAge::Current)[1]);
                if mends {
                    stage.install().unwrap();
                    assert_eq!(
                        stage.status(),
                        installed(CopyAge::Current),
                        "{name} {damage}"
                    );
                    assert_eq!(stage.remove(), Removal::default());
                } else {
                    let done = stage.remove();
                    let is_said = done.remarks.iter().any(|remark| remark.contains(name));
                    assert_eq!(is_said, name != "tcpentry.dll", "{done:?}");
                    assert!(done.left.is_empty(), "{done:?}");
                }
                assert_eq!(stage.contents(), before, "{name} {damage}");
            }
        }
    }
}

#[test]
fn what_somebody_else_puts_in_the_place_of_a_file_stays() {
    let others = {
        let mut image = wines(Machine::X86_64, 1);
        image[0x40..0x50].fill(0);
        image
    };
    let replace = |name: &str, with: Option<&[u8]>| {
        let stage = Stage::new();
        stage.install().unwrap();
        let path = stage.path("system32").join(name);
        fs::remove_file(&path).unwrap();
        match with {
            Some(image) => fs::write(&path, image).unwrap(),
            None => symlink("/nowhere", &path).unwrap(),
        }
        let status = stage.status();
        assert!(
            matches!(&status[0], Installed::Blocked(cause) if cause.to_string().contains(name)),
            "{name}: {status:?}"
        );
        assert!(stage.install().is_err());
        let found = fs::symlink_metadata(&path).unwrap().ino();
        let done = stage.remove();
        assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), found, "{name}");
        assert!(done.remarks.iter().any(|it| it.contains(name)), "{done:?}");
        assert!(done.left.is_empty(), "{done:?}");
        stage
    };
    for with in [Some(&others[..]), None] {
        replace("iphlpapi.dll", with);
        let stage = replace("tcpentry.dll", with);
        assert_eq!(stage.status()[1], Installed::No(Machine::I686));
    }
    let stage = replace("iphlpapi.dll.tcpentry-original", None);
    let restored = fs::read(stage.path("system32/iphlpapi.dll")).unwrap();
    assert_eq!(restored, wines(Machine::X86_64, 1), "Wine's own");
}

#[test]
fn with_nothing_to_restore_a_copy_stays_and_that_is_said() {
    let stage = Stage::new();
    stage.install().unwrap();
    fs::remove_dir_all(stage.0.join("wine/lib")).unwrap();
    let name = "iphlpapi.dll.tcpentry-original";
    fs::remove_file(stage.path("syswow64").join(name)).unwrap();
    let error = stage.install().unwrap_err().to_string();
    assert!(error.contains("Wine's own is not found"), "{error}");
    let done = stage.remove();
    let left = stage.path("syswow64/iphlpapi.dll");
    assert_eq!(
        done.left,
        [left.canonicalize().unwrap().display().to_string()]
    );
    assert_eq!(stage.status()[0], Installed::No(Machine::X86_64));
    assert!(stage.path("syswow64/tcpentry.dll").exists());
}

#[test]
fn an_override_is_ours_where_anything_else_of_ours_is() {
    let stage = Stage::new();
    let check = |found: DllOverride| {
        let prefix = WinePrefix::open(&stage.0.join("prefix")).unwrap();
        let has_traces = stage.folders().unwrap().iter().any(DllFolder::has_traces);
        super::check_override(&found, has_traces, &prefix)
    };
    let other = || DllOverride::parse("    iphlpapi    REG_SZ    native");
    assert!(check(DllOverride::Missing).is_ok() && check(DllOverride::Ours).is_err());
    stage.install().unwrap();
    assert!(check(DllOverride::Ours).is_ok() && check(other()).is_err());
    // Wine itself has put its DLLs back.
    for name in ["system32", "syswow64"] {
        let path = stage.path(&format!("{name}/iphlpapi.dll"));
        fs::rename(path.with_extension("dll.tcpentry-original"), path).unwrap();
    }
    assert!(check(DllOverride::Ours).is_ok());
}

#[test]
fn what_is_no_prefix_is_said() {
    let stage = Stage::new();
    let error = WinePrefix::open(&stage.0).unwrap_err().to_string();
    assert!(error.contains("is no prefix of Wine"), "{error}");
    let error = WinePrefix::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(
        error.to_string().contains("cannot open the prefix"),
        "{error}"
    );
    let prefix = WinePrefix::open(&stage.0.join("prefix")).unwrap();
    let _lock = prefix.lock().unwrap();
    let error = prefix.lock().unwrap_err().to_string();
    assert!(
        error.contains("is another `tcpentry wine` changing it?"),
        "{error}"
    );
}
