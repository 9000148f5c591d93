//! Sockets made inside a network namespace, for somebody outside of it.
//!
//! A socket stays with the namespace it was made in, whatever becomes of who made it. So whoever enters is
//! thrown away: a thread where the caller has the right (`CAP_SYS_ADMIN` over both), and where it is the caller's own
//! through a user namespace (rootless containers), a child process of one thread, since a threaded process may
//! not enter a user namespace (measured, Linux 6.18); it passes the sockets out (`SCM_RIGHTS`).

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::find::Namespace;
use super::origin::inode_of_this_thread;
use crate::error::ran_out;
use crate::error::{Error, ErrorKind, Operation};
use crate::sock_diag::NetlinkSocket;
use crate::sys;

/// The sockets that were made inside.
pub(crate) struct Inside {
    pub(crate) sockets: [NetlinkSocket; SOCKETS],
    /// One of rtnetlink, where it can be made.
    pub(crate) routes: Option<NetlinkSocket>,
    /// True where they see users as the namespace's own user namespace numbers them.
    pub(crate) foreign_users: bool,
    /// `net.ipv4.ip_local_port_range` there, as text; empty where it could not be read.
    pub(crate) local_ports: Vec<u8>,
}

/// Makes the sockets of a table inside of a namespace.
pub(crate) fn enter(namespace: &Namespace) -> Result<Inside, Error> {
    // Where the caller is already nobody needs a right.
    if inode_of_this_thread()? == namespace.inode() {
        return make().map_err(|errno| failed(namespace, errno));
    }
    let file = namespace.file();
    let entered = match by_thread(file) {
        // A user namespace that is neither the caller's nor below it is not even shown.
        Err(Errno::PERM) => sys::owning_user_namespace(file)
            .map_err(|_| Errno::PERM)
            .and_then(|owner| by_child(file, owner.as_fd())),
        entered => entered,
    };
    entered.map_err(|errno| failed(namespace, errno))
}

/// Makes them where the calling thread is.
fn make() -> Result<Inside, Errno> {
    let sockets = [NetlinkSocket::open()?, NetlinkSocket::open()?];
    let local_ports =
        fs::read(LOCAL_PORTS).or_else(|error| match Errno::from_io_error(&error) {
            Some(errno) if ran_out(errno) => Err(errno),
            _ => Ok(Vec::new()),
        })?;
    Ok(Inside {
        sockets,
        routes: optional(NetlinkSocket::open_for_routes())?,
        foreign_users: false,
        local_ports,
    })
}

/// Returns what can be done without; an error where there is none for want of memory or descriptors.
fn optional<T>(made: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match made {
        Err(errno) if ran_out(errno) => Err(errno),
        made => Ok(made.ok()),
    }
}

fn failed(namespace: &Namespace, errno: Errno) -> Error {
    match errno {
        Errno::PERM | Errno::ACCESS => Error::new(
            Operation::Open,
            ErrorKind::AccessDenied,
            format!("you are not permitted to enter the network namespace {namespace}"),
        )
        .with_errno(errno)
        .with_hint(if rustix::process::geteuid().is_root() {
            "that takes CAP_SYS_ADMIN over it: run it as root with all capabilities, outside of containers and user namespaces"
        } else {
            "run it as root (sudo), or as the user whose (rootless) container it is, from outside of the container"
        }),
        errno => {
            let doing = format!("enter the network namespace {namespace}");
            Error::os(Operation::Open, &doing, errno)
        }
    }
}

fn by_thread(file: BorrowedFd<'_>) -> Result<Inside, Errno> {
    let inside = || {
        move_into_link_name_space(file, Some(LinkNameSpaceType::Network))?;
        make()
    };
    thread::scope(|scope| {
        let entering = thread::Builder::new().spawn_scoped(scope, inside);
        let entering =
            entering.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
        entering.join().unwrap_or(Err(Errno::IO))
    })
}

fn by_child(file: BorrowedFd<'_>, owner: BorrowedFd<'_>) -> Result<Inside, Errno> {
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sys::in_a_child(|| {
        // System calls only: see there.
        if let Err(errno) = make_inside(file, owner, theirs.as_fd()) {
            let number = errno.raw_os_error().to_ne_bytes();
            let _ = rustix::net::send(&theirs, &number, SendFlags::NOSIGNAL);
        }
    })?;
    drop(theirs);
    receive(ours.as_fd())
}

/// Enters the namespace in the child, makes the sockets, and sends them with the range of ports. Allocates nothing.
fn make_inside(
    file: BorrowedFd<'_>,
    owner: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
) -> Result<(), Errno> {
    match move_into_link_name_space(owner, Some(LinkNameSpaceType::User)) {
        // It is the caller's own, so that nothing can be gained by entering it.
        Err(Errno::INVAL) => return Err(Errno::PERM),
        entered => entered?,
    }
    move_into_link_name_space(file, Some(LinkNameSpaceType::Network))?;
    let sockets = [NetlinkSocket::make()?, NetlinkSocket::make()?];
    let routes = optional(NetlinkSocket::make_for_routes())?;
    let mut text = [0; LONGEST_TEXT];
    let length = match read_local_ports(&mut text) {
        Err(errno) if ran_out(errno) => return Err(errno),
        read => read.unwrap_or(0),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS + 1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sockets = [sockets[0].as_fd(), sockets[1].as_fd()];
    let all = routes
        .as_ref()
        .map(|it| [sockets[0], sockets[1], it.as_fd()]);
    let descriptors = all.as_ref().map_or(&sockets[..], |all| &all[..]);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::NOBUFS);
    }
    // One byte before the text: a message of an errno has four.
    let parts = [IoSlice::new(MARK), IoSlice::new(&text[..length])];
    rustix::net::sendmsg(to, &parts, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn read_local_ports(text: &mut [u8]) -> Result<usize, Errno> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(LOCAL_PORTS_C, flags, rustix::fs::Mode::empty())?;
    rustix::io::read(&file, text)
}

fn receive(from: BorrowedFd<'_>) -> Result<Inside, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS + 1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0; MARK.len() + LONGEST_TEXT];
    let mut parts = [IoSliceMut::new(&mut text)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received =
        rustix::io::retry_on_intr(|| rustix::net::recvmsg(from, &mut parts, &mut control, flags))?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let text = &text[..received.bytes];
    let routes = (descriptors.len() > SOCKETS)
        .then(|| descriptors.pop())
        .flatten();
    if let (Ok(sockets), Some(local_ports)) = (
        <[OwnedFd; SOCKETS]>::try_from(descriptors),
        text.strip_prefix(MARK),
    ) {
        return Ok(Inside {
            sockets: sockets.map(NetlinkSocket::from),
            routes: routes.map(NetlinkSocket::from),
            foreign_users: true,
            local_ports: local_ports.to_vec(),
        });
    }
    if text.starts_with(MARK) {
        // The kernel drops what finds no room in the table of descriptors.
        return Err(Errno::MFILE);
    }
    let number = text.try_into().map(i32::from_ne_bytes);
    // Nothing: the child was killed.
    Err(number.map_or(Errno::IO, Errno::from_raw_os_error))
}

/// The number of netlink sockets: one for questions, one for dumps.
const SOCKETS: usize = 2;
const MARK: &[u8] = b"inside:";
const LONGEST_TEXT: usize = 64;
const LOCAL_PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const LOCAL_PORTS_C: &std::ffi::CStr = c"/proc/sys/net/ipv4/ip_local_port_range";
