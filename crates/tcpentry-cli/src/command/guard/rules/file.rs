//! The files of a configuration, and the places in them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, LineColumn, shown};
use crate::file;

/// A file of a configuration.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl ConfigFile {
    /// Returns the place of a byte.
    pub(super) fn place(&self, offset: usize) -> LineColumn {
        place(self.text.as_bytes(), offset)
    }

    /// Makes the error of a byte of this file.
    pub(super) fn error(&self, offset: usize, cause: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.path, cause).at(self.place(offset))
    }

    /// Returns the path and the place of a byte, as an error cites them.
    pub(super) fn cited(&self, offset: usize) -> String {
        format!("{}:{}", shown(&self.path), self.place(offset))
    }
}

/// Reads a file, or the files `*.toml` of a folder in the order of their names. Those that can't be read are errors; the others
/// are returned all the same, for their own errors.
pub(super) fn read(path: &Path, errors: &mut Vec<ConfigError>) -> Vec<ConfigFile> {
    let paths = match paths(path) {
        Ok(paths) => paths,
        Err(error) => {
            errors.push(unreadable(path, &error));
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for path in paths {
        match read_file(&path) {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    files
}

fn paths(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let is_hidden = |name: &OsStr| name.as_bytes().starts_with(b".");
        // What an editor keeps beside a file has another ending, or is hidden.
        if path.extension() == Some(OsStr::new("toml")) && !path.file_name().is_some_and(is_hidden)
        {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<ConfigFile, ConfigError> {
    let failed = |error: io::Error| unreadable(path, &error);
    let mut bytes = Vec::new();
    let file = file::open_regular(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(
            ConfigError::new(path, format!("it is larger than {MAX_BYTES} bytes"))
                .with_hint("rules are small: is this another file?"),
        );
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        ConfigError::new(path, "it is not UTF-8")
            .at(place(error.as_bytes(), offset))
            .with_hint("TOML is UTF-8: save it in that encoding")
    })?;
    let path = path.to_owned();
    Ok(ConfigFile { path, text })
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let made = ConfigError::new(path, format!("cannot be read: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => made.with_hint(
            "rules are files `*.toml` there; --config PATH reads a file or a folder elsewhere",
        ),
        io::ErrorKind::InvalidInput => {
            made.with_hint("each `*.toml` in the folder is read: move it elsewhere")
        }
        io::ErrorKind::PermissionDenied => {
            made.with_hint("whoever runs `guard` has to be allowed to read it, and its folder")
        }
        _ => made,
    }
}

/// Returns the place of a byte: what is before it may be anything, up to the beginning of its line.
fn place(text: &[u8], offset: usize) -> LineColumn {
    let before = &text[..offset.min(text.len())];
    let begin = before.iter().rposition(|byte| *byte == b'\n');
    let begin = begin.map_or(0, |newline| newline + 1);
    LineColumn {
        line: before.split(|byte| *byte == b'\n').count(),
        column: 1 + String::from_utf8_lossy(&before[begin..]).chars().count(),
    }
}

/// More than 10,000 rules.
const MAX_BYTES: u64 = 1 << 20;
