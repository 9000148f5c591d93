//! Addresses that come to this host and leave it: `RTM_NEWADDR` and `RTM_DELADDR` of rtnetlink.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::netdevice;

use crate::error::{Error, Operation};
use crate::netlink::{Conversation, Payload, Question, Queue, Subscription};
use crate::netns::{IFADDRMSG, RTM_GETADDR, RTM_NEWADDR, own_address};
use crate::sock_diag::NetlinkSocket;

/// A watch over the addresses of this host, in the network namespace of the thread that opened it.
///
/// It takes no right. After a `Removed`, ask [`HostAddresses`](crate::netns::HostAddresses) whether the address is still
/// there: to move one to another device removes it from the first, before or after it is added to the second. The kernel also removes the
/// IPv6 addresses of a device that is set down, but not its IPv4 addresses (Linux 6.18).
///
/// There is an example in the documentation of the [module](crate::watch).
pub struct AddressWatch {
    socket: NetlinkSocket,
    events: Subscription,
    /// The names of devices, which have none any more when the last event of theirs is read.
    names: HashMap<u32, String>,
}

/// A change of the addresses of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressChange {
    /// A device has an address that it may have had before: changes of its lifetime come so, too.
    Added {
        /// The address; on a point-to-point link the local one.
        address: IpAddr,
        /// The index of the device.
        device: u32,
        /// The name of the device; `None` where it has gone before anything was known of it.
        name: Option<String>,
    },
    /// A device no longer has an address.
    Removed {
        /// The address; on a point-to-point link the local one.
        address: IpAddr,
        /// The index of the device.
        device: u32,
        /// The name of the device, its last one where it is gone; `None` where nothing was known of it.
        name: Option<String>,
    },
    /// Events did not fit into the receive buffer (`ENOBUFS`): all addresses have to be read anew.
    Lost,
}

impl AddressWatch {
    /// Opens a socket of `NETLINK_ROUTE` that hears of addresses of both families.
    ///
    /// # Errors
    /// Fails where rtnetlink can't be asked: a seccomp filter, or no descriptors left.
    pub fn open() -> Result<Self, Error> {
        Self::subscribe().map_err(|errno| failed("open a socket of rtnetlink", errno))
    }

    fn subscribe() -> Result<Self, Errno> {
        let socket = NetlinkSocket::open_for_routes()?;
        // As large as it may be: what does not fit is reported.
        let _ = socket.set_receive_buffer(RECEIVE_BUFFER);
        socket.join(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)?;
        let mut this = Self {
            events: Subscription::over(socket.clone()),
            socket,
            names: HashMap::new(),
        };
        this.learn_names()?;
        Ok(this)
    }

    /// Learns the names of the devices that have addresses, so that they are known when they are gone.
    fn learn_names(&mut self) -> Result<(), Errno> {
        let mut conversation = Conversation::over(NetlinkSocket::open_for_routes()?);
        let question = Question {
            kind: RTM_GETADDR,
            is_dump: true,
            body: Payload::of(&[0; IFADDRMSG]),
        };
        let mut devices = conversation.collect(&question, |devices, kind, body| {
            devices.extend(device_of(body).filter(|_| kind == RTM_NEWADDR));
        })?;
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            ask_name(&self.socket, &mut self.names, device);
        }
        Ok(())
    }

    /// Reads the changes that have come, without waiting; none where nothing has happened.
    ///
    /// # Errors
    /// Fails where the socket can't be read.
    pub fn read(&mut self) -> Result<Vec<AddressChange>, Error> {
        let mut read = Vec::new();
        let queue = self
            .events
            .drain(|kind, body| read.extend(event(kind, body)));
        let queue = queue.map_err(|errno| failed("read from rtnetlink", errno))?;
        // One question for each device, however many addresses it loses at once.
        let mut asked: Vec<u32> = read.iter().map(|event| event.device).collect();
        asked.sort_unstable();
        asked.dedup();
        for device in asked {
            ask_name(&self.socket, &mut self.names, device);
        }
        let changes = read.into_iter().map(|event| event.named(&self.names));
        let mut changes: Vec<_> = changes.collect();
        if queue == Queue::Overrun {
            changes.push(AddressChange::Lost);
            self.learn_names()
                .map_err(|errno| failed("read the addresses", errno))?;
        }
        Ok(changes)
    }
}

impl AsFd for AddressWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for AddressWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressWatch").finish_non_exhaustive()
    }
}

/// An event as it is on the wire, where a device has no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct AddressEvent {
    is_removal: bool,
    address: IpAddr,
    device: u32,
}

impl AddressEvent {
    fn named(self, names: &HashMap<u32, String>) -> AddressChange {
        let Self {
            address, device, ..
        } = self;
        let name = names.get(&device).cloned();
        if self.is_removal {
            AddressChange::Removed {
                address,
                device,
                name,
            }
        } else {
            AddressChange::Added {
                address,
                device,
                name,
            }
        }
    }
}

/// Reads an event; `None` of what is none of an address.
fn event(kind: u16, body: &[u8]) -> Option<AddressEvent> {
    let is_removal = match kind {
        RTM_NEWADDR => false,
        RTM_DELADDR => true,
        _ => return None,
    };
    Some(AddressEvent {
        is_removal,
        address: own_address(body)?,
        device: device_of(body)?,
    })
}

/// Reads the index of the device from `struct ifaddrmsg`.
fn device_of(body: &[u8]) -> Option<u32> {
    let index = body.get(4..IFADDRMSG)?;
    Some(u32::from_ne_bytes(index.try_into().ok()?))
}

/// Asks for the name of a device in the namespace of the socket. That of a device that has gone is kept.
fn ask_name(socket: &NetlinkSocket, names: &mut HashMap<u32, String>, device: u32) {
    if let Ok(name) = netdevice::index_to_name(socket, device) {
        names.insert(device, name);
    }
}

pub(super) fn failed(doing: &str, errno: Errno) -> Error {
    Error::os(Operation::WatchAddresses, doing, errno)
}

/// `linux/rtnetlink.h`
pub(super) const RTM_DELADDR: u16 = 21;
pub(super) const RTMGRP_IPV4_IFADDR: u32 = 0x10;
pub(super) const RTMGRP_IPV6_IFADDR: u32 = 0x100;
/// Room for the events of some thousand addresses that leave at once.
const RECEIVE_BUFFER: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::testing::hex;

    /// As Linux 6.18 sends them: `ip addr del 198.51.100.1/24 dev d0`, `ip addr add 2001:db8::5/64 dev d0 nodad`, and `ip addr add
    /// 192.0.2.5 peer 192.0.2.6 dev d1`.
    const REMOVED: &str = "0218800003000000 08000100c6336401 08000200c6336401 0700030064300000 0800080080000000 \
        14000600ffffffffffffffff1a5546001a554600";
    const ADDED: &str = "0a40820003000000 1400010020010db8000000000000000000000005 \
        14000600ffffffffffffffff6155460061554600 0800080082000000";
    const ADDED_TO_POINT_TO_POINT: &str = "0220800002000000 08000100c0000206 08000200c0000205 \
        0700030064310000 0800080080000000";

    #[test]
    fn events_are_read() {
        let of = |is_removal, address: &str, device| AddressEvent {
            is_removal,
            address: address.parse().unwrap(),
            device,
        };
        for (kind, body, expected) in [
            (RTM_DELADDR, REMOVED, of(true, "198.51.100.1", 3)),
            (RTM_NEWADDR, ADDED, of(false, "2001:db8::5", 3)),
            (
                RTM_NEWADDR,
                ADDED_TO_POINT_TO_POINT,
                of(false, "192.0.2.5", 2),
            ),
        ] {
            let body = hex(body);
            assert_eq!(event(kind, &body), Some(expected));
            assert_eq!(event(RTM_GETADDR, &body), None);
            // One of IPv6 ends behind its first attribute at the earliest.
            for length in 0..16 {
                assert_eq!(event(kind, &body[..length]), None, "{length} bytes");
            }
        }
        assert_eq!(event(RTM_DELADDR, &[0xff; 40]), None);
    }

    #[test]
    fn a_device_that_nobody_knows_has_no_name() {
        let event = event(RTM_DELADDR, &hex(REMOVED)).unwrap();
        let name_of = |names: &HashMap<u32, String>| match event.named(names) {
            AddressChange::Removed { name, .. } => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name_of(&HashMap::new()), None);
        let known = HashMap::from([(3, "d0".to_owned())]);
        assert_eq!(name_of(&known).as_deref(), Some("d0"));
    }
}
