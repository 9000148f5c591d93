//! A prefix of Wine: its folder, and the folders of DLLs in it.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation};

use super::error::SetupError;

/// The folder of Windows on the drive that Wine has for `C:`, which need not be `drive_c`.
const WINDOWS: &str = "dosdevices/c:/windows";

/// A prefix that belongs to the caller.
#[derive(Debug)]
pub(super) struct WinePrefix {
    /// Its folder, without symbolic links.
    pub(super) root: PathBuf,
    is_owned: bool,
}

/// The lock of a prefix, for as long as it is changed.
#[derive(Debug)]
pub(super) struct PrefixLock {
    _folder: File,
}

/// Returns `$WINEPREFIX` or `~/.wine`, as Wine does.
///
/// # Errors
/// Without either variable.
pub fn default_prefix() -> Result<PathBuf, SetupError> {
    let set = |name| env::var_os(name).filter(|it| !it.is_empty());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".wine"));
    let prefix = set("WINEPREFIX").map(PathBuf::from).or_else(home);
    prefix.ok_or_else(|| SetupError::new("neither WINEPREFIX nor HOME is set; name the prefix"))
}

impl WinePrefix {
    pub(super) fn open(path: &Path) -> Result<Self, SetupError> {
        let root = fs::canonicalize(path).map_err(|error| {
            let failed = SetupError::file("open the prefix", path, &error);
            if error.kind() == io::ErrorKind::NotFound {
                // Wine takes no other.
                let path = std::path::absolute(path).unwrap_or_default();
                failed.with_command(&path, &["wineboot"], "makes one")
            } else {
                failed
            }
        })?;
        // The registry's files come later, when Wine's server ends.
        if !is_folder(&root.join(WINDOWS))? {
            let none = SetupError::new(format!("{} is no prefix of Wine", root.display()));
            return Err(if root.is_dir() {
                none.with_command(&root, &["wineboot"], "makes one")
            } else {
                none.with_hint("it is not a folder")
            });
        }
        let owner = fs::metadata(&root).map(|found| found.uid());
        let owner = owner.map_err(|error| SetupError::file("open the prefix", &root, &error))?;
        Ok(Self {
            is_owned: owner == rustix::process::geteuid().as_raw(),
            root,
        })
    }

    /// Fails for a prefix of somebody else, in which Wine does not run either.
    pub(super) fn require_owner(&self) -> Result<(), SetupError> {
        if self.is_owned {
            return Ok(());
        }
        let root = self.root.display();
        Err(
            SetupError::denied(format!("{root} belongs to another user"))
                .with_hint("run this as that user, without sudo"),
        )
    }

    /// Fails where a folder can't be changed: before Wine is asked, which may be slow, and before anything is changed.
    pub(super) fn require_writable(folder: &Path) -> Result<(), SetupError> {
        rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|errno| SetupError::file("write to", folder, &errno.into()))
    }

    /// Locks it against another run of this program.
    pub(super) fn lock(&self) -> Result<PrefixLock, SetupError> {
        let folder = File::open(&self.root)
            .map_err(|error| SetupError::file("open the prefix", &self.root, &error))?;
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(PrefixLock { _folder: folder }),
            Err(errno) => {
                let root = self.root.display();
                Err(SetupError::new(format!(
                    "cannot lock {root}: {errno}; is another `tcpentry wine` changing it?"
                )))
            }
        }
    }

    /// Returns a folder of Windows's in it, if it has that.
    pub(super) fn windows_folder(&self, name: &str) -> Result<Option<PathBuf>, SetupError> {
        let path = self.root.join(WINDOWS).join(name);
        if !is_folder(&path)? {
            return Ok(None);
        }
        let real = fs::canonicalize(&path)
            .map_err(|error| SetupError::file("open the folder", &path, &error))?;
        if real.starts_with(&self.root) {
            return Ok(Some(real));
        }
        let (path, real) = (path.display(), real.display());
        Err(SetupError::new(format!(
            "{path} leads outside the prefix, to {real}"
        )))
    }
}

/// Returns true for a folder, false for something else and for nothing; what can't be seen is an error.
fn is_folder(path: &Path) -> Result<bool, SetupError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) =>
        {
            Ok(false)
        }
        Err(error) => Err(SetupError::file("open", path, &error)
            .with_hint("run this as the user whose prefix it is")),
    }
}
