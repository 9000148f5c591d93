//! Every notation that people and programs use for an endpoint.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::connection::endpoint::{Device, Endpoint, EndpointError};

/// An endpoint as people and programs write it, perhaps with the device its socket is bound to.
///
/// | notation | who prints it |
/// |---|---|
/// | `127.0.0.1:80`, `[::1]:80` | everybody |
/// | `10.0.0.1%eth0:80`, `[fe80::1]%eth0:80` | `ss` |
/// | `[fe80::1%eth0]:80` | RFC 4007, browsers, Rust |
/// | `[::ffff:10.0.0.1]:80` | a dual-stack server's log |
/// | `0.0.0.0:*` | `ss`, for the peer of a listener |
/// | `*:80`, `*:*` | `ss`, for a listener of both families: `[::]:80`, `[::]:*`; not "any" |
/// | `[10.0.0.1]:80` | programs that put every address into brackets |
/// | `10.0.0.1.80`, `fe80::1.80` | `netstat` of BSD and macOS; not with a device, whose name may have a dot |
///
/// ```
/// use tcpentry::ScopedEndpoint;
/// let inside: ScopedEndpoint = "[fe80::1%eth0]:80".parse().unwrap();
/// let behind: ScopedEndpoint = "[fe80::1]%eth0:80".parse().unwrap();
/// assert_eq!(inside, behind);
/// assert_eq!(inside.to_string(), "[fe80::1]%eth0:80");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScopedEndpoint {
    /// Address and port.
    pub endpoint: Endpoint,
    /// The device, where one is named.
    pub device: Option<Device>,
}

impl ScopedEndpoint {
    /// Creates the notation of an endpoint, with the device where one is to be named.
    pub const fn new(endpoint: Endpoint, device: Option<Device>) -> Self {
        Self { endpoint, device }
    }

    /// Parses `tcpdrop`'s form, the address and the port as two words; the address without brackets.
    ///
    /// # Errors
    /// When either word is not what it should be.
    pub fn from_words(address: &str, port: &str) -> Result<Self, EndpointError> {
        let text = || format!("{address} {port}");
        let unbracketed = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        let (address, device) = split_device(unbracketed);
        let address = address
            .parse::<IpAddr>()
            .map_err(|_| EndpointError::new(text(), "expected an IPv4 or IPv6 address first"))?;
        Self::assemble(address, &[device], port)
            .map_err(|reason| EndpointError::new(text(), reason))
    }

    fn assemble(
        address: IpAddr,
        devices: &[Option<&str>],
        port: &str,
    ) -> Result<Self, &'static str> {
        let port = match port {
            "*" => 0,
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| "the port is above 65535")?
            }
            _ => return Err("the port must be a number from 0 to 65535 (ss prints it with -n)"),
        };
        let mut named = devices.iter().copied().flatten();
        let device = named
            .next()
            .map(|text| Device::parse(text).ok_or("what follows % can't be the name of a device"))
            .transpose()?;
        if named.next().is_some() {
            return Err("the device is named twice");
        }
        Ok(Self {
            endpoint: Endpoint::new(address, port),
            device,
        })
    }
}

fn split_device(text: &str) -> (&str, Option<&str>) {
    match text.split_once('%') {
        Some((address, device)) => (address, Some(device)),
        None => (text, None),
    }
}

/// Splits an end as BSD prints it: an address, a dot, a port. What is an address as a whole has no port.
fn split_dotted(text: &str) -> Option<(IpAddr, &str)> {
    if text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let (address, port) = text.rsplit_once('.')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    Some((address.parse().ok().filter(|_| is_port)?, port))
}

impl FromStr for ScopedEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let fail = |reason| EndpointError::new(text, reason);
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, behind) = rest.split_once(']').ok_or(fail("`[` without `]`"))?;
            let (address, inner) = split_device(inside);
            let address = address
                .parse::<IpAddr>()
                .map_err(|_| fail("expected an address in numbers between the brackets"))?;
            let (outer, port) = behind.rsplit_once(':').ok_or(fail(NO_PORT))?;
            let outer = match outer.strip_prefix('%') {
                Some(device) => Some(device),
                None if outer.is_empty() => None,
                None => return Err(fail("expected `:PORT` or `%DEVICE:PORT` after the bracket")),
            };
            return Self::assemble(address, &[inner, outer], port).map_err(fail);
        }
        if let Some((address, port)) = split_dotted(text) {
            return Self::assemble(address, &[], port).map_err(fail);
        }
        let (host, port) = text.rsplit_once(':').ok_or(fail(NO_PORT))?;
        let (address, device) = split_device(host);
        if address.contains(':') {
            return Err(fail(
                "an IPv6 address needs brackets before its port: [::1]:80",
            ));
        }
        let address = match address {
            // What ss calls so is the unspecified address of a socket of both families.
            "*" => Ipv6Addr::UNSPECIFIED.into(),
            other => other
                .parse::<Ipv4Addr>()
                .map_err(|_| fail("expected a numeric address, as in 192.0.2.1:80 or [::1]:80"))?
                .into(),
        };
        Self::assemble(address, &[device], port).map_err(fail)
    }
}

const NO_PORT: &str = "no port: an endpoint is ADDRESS:PORT, as in 192.0.2.1:80 or [::1]:80";

impl fmt::Display for ScopedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.write_with_device(f, self.device.as_ref())
    }
}

impl From<Endpoint> for ScopedEndpoint {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            device: None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Parses any notation of [`ScopedEndpoint`] that names no device.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let scoped: ScopedEndpoint = text.parse()?;
        match scoped.device {
            None => Ok(scoped.endpoint),
            Some(_) => Err(EndpointError::new(text, "a device can't be named here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match text.parse::<ScopedEndpoint>() {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_notation_that_tools_print() {
        for (text, canonical) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[fe80::1%eth0]:80", "[fe80::1]%eth0:80"),
            ("[fe80::1]%eth0:80", "[fe80::1]%eth0:80"),
            ("[fe80::1%2]:80", "[fe80::1]%2:80"),
            ("10.0.0.1%eth0:80", "10.0.0.1%eth0:80"),
            ("10.0.0.1%eth0.100:80", "10.0.0.1%eth0.100:80"),
            ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
            ("0.0.0.0:*", "0.0.0.0:*"),
            ("[::]:0", "[::]:*"),
            ("*:80", "[::]:80"),
            ("*:*", "[::]:*"),
            ("[10.0.0.1]:80", "10.0.0.1:80"),
            ("[10.0.0.1%eth0]:80", "10.0.0.1%eth0:80"),
            ("10.0.0.1.80", "10.0.0.1:80"),
            ("fe80::1.80", "[fe80::1]:80"),
            ("::ffff:10.0.0.1.80", "10.0.0.1:80"),
        ] {
            assert_eq!(read(text), canonical);
        }
    }

    #[test]
    fn tcpdrops_words() {
        let words = |address, port| {
            ScopedEndpoint::from_words(address, port)
                .map_or_else(|e| e.to_string(), |e| e.to_string())
        };
        assert_eq!(words("127.0.0.1", "80"), "127.0.0.1:80");
        assert_eq!(words("::1", "80"), "[::1]:80");
        assert_eq!(words("[::1]", "80"), "[::1]:80");
        assert_eq!(words("fe80::1%lo", "80"), "[fe80::1]%lo:80");
        assert_eq!(
            words("localhost", "80"),
            "`localhost 80`: expected an IPv4 or IPv6 address first"
        );
        assert_eq!(
            words("::1", "http"),
            "`::1 http`: the port must be a number from 0 to 65535 (ss prints it with -n)"
        );
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        for (text, reason) in [
            ("", NO_PORT),
            ("127.0.0.1", NO_PORT),
            ("[::1]", NO_PORT),
            (
                "::1:80",
                "an IPv6 address needs brackets before its port: [::1]:80",
            ),
            (
                "127.0.0.1:",
                "the port must be a number from 0 to 65535 (ss prints it with -n)",
            ),
            (
                "127.0.0.1:+5",
                "the port must be a number from 0 to 65535 (ss prints it with -n)",
            ),
            (
                "127.0.0.1:http",
                "the port must be a number from 0 to 65535 (ss prints it with -n)",
            ),
            ("127.0.0.1:65536", "the port is above 65535"),
            (
                "127.0.0.01:80",
                "expected a numeric address, as in 192.0.2.1:80 or [::1]:80",
            ),
            (
                "localhost:80",
                "expected a numeric address, as in 192.0.2.1:80 or [::1]:80",
            ),
            ("[::1:80", "`[` without `]`"),
            (
                "[localhost]:80",
                "expected an address in numbers between the brackets",
            ),
            (
                "::1.2.3.4",
                "an IPv6 address needs brackets before its port: [::1]:80",
            ),
            ("1.2.3.80", NO_PORT),
            ("10.0.0.1.65536", "the port is above 65535"),
            (
                "[::1]x:80",
                "expected `:PORT` or `%DEVICE:PORT` after the bracket",
            ),
            ("[fe80::1%a]%b:80", "the device is named twice"),
            (
                "[fe80::1%]:80",
                "what follows % can't be the name of a device",
            ),
            (
                "10.0.0.1%0:80",
                "what follows % can't be the name of a device",
            ),
            (
                "10.0.0.1%sixteen-letters-:80",
                "what follows % can't be the name of a device",
            ),
        ] {
            assert_eq!(read(text), format!("`{text}`: {reason}"));
        }
        assert_eq!(
            read("\u{1b}[2J:80"),
            "`\\u{1b}[2J:80`: expected a numeric address, as in 192.0.2.1:80 or [::1]:80"
        );
    }
}
