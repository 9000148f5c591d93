//! Events of a network namespace that say whose connections should end: an address that leaves the host
//! ([`AddressWatch`]), elements that come into a set of nftables ([`SetWatch`]).
//!
//! Each watch is a netlink socket, made in the network namespace of the calling thread, with which it stays. It hears nothing of other
//! namespaces, and of other processes than the kernel neither. Nothing here waits: give the descriptor to `poll(2)`, and
//! read when it is readable.
//!
//! The kernel drops events for which the receive buffer has no room. Each watch reports that as `Lost`, after everything that did
//! arrive: then read anew what you keep of it.
//!
//! ```
//! use std::net::IpAddr;
//! use tcpentry::netns::{HostAddresses, HostRole};
//! use tcpentry::watch::{AddressChange, AddressWatch};
//!
//! let mut watch = AddressWatch::open()?;
//! // Here a service would wait: poll(2) for POLLIN.
//! for change in watch.read()? {
//!     match change {
//!         AddressChange::Removed { address, .. } => {
//!             // It may have moved to another device.
//!             if HostAddresses::read()?.role(address) != Some(HostRole::Own) {
//!                 println!("{address} has left this host");
//!             }
//!         }
//!         AddressChange::Lost => println!("which addresses are there is to be read anew"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), tcpentry::Error>(())
//! ```

mod address;
mod host;
mod nftables;
#[cfg(test)]
mod testing;

pub use address::{AddressChange, AddressWatch};
pub use host::HostWatch;
pub use nftables::SetWatch;
pub use nftables::change::SetChange;
pub use nftables::element::SetElement;
pub use nftables::set::{SetContent, SetInfo, SetName, TableFamily, UnknownFamily};
