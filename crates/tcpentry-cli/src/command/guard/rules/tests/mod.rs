//! Configurations as texts and as folders: what they mean, and that no text brings the reader down.

mod errors;
mod round_trip;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tcpentry::watch::TableFamily;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::read::{read, read_files};
use super::{NetnsScope, Rules, Trigger};

/// Reads texts as if they were files.
fn read_texts(texts: &[(&str, &str)]) -> Result<Rules, Vec<ConfigError>> {
    let files = texts.iter().map(|(name, text)| ConfigFile {
        path: PathBuf::from(name),
        text: (*text).to_owned(),
    });
    let files: Vec<_> = files.collect();
    read_files(Path::new("guard.d"), &files, Vec::new())
}

/// Returns the errors of texts, a line each, and below each its hint.
fn said(texts: &[(&str, &str)]) -> String {
    listed(&read_texts(texts).expect_err("it has errors"))
}

fn listed(errors: &[ConfigError]) -> String {
    let lines = errors.iter().map(|error| {
        let hint = error.hint().map(|hint| format!("  {hint}\n"));
        format!("{error}\n{}", hint.unwrap_or_default())
    });
    lines.collect()
}

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tcpentry-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn read(&self) -> Result<Rules, String> {
        let folder = format!("{}/", self.0.display());
        read(Some(&self.0)).map_err(|errors| listed(&errors).replace(&folder, ""))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rule(name: &str) -> String {
    format!("[rule.{name}]\nevery = \"1s\"\ndelete = \"port 1\"\n")
}

#[test]
fn the_examples_are_the_rules_of_the_manual() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guard.d");
    let rules = read(Some(&folder)).unwrap_or_else(|errors| panic!("{}", listed(&errors)));
    let names: Vec<_> = rules.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["left-address", "banned", "moved", "leak", "bans"]);
    let [left, banned, moved, leak, bans] = &rules.rules[..] else {
        panic!("{names:?}");
    };
    assert_eq!(left.trigger, Trigger::AddressRemoved { device: None });
    assert_eq!(left.delete, "src @address");
    let set = Trigger::Set {
        family: TableFamily::Inet,
        table: "f2b-table".to_owned(),
        set: "addr*-set-*".to_owned(),
    };
    assert_eq!(banned.trigger, set);
    assert_eq!(banned.except.as_deref(), Some("sport = :22"));
    assert_eq!(banned.netns, NetnsScope::All);
    let moved_name = Trigger::NameChanged {
        name: "db.internal".to_owned(),
        absent_for: Duration::from_secs(600),
    };
    assert_eq!(moved.trigger, moved_name);
    assert_eq!(moved.delete, "dst @former and dport = :5432");
    assert_eq!(leak.trigger, Trigger::Every(Duration::from_secs(30)));
    assert_eq!(leak.matched_for, Some(Duration::from_secs(60)));
    assert_eq!(
        (leak.max, leak.rate.map(|it| it.count)),
        (Some(200), Some(20))
    );
    assert_eq!(bans.trigger, Trigger::Ban);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("A bad idea "), "{}", path.display());
    }
}

#[test]
fn files_are_read_in_the_order_of_their_names() {
    let folder = Folder::new("rules-order");
    folder.write("20.toml", rule("b"));
    folder.write("10.toml", rule("c"));
    folder.write("3.toml", rule("a"));
    folder.write("1.toml~", "not read");
    folder.write(".1.toml", "not read");
    folder.write("README", "not read");
    let rules = folder.read().unwrap();
    let names: Vec<_> = rules.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["c", "b", "a"]);
    let one = read(Some(&folder.0.join("20.toml"))).unwrap();
    assert_eq!(one.rules.len(), 1);
}

#[test]
fn what_can_not_be_read_is_an_error() {
    let folder = Folder::new("rules-unreadable");
    let none = folder.read().unwrap_err();
    assert!(none.contains(": there is no rule\n"), "{none}");
    folder.write("1.toml", b"# \xff\n");
    folder.write("2.toml", b"# \xc3\xa4\n# \xc3\xa4 \xff\n");
    folder.write("3.toml", vec![b'#'; (1 << 20) + 1]);
    fs::create_dir(folder.0.join("4.toml")).unwrap();
    symlink("nowhere", folder.0.join("5.toml")).unwrap();
    symlink("/dev/zero", folder.0.join("6.toml")).unwrap();
    folder.write("7.toml", rule("a"));
    folder.write("8.toml", "[rule.a]\n");
    let said = folder.read().unwrap_err();
    let places: Vec<_> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        places,
        [
            "1.toml:1:3: it is not UTF-8",
            "2.toml:2:5: it is not UTF-8",
            "3.toml: it is larger than 1048576 bytes",
            "4.toml: cannot be read: not a regular file",
            "5.toml: cannot be read: No such file or directory (os error 2)",
            "6.toml: cannot be read: not a regular file",
            "8.toml:1:7: the rule `a` is named twice",
            "8.toml:1:7: the rule has neither `when` nor `every`",
            "8.toml:1:7: the rule `a` has no `delete`",
        ]
    );
    let missing = read(Some(Path::new("/no/such/folder"))).unwrap_err();
    let missing = listed(&missing);
    assert!(
        missing.starts_with("/no/such/folder: cannot be read: "),
        "{missing}"
    );
}

#[test]
fn a_rule_that_rests_is_a_rule() {
    let text = format!("{}enabled = false\ndry-run = true\n", rule("a"));
    let rules = read_texts(&[("a.toml", &text)]).unwrap();
    assert!(!rules.rules[0].enabled && rules.rules[0].dry_run);
    let everything = "[rule.a]\nevery = \"1h\"\ndelete = \"state all\"\neverything = true\n";
    let rules = read_texts(&[("a.toml", everything)]).unwrap();
    assert!(rules.rules[0].everything);
}
