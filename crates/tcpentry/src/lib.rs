//! Delete TCP connections from outside their process, truthfully and safely.
//!
//! Windows has one call for it, `SetTcpEntry`: give it a row of the TCP table with the state
//! `MIB_TCP_STATE_DELETE_TCB` and the connection is gone. This crate is that call for Linux,
//! and the table the row comes from.
//!
//! - [`TcpTable`] is the table of one network namespace: [`TcpTable::connections`] streams it,
//!   [`TcpTable::find`] looks up one exact connection, [`TcpTable::delete`] deletes it,
//!   [`TcpTable::delete_matching`] and [`TcpTable::delete_all`] delete many.
//! - [`Filter`] says which sockets are meant, in the language of `ss`; a [`Selection`] makes it ready for a
//!   table, and [`Attribution`] has what no row tells.
//! - [`Connection`] is a row. It carries the kernel's [`Cookie`] of its socket, so that what is
//!   deleted is what was listed: never a later connection of the same four-tuple, and never the
//!   listener behind it.
//! - [`Details`](details::Details) is all that the kernel tells of one connection: [`TcpTable::details`].
//! - [`Identity`] is a connection's name as one word, to be carried to another process.
//! - [`Deleted`] or an [`Error`] is the answer. `Deleted` exists only after the kernel confirmed it;
//!   an [`Error`] has a kind, an errno, a Win32 code and a hint that says what to do.
//! - [`Namespaces`](netns::Namespaces) finds the network namespaces of this system, [`TcpTable::open_in`] opens the table of one.
//! - [`Owners`](process::Owners) tells which processes hold a socket, [`Cgroups`](process::Cgroups) its cgroup,
//!   [`Unit`](process::Unit) and [`Container`](process::Container)
//!   what that stands for.
//! - [`TcpTable::set_entry`] is the contract of `SetTcpEntry` itself.
//!
//! # Example
//!
//! A user needs no privilege to delete a connection of his own processes:
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
//! assert!(client.read(&mut [0]).is_err(), "its owner is told");
//! assert!(server.read(&mut [0]).is_err(), "its peer got a reset");
//! # Ok(())
//! # }
//! ```
//!
//! # What it always does, and never
//!
//! - It deletes by the socket's cookie. A request without one may hit the *listener* of a port when
//!   the connection has just ended (measured, Linux 6.18), so this crate has no way to send one.
//! - It never says "deleted" before the kernel did, nor "gone" when the kernel merely could not look
//!   (`tcp_diag` missing).
//! - It keeps what it does not know: unknown states and attributes are shown as numbers.
//! - It keeps no thread and no process: only to enter another network namespace it starts one, for as long as
//!   that takes. It runs no other program and writes no file.

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
pub mod netns;
mod privilege;
pub mod process;
mod select;
pub mod set_entry;
mod sock_diag;
pub mod support;
mod sys;
pub mod table;

// The table.
pub use table::TcpTable;
pub use table::find::Target;
pub use table::query::Query;

// Its rows.
pub use connection::details;
pub use connection::endpoint::{Endpoint, Interface, Pair};
pub use connection::identity::Identity;
pub use connection::notation::ScopedEndpoint;
pub use connection::state::{State, States};
pub use connection::{Connection, Cookie, Inode};

// Which of them.
pub use filter::Filter;
pub use select::Selection;
pub use select::facts::Attribution;
pub use select::names::SystemNames;

// Their end.
pub use delete::batch::DumpCompleteness;
pub use delete::batch::item::Action;
pub use delete::{Deleted, Method, MethodChoice, Options};
pub use error::{Error, ErrorKind, Outcome, Reason};
