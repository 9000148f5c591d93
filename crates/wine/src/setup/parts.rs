//! The files that a prefix is given, as they lie beside the program: `tcpentry-wine`, and `tcpentry.dll` for both processors.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags};
use rustix::thread::CapabilitySet;

use super::error::SetupError;
use crate::pe::Machine;

/// The place in `tcpentry.dll` for the path of `tcpentry-wine`, and the size of that place; see `dll/channel.c`.
const PATH_MARK: &[u8] = b"tcpentry-wine is here: \0";
const PATH_SIZE: usize = 1024;

/// The files of an installation.
#[derive(Clone, Debug)]
pub struct Parts {
    program: PathBuf,
    dlls: PathBuf,
}

/// The connections that a Windows program may delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProgramRights {
    /// Those of everybody.
    Everybody,
    /// Those of the caller's own processes.
    Own,
    /// None: the caller may not run `tcpentry-wine`.
    Nothing,
}

impl Parts {
    /// Finds the files that belong to the program `tcpentry` at this path: `bin/tcpentry` beside `libexec` and `lib`.
    ///
    /// # Errors
    /// Without `tcpentry-wine`, or with a path to it that a DLL can't hold.
    pub fn of(tcpentry: &Path) -> Result<Self, SetupError> {
        let prefix = tcpentry.parent().and_then(Path::parent);
        let prefix = prefix.unwrap_or(Path::new("/"));
        let program = prefix.join("libexec/tcpentry/tcpentry-wine");
        let parts = Self {
            dlls: prefix.join("lib/tcpentry/wine"),
            program,
        };
        if !parts.program.is_file() {
            let missing = parts.program.display();
            return Err(
                SetupError::new(format!("this installation has no {missing}"))
                    .with_hint("the packages have it, and `cargo xtask install --prefix P`"),
            );
        }
        let bytes = parts.program.as_os_str().as_encoded_bytes();
        if bytes.len() >= PATH_SIZE || !bytes.iter().all(u8::is_ascii_graphic) {
            let shown = parts.program.display();
            return Err(SetupError::new(format!(
                "a DLL can't hold the path {shown}: it is too long, or has other characters than those of ASCII"
            )));
        }
        Ok(parts)
    }

    /// Returns the path of `tcpentry-wine`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns whose connections a Windows program of this user may delete.
    pub fn rights(&self) -> ProgramRights {
        let path = &self.program;
        if rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_err() {
            return ProgramRights::Nothing;
        }
        let net_admin = CapabilitySet::NET_ADMIN;
        let is_bounded = rustix::thread::capability_is_in_bounding_set(net_admin) != Ok(true);
        let is_root = rustix::process::geteuid().is_root();
        let may_gain = rustix::fs::statvfs(path)
            .is_ok_and(|it| !it.f_flag.contains(StatVfsMountFlags::NOSUID));
        if !is_bounded && (is_root || may_gain && file_has_net_admin(path)) {
            ProgramRights::Everybody
        } else {
            ProgramRights::Own
        }
    }

    /// Returns `tcpentry.dll` for a processor, with the path of `tcpentry-wine` in it.
    pub(super) fn dll(&self, machine: Machine) -> Result<Vec<u8>, SetupError> {
        let folder = match machine {
            Machine::X86_64 => "x86_64",
            Machine::I686 => "i686",
        };
        let path = self.dlls.join(folder).join("tcpentry.dll");
        let mut dll = fs::read(&path).map_err(|error| {
            SetupError::file("read", &path, &error)
                .with_hint("it is built where mingw-w64 is: Debian's packages have it, and an installation made beside it")
        })?;
        let place = path_place(&dll)
            .ok_or_else(|| SetupError::new(format!("{} is not of this version", path.display())))?;
        let text = self.program.as_os_str().as_encoded_bytes();
        dll[place..place + text.len()].copy_from_slice(text);
        Ok(dll)
    }
}

/// Returns true for a `tcpentry.dll` of any version.
pub(super) fn is_ours(dll: &[u8]) -> bool {
    path_place(dll).is_some()
}

/// Returns the offset of the path of `tcpentry-wine`.
fn path_place(dll: &[u8]) -> Option<usize> {
    let at = dll
        .windows(PATH_MARK.len())
        .position(|it| it == PATH_MARK)?
        + PATH_MARK.len();
    (dll.len() >= at + PATH_SIZE).then_some(at)
}

/// Returns true for a file that has `CAP_NET_ADMIN`, permitted and effective (`vfs_cap_data` of its attribute).
fn file_has_net_admin(path: &Path) -> bool {
    let mut data = [0; 24];
    let size = rustix::fs::getxattr(path, "security.capability", &mut data[..]).unwrap_or(0);
    let word = |at: usize| u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
    let is_effective = word(0) & 1 != 0;
    let permitted = CapabilitySet::from_bits_retain(u64::from(word(4)));
    size >= 12 && is_effective && permitted.contains(CapabilitySet::NET_ADMIN)
}
