//! Names of network devices, as the namespace of a table has them.

use std::fmt;

use rustix::io::Errno;
use rustix::net::netdevice;

use crate::connection::endpoint::{Device, Interface};
use crate::error::{Error, ErrorKind, Operation};
use crate::sock_diag::NetlinkSocket;

/// Translates interfaces into device names: `if_indextoname(3)` in the namespace of a table.
///
/// Each name is asked for once; a device renamed later keeps its old name here.
///
/// ```
/// use tcpentry::{Interface, TcpTable};
/// let mut devices = TcpTable::open()?.devices();
/// let loopback = Interface::new(1).unwrap();
/// assert_eq!(devices.name(loopback).to_string(), "lo");
/// # Ok::<(), tcpentry::Error>(())
/// ```
pub struct Devices {
    socket: NetlinkSocket,
    known: Vec<(Interface, Device)>,
}

impl Devices {
    pub(crate) const fn new(socket: NetlinkSocket) -> Self {
        Self {
            socket,
            known: Vec::new(),
        }
    }

    /// Returns the device of an interface as it is printed in an endpoint: by name, or by index where there
    /// is none or none that could be pasted back.
    #[doc(alias = "if_indextoname")]
    pub fn name(&mut self, interface: Interface) -> Device {
        if let Some((_, device)) = self.known.iter().find(|(known, _)| *known == interface) {
            return device.clone();
        }
        let name = netdevice::index_to_name(&self.socket, interface.index());
        let device = Device::printable(interface, name.ok());
        self.known.push((interface, device.clone()));
        device
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// Finds a device by its name in the namespace of a socket: `if_nametoindex(3)`.
pub(super) fn interface(socket: &NetlinkSocket, device: &Device) -> Result<Interface, Error> {
    let name = match device {
        Device::Index(interface) => return Ok(*interface),
        Device::Name(name) => name,
    };
    match netdevice::name_to_index(socket, name) {
        Ok(index) => Interface::new(index).ok_or(Errno::NODEV),
        Err(errno) => Err(errno),
    }
    .map_err(|errno| {
        let name = name.escape_debug();
        Error::new(
            Operation::Find,
            ErrorKind::InvalidParameter,
            format!("no device `{name}` here"),
        )
        .with_errno(errno)
        .with_hint("`ip link` lists the devices of this network namespace")
    })
}
