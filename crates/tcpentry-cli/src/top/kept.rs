//! The settings that are kept between runs: read at the start, written by a key.

use std::fmt;
use std::fs::DirBuilder;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use tcpentry::escape::escape_for_terminal;
use toml::de::{DeTable, DeValue};

use super::save::as_caller;
use super::state::KeptSettings;
use crate::args::duration::duration;
use crate::args::{Grouping, TopColumn};
use crate::file;
use crate::output::exact_duration;
use crate::sudo::SudoUser;

/// The settings as they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadSettings {
    pub(super) kept: KeptSettings,
    /// The problem of the file, for the screen.
    pub(super) problem: Option<String>,
}

impl ReadSettings {
    /// Returns the settings without hosts, unless there are several.
    pub(super) fn for_hosts(&self, has_hosts: bool) -> KeptSettings {
        let mut kept = self.kept.clone();
        if has_hosts {
            return kept;
        }
        kept.columns.retain(|column| *column != TopColumn::Host);
        let of_groups = kept.group.take_if(|group| *group == Grouping::Host);
        // An order that was kept is of the groups that were.
        if of_groups.is_some() || kept.sort == Some(TopColumn::Host) {
            kept.sort = None;
        }
        kept
    }
}

/// Reads the settings, where there is a screen for them. A problem of the file is told, and the rest of it counts.
pub(crate) fn read(has_screen: bool) -> ReadSettings {
    match place() {
        Ok(path) if has_screen => read_from(&path),
        _ => ReadSettings::default(),
    }
}

/// Reads the settings of this file, as the user who is at the keyboard.
fn read_from(path: &Path) -> ReadSettings {
    let (kept, problems) = match as_caller(|| read_text(path)) {
        Ok(text) => parse(&text),
        Err(error) if is_absence(&error) => return ReadSettings::default(),
        Err(error) => (KeptSettings::default(), vec![error.to_string()]),
    };
    let problem = problems.first().map(|first| {
        let more = match problems.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        format!("{}: {first}{more}", shown(path))
    });
    ReadSettings { kept, problem }
}

/// Returns true for the error of a file that does not exist.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Writes the settings, as the user who is at the keyboard. Returns the place of the file.
pub(super) fn write(kept: &KeptSettings) -> io::Result<String> {
    let path = place()?;
    as_caller(|| write_to(&path, kept))?;
    Ok(shown(&path))
}

fn write_to(path: &Path, kept: &KeptSettings) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut made = DirBuilder::new();
        made.recursive(true).mode(0o700).create(folder)?;
    }
    // A link or a pipe in its place is replaced, and not written to.
    file::replace(path, &path.with_extension("toml.new"), 0o600, |file| {
        write!(file, "{}", FileText(kept))
    })
}

/// Returns the place of the file: under sudo(8) in the home of the user who called it.
fn place() -> io::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let caller = SudoUser::find();
    let folder = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    if caller.is_none()
        && let Some(folder) = folder
    {
        return Ok(folder.join(NAME));
    }
    let home = match caller {
        Some(user) => user.home().ok_or("the user of SUDO_UID has no account"),
        None => variable("HOME").ok_or("neither XDG_CONFIG_HOME nor HOME is set"),
    };
    let home = home.map_err(io::Error::other)?;
    Ok(home.join(".config").join(NAME))
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = file::open_regular(path)?;
    let mut text = String::new();
    file.take(MAX_LENGTH + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other("larger than 64 KiB"));
    }
    Ok(text)
}

/// Returns the settings of a file, and what is wrong with it.
fn parse(text: &str) -> (KeptSettings, Vec<String>) {
    let mut kept = KeptSettings::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let at = error.span().map_or(0, |span| span.start);
        let line = text[..at.min(text.len())].matches('\n').count() + 1;
        return (
            kept,
            vec![format!("line {line}: not TOML: {}", error.message())],
        );
    }
    let mut problems = Vec::new();
    for (key, value) in root.get_ref() {
        let key = &**key.get_ref();
        if let Err(problem) = take(&mut kept, key, value.get_ref()) {
            problems.push(escape_for_terminal(problem.as_bytes()));
        }
    }
    (kept, problems)
}

fn take(kept: &mut KeptSettings, key: &str, value: &DeValue<'_>) -> Result<(), String> {
    match (key, value) {
        ("columns", DeValue::Array(values)) => {
            let names = values.iter().map(|value| match value.get_ref() {
                DeValue::String(name) => named(key, name),
                _ => Err("`columns` is a list of strings".to_owned()),
            });
            kept.columns = names.collect::<Result<_, _>>()?;
        }
        ("sort", DeValue::String(name)) => kept.sort = Some(named(key, name)?),
        ("reverse", DeValue::Boolean(reverse)) => kept.reverse = *reverse,
        ("interval", DeValue::String(text)) => {
            let interval: Duration =
                duration(text).map_err(|error| format!("`interval`: {error}"))?;
            kept.interval = Some(interval);
        }
        ("group", DeValue::String(name)) => kept.group = Some(named(key, name)?),
        ("theme", DeValue::String(name)) => kept.theme = Some(named(key, name)?),
        ("columns" | "sort" | "reverse" | "interval" | "group" | "theme", _) => {
            return Err(format!("`{key}` is of another type"));
        }
        _ => return Err(format!("no setting is called `{key}`")),
    }
    Ok(())
}

fn named<T: ValueEnum>(key: &str, name: &str) -> Result<T, String> {
    T::from_str(name, false).map_err(|_| format!("`{key}`: nothing is called `{name}`"))
}

/// The text of the file.
struct FileText<'k>(&'k KeptSettings);

impl fmt::Display for FileText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.0;
        writeln!(f, "# Written by tcpentry top (W).")?;
        let columns: Vec<_> = kept
            .columns
            .iter()
            .map(|it| format!("\"{}\"", it.name()))
            .collect();
        writeln!(f, "columns = [{}]", columns.join(", "))?;
        if let Some(sort) = kept.sort {
            writeln!(f, "sort = \"{}\"\nreverse = {}", sort.name(), kept.reverse)?;
        }
        if let Some(interval) = kept.interval {
            writeln!(f, "interval = \"{}\"", exact_duration(interval))?;
        }
        if let Some(group) = kept.group {
            writeln!(f, "group = \"{}\"", group.name())?;
        }
        if let Some(theme) = kept.theme {
            writeln!(f, "theme = \"{}\"", theme.name())?;
        }
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    escape_for_terminal(path.as_os_str().as_encoded_bytes())
}

/// The name of the file, below the folder of all settings of a user.
const NAME: &str = "tcpentry/top.toml";
/// The largest length of the file that is read, in bytes.
const MAX_LENGTH: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::args::Palette;

    #[test]
    fn what_is_written_is_read_again() {
        let kept = KeptSettings {
            columns: vec![TopColumn::State, TopColumn::RecvQueue, TopColumn::DeleteBy],
            sort: Some(TopColumn::Idle),
            reverse: true,
            interval: Some(Duration::from_millis(2500)),
            group: Some(Grouping::Unit),
            theme: Some(Palette::Light),
        };
        let text = FileText(&kept).to_string();
        assert_eq!(parse(&text), (kept, Vec::new()), "{text}");
    }

    #[test]
    fn what_is_wrong_is_told_and_the_rest_counts() {
        for (text, told) in [
            ("sort = \"idle\"\nfont = 3", "no setting is called `font`"),
            (
                "sort = \"idle\"\ngroup = \"colour\"",
                "`group`: nothing is called `colour`",
            ),
            (
                "sort = \"idle\"\ninterval = \"1x\"",
                "`interval`: `x` is not a unit of time",
            ),
            (
                "sort = \"idle\"\ncolumns = \"state\"",
                "`columns` is of another type",
            ),
            (
                "sort = \"idle\"\ncolumns = [3]",
                "`columns` is a list of strings",
            ),
        ] {
            let (kept, problems) = parse(text);
            assert_eq!(kept.sort, Some(TopColumn::Idle));
            assert!(problems[0].starts_with(told), "{problems:?}");
        }
        let (kept, problems) = parse("theme = \"light\"\nsort = ");
        assert_eq!(kept, KeptSettings::default());
        assert!(
            problems[0].starts_with("line 2: not TOML: "),
            "{problems:?}"
        );
        assert_eq!(parse(""), (KeptSettings::default(), Vec::new()));
    }

    #[test]
    fn no_setting_is_about_what_is_deleted() {
        for key in [
            "filter",
            "yes",
            "rate",
            "method",
            "listeners",
            "own-session",
            "all-netns",
        ] {
            let (kept, problems) = parse(&format!("{key} = true"));
            assert_eq!(kept, KeptSettings::default());
            assert_eq!(problems, [format!("no setting is called `{key}`")]);
        }
    }

    #[test]
    fn hosts_are_left_out_where_there_is_one() {
        let kept = KeptSettings {
            columns: vec![TopColumn::Host, TopColumn::Peer],
            sort: Some(TopColumn::Count),
            group: Some(Grouping::Host),
            ..KeptSettings::default()
        };
        let read = ReadSettings {
            kept: kept.clone(),
            problem: None,
        };
        assert_eq!(read.for_hosts(true), kept);
        let expected = KeptSettings {
            columns: vec![TopColumn::Peer],
            ..KeptSettings::default()
        };
        assert_eq!(read.for_hosts(false), expected);
    }

    /// Calls a function with the place of the file in a folder that is removed afterwards.
    fn in_folder(name: &str, act: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("tcpentry-{name}-{}", std::process::id()));
        act(&folder.join(NAME));
        fs::remove_dir_all(&folder).unwrap();
    }

    fn make_pipe(path: &Path) {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
    }

    #[test]
    fn a_pipe_a_folder_and_a_huge_file_are_told() {
        in_folder("settings-read", |path| {
            assert_eq!(read_from(path).problem, None, "there is none");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let told = || {
                let read = read_from(path);
                assert_eq!(read.kept, KeptSettings::default());
                read.problem.unwrap()
            };
            make_pipe(path);
            assert!(told().ends_with("top.toml: not a regular file"));
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path).unwrap();
            assert!(told().ends_with("top.toml: not a regular file"));
            fs::remove_file(path).unwrap();
            let file = File::create(path).unwrap();
            file.set_len(1 << 40).unwrap();
            assert!(told().ends_with("top.toml: larger than 64 KiB"));
            fs::write(path, "[".repeat(60 << 10)).unwrap();
            assert!(told().contains("not TOML"));
        });
    }

    #[test]
    fn nothing_is_written_through_a_link_or_to_a_pipe() {
        in_folder("settings-write", |path| {
            let kept = KeptSettings {
                sort: Some(TopColumn::Idle),
                ..KeptSettings::default()
            };
            let folder = path.parent().unwrap();
            fs::create_dir_all(folder).unwrap();
            let other = folder.join("other");
            fs::write(&other, "as it was").unwrap();
            let new = path.with_extension("toml.new");
            for place in [path, &new] {
                std::os::unix::fs::symlink(&other, place).unwrap();
                write_to(path, &kept).unwrap();
                assert_eq!(fs::read_to_string(&other).unwrap(), "as it was");
                assert_eq!(read_from(path).kept, kept);
                fs::remove_file(path).unwrap();
                make_pipe(place);
                write_to(path, &kept).unwrap();
                assert_eq!(read_from(path).kept, kept);
                fs::remove_file(path).unwrap();
            }
            let left: Vec<_> = fs::read_dir(folder).unwrap().collect();
            assert_eq!(left.len(), 1, "{left:?}");
        });
    }
}
