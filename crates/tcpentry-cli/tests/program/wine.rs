//! `tcpentry wine` where there is nothing to install into; `cargo xtask wine` has the rest, with the real Wine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::util::{Run, program};

/// A folder that looks like a prefix, as far as this program needs it; it goes with the test.
struct EmptyPrefix(PathBuf);

impl EmptyPrefix {
    fn new(name: &str) -> Self {
        let name = format!("tcpentry-prefix-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        for folder in ["dosdevices", "drive_c/windows/system32"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        symlink("../drive_c", path.join("dosdevices/c:")).unwrap();
        Self(path)
    }
}

impl Drop for EmptyPrefix {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the program without Wine on its path.
fn run(words: &[&str], prefix: Option<&EmptyPrefix>) -> Run {
    let mut command = program();
    command.env_clear().env("PATH", "/nowhere").arg("wine");
    if let Some(prefix) = prefix {
        command.env("WINEPREFIX", &prefix.0);
    }
    command.args(words).output().unwrap().into()
}

#[test]
fn what_is_no_prefix_is_refused() {
    let run = run(&["status", "/"], None);
    assert_eq!((run.code, &*run.out), (7, ""));
    assert!(run.err.contains("/ is no prefix of Wine"), "{}", run.err);
    assert!(
        run.err.contains("hint: `WINEPREFIX=/ wineboot`"),
        "{}",
        run.err
    );
}

#[test]
fn a_path_is_fit_for_a_terminal() {
    let run = run(&["status", "/nowhere/\x1b[31mred"], None);
    assert!(run.err.contains(r"/nowhere/\u{1b}[31mred"), "{:?}", run.err);
}

#[test]
fn without_a_name_the_prefix_is_the_users() {
    let run = run(&["remove"], None);
    assert_eq!(run.code, 7);
    assert!(
        run.err.contains("neither WINEPREFIX nor HOME is set"),
        "{}",
        run.err
    );
}

#[test]
fn without_wine_nothing_is_installed() {
    let prefix = EmptyPrefix::new("no-wine");
    // The program of the tests has no tcpentry-wine beside it.
    let install = run(&["install"], Some(&prefix));
    assert_eq!(install.code, 7);
    assert!(
        install.err.contains("this installation has no"),
        "{}",
        install.err
    );
    let remove = run(&["remove"], Some(&prefix));
    assert!(remove.err.contains("cannot find Wine"), "{}", remove.err);
    let status = run(&["status"], Some(&prefix));
    assert_eq!(status.code, 1);
    assert!(
        status.out.contains("missing\twine\tcannot find Wine"),
        "{}",
        status.out
    );
    assert!(
        status.out.contains("note\tsystem32\tno iphlpapi.dll"),
        "{}",
        status.out
    );
    let files = fs::read_dir(prefix.0.join("drive_c/windows/system32")).unwrap();
    assert_eq!(files.count(), 0);
}
