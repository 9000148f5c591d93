//! The bans, as they are kept over a restart of the service: a prefix a line, and the second since 1970 at which it expires.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tcpentry::filter::Prefix;

use super::service::folder;
use crate::file;

/// Returns the path of the file: in the folder that systemd has made for the service, if there is one.
pub(super) fn path() -> PathBuf {
    folder::of_variable("STATE_DIRECTORY", FOLDER).join("guard-bans")
}

/// Reads those that have not expired; of a line that is not understood nothing is known, and the others stand.
pub(super) fn read(path: &Path) -> io::Result<Vec<(Prefix, Option<Duration>)>> {
    let mut bytes = Vec::new();
    match file::open_regular(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A line that a crash has spoiled is one that is not understood.
    let text = String::from_utf8_lossy(&bytes);
    let now = now();
    let bans = text.lines().filter_map(|line| {
        let (prefix, end) = line
            .split_once(' ')
            .map_or((line, None), |(it, end)| (it, Some(end)));
        let prefix = prefix.parse().ok()?;
        let Some(end) = end else {
            return Some((prefix, None));
        };
        let end = Duration::from_secs(end.parse().ok()?);
        Some((
            prefix,
            Some(end.checked_sub(now).filter(|it| !it.is_zero())?),
        ))
    });
    Ok(bans.collect())
}

/// Moves a file that could not be read out of the way of the next one, and returns where it is.
pub(super) fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let names = (1..=MAX_ASIDE).map(|number| path.with_extension(format!("unread{number}")));
    // The last one is replaced in the end.
    let mut free = names.filter(|it| fs::symlink_metadata(it).is_err());
    let last = || path.with_extension(format!("unread{MAX_ASIDE}"));
    let aside = free.next().unwrap_or_else(last);
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Writes them, whole or not at all.
pub(super) fn write(
    path: &Path,
    bans: impl Iterator<Item = (Prefix, Option<Duration>)>,
) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let now = now();
    file::replace(path, &path.with_extension("new"), 0o644, |file| {
        let mut file = io::BufWriter::new(file);
        for (prefix, left) in bans {
            match left.and_then(|left| now.checked_add(left)) {
                Some(end) => writeln!(file, "{prefix} {}", end.as_secs())?,
                None => writeln!(file, "{prefix}")?,
            }
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    })
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

const MAX_ASIDE: u32 = 9;
/// The folder of a service that systemd has given none.
const FOLDER: &str = "/var/lib/tcpentry";

#[cfg(test)]
mod tests {
    use rustix::fs::Mode;

    use super::*;

    #[test]
    fn what_is_written_is_read_but_for_what_has_expired() {
        let folder = std::env::temp_dir().join(format!("tcpentry-bans-{}", std::process::id()));
        let path = folder.join("guard-bans");
        assert!(read(&path).unwrap().is_empty());
        let hour = Duration::from_secs(3600);
        let bans: [(Prefix, _); 3] = [
            ("192.0.2.0/24".parse().unwrap(), None),
            ("192.0.2.1".parse().unwrap(), Some(hour)),
            ("2001:db8::1".parse().unwrap(), Some(Duration::ZERO)),
        ];
        write(&path, bans.into_iter()).unwrap();
        let spoiled = b"nonsense\n192.0.2.2 x\n192.0.2.\xff\n\0\0\n".as_slice();
        fs::write(&path, [spoiled, &fs::read(&path).unwrap()].concat()).unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], bans[0]);
        let left = read[1].1.unwrap();
        assert!(
            left <= hour && left + Duration::from_secs(10) > hour,
            "{left:?}"
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_file_is_not_waited_for_and_what_can_not_be_read_is_kept() {
        let folder = format!("tcpentry-no-bans-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("guard-bans");
        let fifo = |path: &Path| {
            let mode = Mode::RUSR | Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
        };
        fifo(&path);
        assert!(read(&path).is_err());
        let aside = put_aside(&path).unwrap();
        assert!(!aside.is_file() && read(&path).unwrap().is_empty());
        fs::create_dir(&path).unwrap();
        assert!(read(&path).is_err());
        assert_ne!(put_aside(&path).unwrap(), aside);
        fifo(&path.with_extension("new"));
        let bans = [("192.0.2.1".parse().unwrap(), None)];
        write(&path, bans.into_iter()).unwrap();
        assert_eq!(read(&path).unwrap(), bans);
        // A write that fails leaves nothing behind, and what was written before.
        fs::create_dir_all(folder.join("none/full")).unwrap();
        assert!(write(&folder.join("none"), bans.into_iter()).is_err());
        assert!(!folder.join("none.new").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
