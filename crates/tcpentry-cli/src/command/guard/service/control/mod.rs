//! The control socket of the service: `guard status`, `pause` and `resume` ask it, and `ban` hands over what it bans.
//!
//! A connection carries one request and its reply. A request is a line, `status`, `pause [RULE]` or `resume [RULE]`; or the
//! line `ban` and behind it a line for each change, up to an empty line. The reply is a line of JSON.

mod caller;
mod client;
mod request;
mod server;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::folder;

pub(crate) use client::{AskError, ask};
pub(crate) use request::{ControlReply, RequestKind};
pub(crate) use server::{Control, ControlRequest, MAX_CHANGES};

/// Returns the path at which the service listens: in the folder that systemd has made for it, if there is one.
pub(crate) fn server_path() -> PathBuf {
    folder::of_variable("RUNTIME_DIRECTORY", FOLDER).join("guard.sock")
}

/// Makes a socket of either side, which waits for nothing.
fn unix_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// The path at which the service is asked.
pub(crate) const SOCKET: &str = "/run/tcpentry/guard.sock";
const FOLDER: &str = "/run/tcpentry";
/// The users of this group may ask the service.
const GROUP: &str = "tcpentry";
