//! Structures as bytes: every field in its place and byte order, however the machine aligns.

use std::net::IpAddr;

use tcpentry::{Endpoint, Interface};

/// Bytes under construction, in the machine's order.
#[derive(Debug, Default)]
pub(crate) struct Image(pub(crate) Vec<u8>);

impl Image {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_ne_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_ne_bytes());
    }

    /// Appends zeros up to a multiple of this many bytes.
    pub(crate) fn align(&mut self, bytes: usize) {
        self.0.resize(self.0.len().next_multiple_of(bytes), 0);
    }

    /// Appends an IPv4 end: address and port.
    pub(crate) fn end4(&mut self, end: Endpoint) {
        match end.address() {
            IpAddr::V4(address) => self.0.extend(address.octets()),
            IpAddr::V6(_) => self.u32(0),
        }
        self.port(end.port());
    }

    /// Appends an IPv6 end: address, scope ID in host order, and port.
    pub(crate) fn end6(&mut self, end: Endpoint, interface: Option<Interface>) {
        match end.address() {
            IpAddr::V6(address) => self.0.extend(address.octets()),
            IpAddr::V4(address) => self.0.extend(address.to_ipv6_mapped().octets()),
        }
        self.u32(scope_of(end, interface));
        self.port(end.port());
    }

    /// Appends a port: network byte order in the low half, 0 in the upper.
    fn port(&mut self, port: u16) {
        self.u32(u32::from(port.to_be()));
    }

    /// Appends `liCreateTimestamp`, which Linux does not keep.
    pub(crate) fn timestamp(&mut self) {
        self.align(8);
        self.u64(0);
    }

    /// Appends `OwningModuleInfo`, which is ours to use: the start time of the process, so that another one with the same
    /// pid is not taken for it.
    pub(crate) fn module(&mut self, started: u64) {
        self.align(8);
        self.u64(started);
        for _ in 1..MODULE_INFO {
            self.u64(0);
        }
    }
}

/// Returns the scope ID: the interface, for link-local addresses, which mean nothing without one.
pub(crate) fn scope_of(end: Endpoint, interface: Option<Interface>) -> u32 {
    match end.address() {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            interface.map_or(0, Interface::index)
        }
        _ => 0,
    }
}

/// `TCPIP_OWNING_MODULE_SIZE`
const MODULE_INFO: usize = 16;
