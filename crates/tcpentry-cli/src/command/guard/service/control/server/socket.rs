//! The socket's file and its lock: one service listens at a path, in the place of one that is no more.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::super::caller::Caller;
use super::super::{GROUP, unix_socket};

/// The socket at which the service listens.
#[derive(Debug)]
pub(super) struct ControlSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// The device and the inode of the socket's file.
    file: (u64, u64),
    /// Held as long as the service runs: a second one sees by it that there is a first.
    _lock: OwnedFd,
}

impl ControlSocket {
    /// Listens at a path. Returns also what is worth a line in the log: why the socket is not for the group.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<String>)> {
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let socket = unix_socket()?;
        // The file begins with these rights, and gets more only once its group is right.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        let file = file_at(path)?;
        let warning = give_to_group(path)?;
        rustix::net::listen(&socket, BACKLOG)?;
        let socket = Self {
            listener: socket.into(),
            path: path.to_owned(),
            file,
            _lock: lock,
        };
        Ok((socket, warning))
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Where file and lock were removed meanwhile, another service may have bound its own. The number of the inode is not
        // used again as long as this socket is open.
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            // The lock stays: a service that starts now may hold it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the lock beside the socket; an error where another service has it.
fn lock(path: &Path) -> io::Result<OwnedFd> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    // A pipe in its place would wait for a reader.
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let flags = flags | OFlags::NONBLOCK;
    let file = match rustix::fs::open(&name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::NXIO) => {
            let text = format!("{} is not a file: move it away", Path::new(&name).display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        opened => opened?,
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(in_use(path, connect(path).ok().as_ref())),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes the socket of a service that is no more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?.file_type(),
    };
    if !kind.is_socket() {
        let text = format!("{} is not a socket: move it away", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    match connect(path) {
        // Somebody listens; without the lock, which may have been removed.
        Ok(socket) => Err(in_use(path, Some(&socket))),
        Err(Errno::AGAIN) => Err(in_use(path, None)),
        Err(_) => fs::remove_file(path),
    }
}

/// Returns the device and the inode of what is at a path.
fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Connects without waiting.
pub(super) fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = unix_socket()?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn in_use(path: &Path, socket: Option<&OwnedFd>) -> io::Error {
    let pid = socket.and_then(|socket| Caller::of(socket).pid);
    let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
    let text = format!(
        "`tcpentry guard` already runs{pid}, and listens at {}",
        path.display()
    );
    io::Error::new(ErrorKind::AddrInUse, text)
}

/// Makes the socket usable by its group; returns why that is not the group it should be.
fn give_to_group(path: &Path) -> io::Result<Option<String>> {
    let warning = match uzers::get_group_by_name(GROUP) {
        None => Some(format!("there is no group {GROUP}")),
        // As under systemd, which starts the service with this group, and without the right to give anything away.
        Some(group) if fs::symlink_metadata(path)?.gid() == group.gid() => None,
        Some(group) => std::os::unix::fs::chown(path, None, Some(group.gid()))
            .err()
            .map(|error| format!("cannot give it to the group {GROUP}: {error}")),
    };
    // Without that group, it is for the service's own.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(warning.map(|reason| {
        format!(
            "{} is for the service's own group: {reason}",
            path.display()
        )
    }))
}

const BACKLOG: i32 = 64;
