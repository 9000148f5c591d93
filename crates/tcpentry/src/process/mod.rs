//! The processes that hold sockets (`/proc`), and the cgroups, units and containers that they belong to.
//!
//! A row of the table has an inode; [`Owners`] finds the processes that hold it, each as far as the caller may see it:
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use tcpentry::escape::escape_for_terminal;
//! use tcpentry::process::Owners;
//! use tcpentry::{Query, TcpTable};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let client = TcpStream::connect(listener.local_addr()?)?;
//!
//! let rows: Vec<_> = TcpTable::open()?.connections(&Query::default())?.collect::<Result<_, _>>()?;
//! let owners = Owners::search().of_sockets(rows.iter().filter_map(|row| row.inode)).run()?;
//! for row in &rows {
//!     for owner in row.inode.iter().flat_map(|&inode| owners.of(inode)) {
//!         println!("{row}: {} {}", owner.process.pid(), escape_for_terminal(&owner.name));
//!     }
//! }
//! # let inode = rows.iter().find(|row| row.local() == client.local_addr().unwrap().into()).unwrap().inode.unwrap();
//! # assert_eq!(owners.of(inode).next().unwrap().process.pid().unsigned_abs(), std::process::id());
//! # Ok(())
//! # }
//! ```

mod arguments;
pub(crate) mod cgroup;
pub(crate) mod cgroup_file;
pub(crate) mod cgroup_path;
pub(crate) mod container;
pub(crate) mod descriptors;
mod directory;
pub(crate) mod hierarchy;
pub(crate) mod holder;
mod holdings;
mod inspect;
pub(crate) mod mounts;
pub(crate) mod owners;
mod pid;
pub(crate) mod proc;
pub(crate) mod search;
mod table_limits;
mod threads;
mod unescape;
pub(crate) mod unit;

pub use cgroup::Cgroups;
pub use cgroup_path::{CgroupPath, CgroupPathBuf};
pub use container::{Container, Pod, QosClass, Runtime};
pub use owners::{Owner, Owners};
pub use pid::Process;
pub use search::OwnerSearch;
pub use unit::Unit;
