//! Network namespaces: [`Namespaces::all`] finds them, [`TcpTable::open_in`](crate::TcpTable::open_in) opens the table of
//! one, [`Origin`] names the one that a socket lives in.

mod addresses;
mod conntrack;
mod enter;
mod find;
mod local_address;
mod local_ports;
mod origin;

pub use addresses::{HostAddresses, HostRole};
pub(crate) use addresses::{IFADDRMSG, RTM_GETADDR, RTM_NEWADDR, is_default_route, own_address};
pub use conntrack::{Conntrack, RequestedEnd};
pub(crate) use enter::{Inside, enter};
pub use find::{Namespace, Namespaces};
#[cfg(test)]
pub(crate) use local_address::tests::without_local_addresses;
pub(crate) use local_address::{LocalAddresses, RTM_NEWROUTE};

pub use crate::connection::identity::{BootId, NetnsId, Origin};
pub(crate) use local_ports::LocalPorts;
pub(crate) use origin::{boot_id, inode_of_this_thread, of_socket};
