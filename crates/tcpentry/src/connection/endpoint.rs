//! The ends of a connection: an address and a port, and two of them a pair.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroU32;

/// One end of a connection: an IP address and a port in host order.
///
/// A v4-mapped address (`::ffff:a.b.c.d`) is IPv4: the constructor turns it into what it means.
/// Port 0 prints as `*`, the peer of a socket that has none.
///
/// ```
/// use tcpentry::Endpoint;
/// let mapped: Endpoint = "[::ffff:10.0.0.1]:80".parse().unwrap();
/// assert_eq!(mapped.to_string(), "10.0.0.1:80");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    address: IpAddr,
    port: u16,
}

impl Endpoint {
    /// Creates the endpoint of an address and a port (host order).
    pub fn new(address: IpAddr, port: u16) -> Self {
        Self {
            address: address.to_canonical(),
            port,
        }
    }

    /// Returns the address; never a v4-mapped one.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the port, in host order.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns true for `0.0.0.0:0` and `[::]:0`, the peer of a socket that has none.
    pub fn is_unspecified(&self) -> bool {
        self.port == 0 && self.address.is_unspecified()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_with_device(f, None)
    }
}

impl Endpoint {
    /// Writes it with the device behind the address, as `ss` does.
    pub(crate) fn write_with_device(
        &self,
        f: &mut impl fmt::Write,
        device: Option<&Device>,
    ) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}")?,
            IpAddr::V6(address) => write!(f, "[{address}]")?,
        }
        if let Some(device) = device {
            write!(f, "%{device}")?;
        }
        match self.port {
            0 => f.write_str(":*"),
            port => write!(f, ":{port}"),
        }
    }
}

/// The index of a network interface, as `if_nametoindex(3)` gives it; never 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Interface(NonZeroU32);

impl Interface {
    /// Creates the interface of an index; `None` for 0, which means "none" to the kernel.
    pub const fn new(index: u32) -> Option<Self> {
        match NonZeroU32::new(index) {
            Some(index) => Some(Self(index)),
            None => None,
        }
    }

    /// Returns the index.
    pub const fn index(self) -> u32 {
        self.0.get()
    }
}

/// A network device as it is written in an endpoint: `%eth0` or `%2`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Device {
    /// The index of the interface.
    Index(Interface),
    /// The name of the device.
    Name(String),
}

impl Device {
    /// Returns the device by name where the name can be pasted back into an endpoint, else by index.
    ///
    /// The kernel allows almost any byte in a name; only plain ones are ever printed.
    pub fn printable(interface: Interface, name: Option<String>) -> Self {
        match name {
            Some(name) if is_plain(&name) => Self::Name(name),
            _ => Self::Index(interface),
        }
    }

    /// Reads what stands behind the `%`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `str::parse` would also take a sign, which a name may begin with.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(index) if digits => Interface::new(index).map(Self::Index),
            // IFNAMSIZ is 16 with the final NUL (linux/if.h).
            _ if !text.is_empty() && text.len() < 16 => Some(Self::Name(text.to_owned())),
            _ => None,
        }
    }
}

fn is_plain(name: &str) -> bool {
    let only_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte));
    // A name of digits would be read back as an index.
    only_plain && name.parse::<u32>().is_err()
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(interface) => write!(f, "{}", interface.index()),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The four-tuple of a connection and, for a socket bound to one, its interface.
///
/// Without an interface it means the socket that is bound to none.
///
/// ```
/// use tcpentry::Pair;
/// let pair = Pair::new("127.0.0.1:80".parse()?, "127.0.0.1:5000".parse()?)?;
/// assert_eq!(pair.to_string(), "127.0.0.1:80 127.0.0.1:5000");
/// assert!(Pair::new("127.0.0.1:80".parse()?, "[::1]:5000".parse()?).is_err());
/// # Ok::<(), tcpentry::connection::EndpointError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pair {
    local: Endpoint,
    peer: Endpoint,
    interface: Option<Interface>,
}

impl Pair {
    /// Creates the pair of a connection, as seen from the local end.
    ///
    /// # Errors
    /// When one end is IPv4 and the other IPv6.
    pub fn new(local: Endpoint, peer: Endpoint) -> Result<Self, EndpointError> {
        if local.address.is_ipv4() == peer.address.is_ipv4() {
            Ok(Self {
                local,
                peer,
                interface: None,
            })
        } else {
            Err(EndpointError::new(
                format!("{local} {peer}"),
                "one end is IPv4, the other IPv6",
            ))
        }
    }

    /// Creates the pair of an IPv4 connection, as seen from the local end.
    pub fn v4(local: SocketAddrV4, peer: SocketAddrV4) -> Self {
        Self {
            local: Endpoint::new((*local.ip()).into(), local.port()),
            peer: Endpoint::new((*peer.ip()).into(), peer.port()),
            interface: None,
        }
    }

    /// Returns this four-tuple for the socket that is bound to an interface, or to none.
    #[must_use]
    pub const fn on(self, interface: Option<Interface>) -> Self {
        Self { interface, ..self }
    }

    /// Makes it that of the socket that is bound to an interface, or to none.
    pub(crate) const fn bind(&mut self, interface: Option<Interface>) {
        self.interface = interface;
    }

    /// Returns the connection as its peer sees it.
    #[must_use]
    pub(crate) const fn mirrored(self) -> Self {
        Self {
            local: self.peer,
            peer: self.local,
            ..self
        }
    }

    /// Returns the pair of a socket that has this local end and no peer.
    #[must_use]
    pub(crate) fn without_peer(self) -> Self {
        let none: IpAddr = match self.local.address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self {
            peer: Endpoint::new(none, 0),
            ..self
        }
    }

    /// Returns the local end.
    pub const fn local(&self) -> Endpoint {
        self.local
    }

    /// Returns the peer's end; `0.0.0.0:0` or `[::]:0` for a socket without one.
    pub const fn peer(&self) -> Endpoint {
        self.peer
    }

    /// Returns the interface that the socket is bound to (`SO_BINDTODEVICE`, or an IPv6 scope).
    pub const fn interface(&self) -> Option<Interface> {
        self.interface
    }

    /// Returns true where both ends are IPv4, in a socket of either family.
    pub const fn is_ipv4(&self) -> bool {
        self.local.address.is_ipv4()
    }

    /// Returns true where both ends are equal, whatever the interface.
    pub fn same_ends(&self, other: &Self) -> bool {
        self.local == other.local && self.peer == other.peer
    }
}

impl fmt::Display for Pair {
    /// Writes both ends as they can be pasted back; the interface as its index.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.interface.map(Device::Index);
        self.local.write_with_device(f, device.as_ref())?;
        write!(f, " {}", self.peer)
    }
}

/// The error of a text that is not an endpoint, or of two endpoints that are not a pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointError {
    text: String,
    reason: &'static str,
}

impl EndpointError {
    pub(crate) fn new(text: impl Into<String>, reason: &'static str) -> Self {
        Self {
            text: text.into(),
            reason,
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever wrote the text, a terminal will see it.
        write!(f, "`{}`: {}", self.text.escape_debug(), self.reason)
    }
}

impl std::error::Error for EndpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_device_name_is_printed_as_its_index() {
        let interface = Interface::new(7).unwrap();
        for hostile in ["\u{1b}[31m", "eth]0", "a%b", "12", "ünï"] {
            let device = Device::printable(interface, Some(hostile.to_owned()));
            assert_eq!(device, Device::Index(interface), "{hostile:?}");
        }
        let plain = Device::printable(interface, Some("veth0@if3".to_owned()));
        assert_eq!(plain.to_string(), "veth0@if3");
    }
}
