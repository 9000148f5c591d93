//! Another process that holds a socket and is called as a test likes.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::wait::until;

/// Names that break careless readers of `/proc/PID/comm`, `/proc/PID/stat` and terminals. Each has at
/// most 15 bytes.
pub const HOSTILE: [&[u8]; 8] = [
    b"\x1b[2J\x1b[31mroot",
    b"two\nlines",
    b") S 1 (",
    b"\xff\xfe\x80",
    "\u{202e}txt.exe".as_bytes(),
    b"tab\tquote'\"\\",
    b" ",
    b"fifteen-bytes-x",
];

/// The number of bytes of a name that the kernel keeps.
const KEPT: usize = 15;

/// A process of this name that holds one socket as its standard input and does nothing; killed when
/// dropped.
#[derive(Debug)]
pub struct Named {
    child: Child,
    folder: PathBuf,
}

impl Named {
    /// Starts it with the socket; the caller closes its own copy. A name has no slash and no NUL; of one longer
    /// than 15 bytes the kernel keeps 15.
    pub fn holding(socket: impl AsFd, name: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tcpentry-named-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).expect("a folder of our own");
        // A process is called as the file it is started from. `sleep` can't be the one: where it is one
        // of many programs in a single file, it is chosen by its name.
        let file = folder.join(OsStr::from_bytes(name));
        if name.len() > KEPT {
            // The rest of a name is that of the executable itself.
            copy_program("/bin/sh", &file);
        } else {
            std::os::unix::fs::symlink("/bin/sh", &file).expect("a link of that name");
        }
        let socket = socket.as_fd().try_clone_to_owned().expect("dup");
        let child = Command::new(&file)
            // Where it is one of many programs in a single file, it is chosen by this.
            .arg0("sh")
            // It stops itself, by a command that is part of the shell: nothing else gets started.
            .args(["-c", "kill -STOP $$"])
            .stdin(socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a shell by that name");
        let named = Self { child, folder };
        // The new program runs before the new name is set.
        let kept = &name[..name.len().min(KEPT)];
        until("it is called so", || named.name() == kept);
        named
    }

    /// Returns its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its name as the kernel reports it.
    pub fn name(&self) -> Vec<u8> {
        let path = format!("/proc/{}/comm", self.pid());
        let mut name = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(name.pop(), Some(b'\n'));
        name
    }
}

/// Copies a program, to be started at once.
///
/// By another process: while this one writes a file, another thread may start a process that has a copy of its descriptor, and a
/// file that somebody can write to is not executed.
pub fn copy_program(from: &str, to: &Path) {
    let copied = Command::new("cp").arg("--").arg(from).arg(to).status();
    assert!(copied.expect("start cp").success(), "a copy of that name");
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{isolated, proc_net, tcp};

    #[test]
    fn it_is_called_so_and_holds_the_socket_alone() {
        isolated(|| {
            for name in HOSTILE {
                let ends = tcp::connected();
                let (local, peer) = tcp::addresses(&ends.server);
                let named = Named::holding(&ends.server, name);
                drop(ends.server);
                assert_eq!(named.name(), name);
                let row = proc_net::row(local, peer).unwrap();
                assert_ne!(row.inode, 0, "somebody holds it");
                drop(named);
                until("it is nobody's any more", || {
                    proc_net::row(local, peer).is_none_or(|row| row.inode == 0)
                });
            }
            let long = Named::holding(tcp::connected().client, b"sixteen-bytes-xy");
            assert_eq!(long.name(), b"sixteen-bytes-x");
        });
    }
}
