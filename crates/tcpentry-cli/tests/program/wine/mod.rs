//! `tcpentry wine` with a script in the place of Wine, and without; `cargo xtask wine` has the rest, with the real one.

pub(crate) mod stage;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tcpentry_testkit::{skip, user};

use crate::util::{Run, program};
use stage::{FILES, WineStage};

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
        status
            .out
            .contains("missing\tsystem32\tno iphlpapi.dll -> WINEPREFIX="),
        "{}",
        status.out
    );
    let files = fs::read_dir(prefix.0.join("drive_c/windows/system32")).unwrap();
    assert_eq!(files.count(), 0);
}

#[test]
fn what_was_there_is_there_again() {
    let stage = WineStage::new("again");
    let before = stage.contents();
    let status = stage.run(&["status"]);
    assert_eq!(status.code, 1);
    assert!(
        status
            .out
            .contains("missing\tsyswow64\tnot installed: SetTcpEntry of 32-bit programs returns 0"),
        "{}",
        status.out
    );
    for table in [false, true] {
        let words: &[&str] = if table {
            &["install", "--table"]
        } else {
            &["install"]
        };
        for _ in 0..2 {
            let install = stage.run(words);
            assert_eq!((install.code, &*install.out), (0, ""), "{}", install.err);
            let status = stage.run(&["status"]);
            assert_eq!(status.code, 0, "{}", status.out);
            assert_eq!(status.out.contains("with tables"), table, "{}", status.out);
        }
        let remove = stage.run(&["remove"]);
        assert_eq!(remove.code, 0);
        assert!(
            remove.err.contains("what was there before is there again"),
            "{}",
            remove.err
        );
        assert_eq!(stage.contents(), before);
    }
    let remove = stage.run(&["remove"]);
    assert_eq!(remove.code, 0);
    assert!(
        remove.err.contains("nothing is installed"),
        "{}",
        remove.err
    );
}

/// A prefix is found through a symbolic link, as Wine finds it.
#[test]
fn a_link_to_a_prefix_is_followed_and_stays() {
    let stage = WineStage::new("link");
    let link = stage.path("link");
    symlink("prefix", &link).unwrap();
    let before = stage.contents();
    for words in [["install"], ["status"], ["remove"]] {
        let run = stage.run_for(&words, &link);
        assert_eq!(run.code, 0, "{words:?}: {}{}", run.out, run.err);
    }
    assert_eq!(stage.contents(), before);
}

/// Expects each command to exit with these codes and to print these texts, and nothing to be touched.
#[track_caller]
fn expect_refusals(
    stage: &WineStage,
    prefix: &Path,
    install: (i32, &str),
    remove: (i32, &str),
    status: (i32, &str),
) {
    let before = stage.files();
    for (command, (code, text)) in [("install", install), ("remove", remove), ("status", status)] {
        let run = stage.run_for(&[command], prefix);
        assert_eq!(run.code, code, "{command}: {}{}", run.out, run.err);
        let said = if command == "status" && code == 1 {
            &run.out
        } else {
            &run.err
        };
        assert!(said.contains(text), "{command}: {}{}", run.out, run.err);
        assert_eq!(stage.files(), before, "{command}");
    }
}

#[test]
fn what_is_no_folder_is_refused() {
    let stage = WineStage::new("no-folder");
    let prefix = stage.path("none there");
    let text = format!(
        "hint: `WINEPREFIX='{}' wineboot` makes one\n",
        prefix.display()
    );
    let refused = (7, &*text);
    expect_refusals(&stage, &prefix, refused, refused, refused);
    let refused = (7, "is no prefix of Wine\nhint: it is not a folder");
    fs::write(&prefix, "").unwrap();
    expect_refusals(&stage, &prefix, refused, refused, refused);
    let refused = (7, "is no prefix of Wine\nhint: `WINEPREFIX=");
    expect_refusals(&stage, &stage.path("wine"), refused, refused, refused);
}

#[test]
fn what_is_no_file_of_wines_is_left_alone() {
    let nothing = (0, "nothing is installed");
    let refused = |stage: &WineStage, text| {
        let refused = (7, text);
        expect_refusals(stage, &stage.path("prefix"), refused, nothing, (1, text));
    };

    let stage = WineStage::new("truncated");
    let image = fs::read(stage.dll("iphlpapi.dll")).unwrap();
    for length in [0, 1, 0x90, image.len() - 1] {
        fs::write(stage.dll("iphlpapi.dll"), &image[..length]).unwrap();
        refused(&stage, "system32/iphlpapi.dll: the file is truncated");
    }

    let stage = WineStage::new("symlink");
    let path = stage.dll("iphlpapi.dll");
    fs::rename(&path, stage.path("elsewhere.dll")).unwrap();
    symlink(stage.path("elsewhere.dll"), &path).unwrap();
    refused(
        &stage,
        "system32/iphlpapi.dll is a symbolic link; it is left as it is",
    );

    // Nobody ever writes to it.
    let stage = WineStage::new("fifo");
    let path = stage.dll("iphlpapi.dll");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    refused(
        &stage,
        "system32/iphlpapi.dll is no file; it is left as it is",
    );

    let stage = WineStage::new("endless");
    let file = fs::File::create(stage.dll("iphlpapi.dll")).unwrap();
    file.set_len(1 << 40).unwrap();
    drop(file);
    refused(
        &stage,
        "system32/iphlpapi.dll is larger than any DLL of Wine's",
    );

    let stage = WineStage::new("other");
    fs::write(stage.dll("tcpentry.dll"), "MZ of somebody else").unwrap();
    refused(&stage, "system32/tcpentry.dll is somebody else's");

    let stage = WineStage::new("outside");
    let folder = stage.path("prefix/drive_c/windows/syswow64");
    fs::rename(&folder, stage.path("elsewhere")).unwrap();
    symlink(stage.path("elsewhere"), &folder).unwrap();
    let outside = (7, "leads outside the prefix");
    expect_refusals(&stage, &stage.path("prefix"), outside, outside, outside);
}

#[test]
fn an_override_of_somebody_else_is_left_alone() {
    let stage = WineStage::new("override");
    for (value, left) in [
        ("builtin", "iphlpapi=builtin"),
        ("native,builtin", "left over"),
    ] {
        stage.set_override(value);
        let install = (7, "another override is in the way");
        let remove = (0, "is left as it is: it may be somebody else's");
        expect_refusals(&stage, &stage.path("prefix"), install, remove, (1, left));
    }
    let expected = r"wine reg delete 'HKCU\Software\Wine\DllOverrides' /v iphlpapi /f` deletes it";
    for command in ["install", "remove"] {
        let hint = stage.run(&[command]).err;
        assert!(hint.contains(expected), "{hint}");
    }
}

#[test]
fn the_prefix_of_another_user_is_refused() {
    if !user::others() || !rustix::process::geteuid().is_root() {
        skip!("only root can give files away");
    }
    let stage = WineStage::new("theirs");
    stage.give_prefix_to(64125);
    let refused = (
        4,
        "belongs to another user\nhint: run this as that user, without sudo",
    );
    let status = (
        1,
        "belongs to another user -> run this as that user, without sudo",
    );
    expect_refusals(&stage, &stage.path("prefix"), refused, refused, status);
    let closed = Permissions::from_mode(0o700);
    fs::set_permissions(stage.path("prefix"), closed).unwrap();
    let refused = (
        4,
        "Permission denied (os error 13)\nhint: run this as the user whose prefix it is",
    );
    expect_refusals(&stage, &stage.path("prefix"), refused, refused, refused);
}

#[test]
fn a_prefix_that_can_not_be_written_is_refused() {
    // Root has not the right to write everywhere either: the program drops it.
    let nothing = (0, "nothing is installed");
    let refused = (4, "cannot write to ");
    let status = |stage: &WineStage| (stage.run(&["status"]).code, "");
    let close = |stage: &WineStage, mode| {
        let folder = stage.path("prefix/drive_c/windows/syswow64");
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    };
    let stage = WineStage::new("read-only");
    close(&stage, 0o555);
    expect_refusals(
        &stage,
        &stage.path("prefix"),
        refused,
        nothing,
        status(&stage),
    );
    close(&stage, 0o755);
    stage.install();
    close(&stage, 0o555);
    expect_refusals(
        &stage,
        &stage.path("prefix"),
        refused,
        refused,
        status(&stage),
    );
    close(&stage, 0o755);
}

/// Each part of an installation, and what becomes of it: status says it, install mends it, remove restores the files.
#[test]
fn what_is_lost_of_an_installation_is_said_mended_and_removed() {
    for name in FILES {
        for mends in [true, false] {
            let stage = WineStage::new(&format!("lost-{name}-{mends}"));
            let before = stage.contents();
            stage.install();
            fs::remove_file(stage.dll(name)).unwrap();
            let status = stage.run(&["status"]);
            assert_eq!(status.code, 1);
            let expected = format!("missing\tsystem32\t{name} is missing");
            assert!(status.out.contains(&expected), "{}", status.out);
            if mends {
                stage.install();
                assert_eq!(stage.run(&["status"]).code, 0);
            }
            let remove = stage.run(&["remove"]);
            assert_eq!(remove.code, 0, "{}", remove.err);
            assert_eq!(
                remove.err.contains("was missing"),
                !mends && name != "tcpentry.dll"
            );
            assert_eq!(stage.contents(), before, "{name}");
        }
    }
}

#[test]
fn a_changed_override_is_said_and_stays() {
    let stage = WineStage::new("changed");
    let before = stage.contents();
    stage.install();
    stage.set_override("");
    let status = stage.run(&["status"]);
    assert_eq!(status.code, 1);
    assert!(
        status
            .out
            .contains("override\tnone: programs use Wine's own"),
        "{}",
        status.out
    );
    stage.install();
    assert_eq!(stage.run(&["status"]).code, 0);
    stage.set_override("native");
    let status = stage.run(&["status"]);
    assert_eq!(status.code, 1);
    assert!(
        status
            .out
            .contains("override\tiphlpapi=native, which somebody"),
        "{}",
        status.out
    );
    let install = stage.run(&["install"]);
    assert_eq!(install.code, 7, "{}", install.err);
    let remove = stage.run(&["remove"]);
    assert_eq!(remove.code, 0, "{}", remove.err);
    assert!(
        remove.err.contains("the override iphlpapi=native is left"),
        "{}",
        remove.err
    );
    assert_eq!(stage.contents(), before);
}

#[test]
fn a_copy_that_can_not_be_restored_stays_and_that_is_an_error() {
    let stage = WineStage::new("stays");
    stage.install();
    fs::remove_file(stage.dll("iphlpapi.dll.tcpentry-original")).unwrap();
    fs::rename(stage.path("wine/lib"), stage.path("wine/moved")).unwrap();
    let remove = stage.run(&["remove"]);
    assert_eq!(remove.code, 7);
    for text in [
        "not all of it could be removed from",
        "system32/iphlpapi.dll stays: what was there before is not kept",
        "hint: set WINELOADER to Wine's program",
    ] {
        assert!(remove.err.contains(text), "{}", remove.err);
    }
    let status = stage.run(&["status"]);
    assert!(
        status
            .out
            .contains("override\tnone: programs use Wine's own"),
        "{}",
        status.out
    );
    fs::rename(stage.path("wine/moved"), stage.path("wine/lib")).unwrap();
    assert_eq!(stage.run(&["remove"]).code, 0);
    assert_eq!(stage.run(&["status"]).code, 1);
}
