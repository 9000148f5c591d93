//! Deletes TCP connections of other processes, and lists them: `SetTcpEntry` for Linux.
//!
//! [`TcpTable`] is the TCP table of one network namespace. It streams the connections ([`TcpTable::connections`]), finds
//! one by its ends ([`TcpTable::find`]) and deletes it ([`TcpTable::delete`]), or all that match
//! ([`TcpTable::delete_matching`]): by the kernel's `SOCK_DESTROY`, or without any privilege by the descriptor of a process
//! of the same user (`pidfd_getfd`). Both ends notice at once: the owner gets `ECONNABORTED`, the peer a reset.
//!
//! A deletion names its socket by the kernel's [`Cookie`], so that it never hits a later connection of the same four-tuple,
//! nor the listener behind it; and it is reported only after the kernel has confirmed it.
//!
//! ```
//! use std::io::Read;
//! use std::net::{TcpListener, TcpStream};
//! use tcpentry::{Options, Pair, TcpTable};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut client = TcpStream::connect(listener.local_addr()?)?;
//! let (mut server, _) = listener.accept()?;
//!
//! let mut table = TcpTable::open()?;
//! let pair = Pair::new(client.local_addr()?.into(), client.peer_addr()?.into())?;
//! let connection = table.find(&pair.into())?;
//! let deleted = table.delete(&connection, &Options::default())?;
//! println!("{} deleted by {}", deleted.connection, deleted.method);
//!
//! assert!(client.read(&mut [0]).is_err(), "its owner gets ECONNABORTED");
//! assert!(server.read(&mut [0]).is_err(), "its peer gets ECONNRESET");
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - The table: [`TcpTable`], what to list of it ([`Query`]), and a row ([`Connection`]) with its ends ([`Pair`]), its
//!   [`State`] and its [`Identity`], a name as one word to be carried to another process. [`TcpTable::details`] asks
//!   for every field that the kernel reports of one connection. More in [`connection`].
//! - Filters: [`Filter`] parses the language of `ss`, [`Selection`] prepares one for a table, [`Attribution`] finds owners
//!   and cgroups. More in [`filter`].
//! - The result: [`Deleted`], or an [`Error`] with its [`kind`](ErrorKind), errno, Win32 code and a hint that names the way
//!   out. More in [`mod@error`].
//! - Processes, units and containers: [`process`]. Network namespaces: [`netns`]. The abilities of this system:
//!   [`support`].
//! - UDP sockets, which can be listed: [`table::UdpTable`].
//! - Events: addresses that leave this host, elements that come into sets of nftables. More in [`watch`].
//! - The reason why a connection is slow, as one sentence and a cause. More in [`why`].
//! - The contract of `SetTcpEntry` itself, with rows of Windows' layout: [`set_entry`].
//!
//! # Guarantees
//!
//! - No request without a cookie is ever sent: it may hit the *listener* of a port when the connection has just ended
//!   (measured, Linux 6.18).
//! - "Deleted" is never reported before the kernel has confirmed it, nor "gone" when the kernel merely could not look
//!   (`tcp_diag` missing).
//! - Unknown states and attributes are kept, as numbers.
//! - No thread and no process outlives a call. It starts one to enter another network namespace, to borrow a descriptor,
//!   and for a second processor; it runs no other program and writes no file.
//!
//! # Requirements
//!
//! Linux 5.10 or later; each item names the version that it needs beyond that. Listing takes no right. Deleting other users'
//! connections takes `CAP_NET_ADMIN` over the network namespace, deleting those of one's own processes takes none.

#[cfg(not(target_os = "linux"))]
compile_error!("tcpentry, and all that is built on it, runs on Linux only.");

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub mod bench;
mod child;
pub mod connection;
pub mod delete;
pub mod error;
pub mod escape;
pub mod filter;
#[cfg(feature = "fuzz-internals")]
#[doc(hidden)]
pub mod fuzz;
mod netlink;
pub mod netns;
mod path;
mod privilege;
pub mod process;
mod select;
pub mod set_entry;
mod sock_diag;
pub mod support;
mod sys;
pub mod table;
pub mod watch;
pub mod why;

// The table.
pub use table::TcpTable;
pub use table::find::Target;
pub use table::query::Query;

// Its rows.
pub use connection::{
    Connection, Cookie, Endpoint, Identity, Inode, Interface, Pair, ScopedEndpoint, State, States,
};

// Which of them.
pub use filter::Filter;
pub use select::Selection;
pub use select::facts::Attribution;
pub use select::names::SystemNames;

// Their end.
pub use delete::batch::item::Action;
pub use delete::{Deleted, Method, MethodChoice, Options};
pub use error::{Error, ErrorKind, Outcome, Reason};
