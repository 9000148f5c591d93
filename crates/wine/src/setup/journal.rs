//! Changes of files, each whole or not at all, which can be undone together.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::SetupError;

/// The changes that were made, in their order.
#[derive(Debug, Default)]
pub(super) struct Journal(Vec<FileChange>);

#[derive(Debug)]
enum FileChange {
    /// A file that had not been there.
    Created(PathBuf),
    /// A file that had these contents.
    Replaced(PathBuf, Vec<u8>),
    /// A file whose former self has this other name.
    Exchanged { path: PathBuf, kept: PathBuf },
}

impl Journal {
    /// Writes a file, new or over the old one.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), SetupError> {
        let failed = |error| SetupError::file("write", path, &error);
        let before = match fs::read(path) {
            Ok(bytes) => FileChange::Replaced(path.to_owned(), bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                FileChange::Created(path.to_owned())
            }
            Err(error) => return Err(SetupError::file("read", path, &error)),
        };
        write_whole(path, bytes, 0o644).map_err(failed)?;
        self.0.push(before);
        Ok(())
    }

    /// Writes a file in the place of another one, which is kept under a second name, by a hard link where the file system has
    /// them.
    pub(super) fn exchange(
        &mut self,
        path: &Path,
        kept: &Path,
        bytes: &[u8],
    ) -> Result<(), SetupError> {
        let failed = |error| SetupError::file("write", path, &error);
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        keep(path, kept).map_err(|error| SetupError::file("write", kept, &error))?;
        self.0.push(FileChange::Created(kept.to_owned()));
        write_whole(path, bytes, mode).map_err(failed)?;
        let (path, kept) = (path.to_owned(), kept.to_owned());
        self.0.push(FileChange::Exchanged { path, kept });
        Ok(())
    }

    /// Undoes all changes, the last one first, and returns the error that was the reason, with what could not be undone.
    pub(super) fn undo(self, mut reason: SetupError) -> SetupError {
        for change in self.0.into_iter().rev() {
            let undone = match &change {
                FileChange::Created(path) => match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(SetupError::file("remove", path, &error))
                    }
                    _ => Ok(()),
                },
                FileChange::Replaced(path, bytes) => write_whole(path, bytes, 0o644)
                    .map_err(|error| SetupError::file("restore", path, &error)),
                FileChange::Exchanged { path, kept } => fs::rename(kept, path)
                    .map_err(|error| SetupError::file("restore", path, &error)),
            };
            if let Err(error) = undone {
                reason = reason.and(&error);
            }
        }
        reason
    }
}

/// Gives a file a second name, which may be that of another file before.
fn keep(path: &Path, kept: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if let Ok(other) = fs::symlink_metadata(kept) {
        if (other.dev(), other.ino()) == (found.dev(), found.ino()) {
            return Ok(());
        }
        fs::remove_file(kept)?;
    }
    if fs::hard_link(path, kept).is_ok() {
        return Ok(());
    }
    write_whole(kept, &fs::read(path)?, found.permissions().mode())?;
    File::options()
        .write(true)
        .open(kept)?
        .set_modified(found.modified()?)
}

/// Writes a file beside its place, and moves it there.
fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tcpentry-new");
    let new = path.with_file_name(name);
    // Left behind by a run that was interrupted.
    let _ = fs::remove_file(&new);
    let written = (|| {
        let mut file = File::create_new(&new)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
        return written;
    }
    // It is written by now, and to be undone: also where the file system has no `fsync` of folders.
    let folder = path.parent().unwrap_or(Path::new("/"));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
