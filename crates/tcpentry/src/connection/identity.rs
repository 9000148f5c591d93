//! A connection's identity as one word, to be carried from one process to another.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::{Connection, Cookie};

/// The name of one socket: boot, network namespace, cookie, interface and four-tuple.
///
/// It prints as one word without any character that a shell would touch:
///
/// `1/BOOT/NETNS/COOKIE/INTERFACE/ADDRESS,PORT/ADDRESS,PORT`
///
/// The 1 is the version of the notation. It names a *socket*; it does not tell two lifetimes of one
/// socket apart: a socket that its owner disconnects and connects again keeps its cookie (Linux 6.18).
/// A connection keeps it through TIME_WAIT. The interface is part of the name, because the kernel looks
/// sockets up by it: one that its owner binds to a device *after* it was listed is not found by the
/// identity it had before.
///
/// ```
/// use tcpentry::Identity;
/// let word = "1/0b7b7ad56e244a0f9b9ae1ccbc5d0f1d/c1/3001/0/127.0.0.1,80/127.0.0.1,51034";
/// let identity: Identity = word.parse()?;
/// assert_eq!(identity.cookie.value(), 0x3001);
/// assert_eq!(identity.to_string(), word);
/// # Ok::<(), tcpentry::connection::IdentityError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// The boot during which the cookie means something.
    pub boot: BootId,
    /// The network namespace of the socket.
    pub netns: NetnsId,
    /// The kernel's name of the socket.
    pub cookie: Cookie,
    /// Four-tuple and interface: the kernel finds a socket by them, never by the cookie alone.
    pub pair: Pair,
}

/// The place where sockets live: a boot, and a network namespace in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// The boot.
    pub boot: BootId,
    /// The network namespace.
    pub netns: NetnsId,
}

impl Origin {
    /// Returns the identity of a connection that was listed here.
    pub const fn identity(&self, connection: &Connection) -> Identity {
        Identity {
            boot: self.boot,
            netns: self.netns,
            cookie: connection.cookie,
            pair: connection.pair,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, peer) = (self.pair.local(), self.pair.peer());
        write!(
            f,
            "{VERSION}/{}/{}/{}/{}/{},{}/{},{}",
            self.boot,
            self.netns,
            self.cookie,
            self.pair.interface().map_or(0, Interface::index),
            local.address(),
            local.port(),
            peer.address(),
            peer.port(),
        )
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let fail = |reason| IdentityError {
            text: text.to_owned(),
            reason,
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.first() {
            Some(&VERSION) => {}
            Some(version) if parts.len() > 1 && decimal::<u32>(version).is_some() => {
                return Err(fail(
                    "made by another version of the notation; list it again",
                ));
            }
            _ => return Err(fail(SHAPE)),
        }
        let [_, boot, netns, cookie, interface, local, peer] = parts[..] else {
            return Err(fail(SHAPE));
        };
        let boot = boot
            .parse()
            .map_err(|()| fail("the boot id is not 32 hexadecimal digits"))?;
        let netns = netns
            .parse()
            .map_err(|()| fail("the namespace is not `c` or `i` and a number"))?;
        let cookie = hexadecimal(cookie)
            .and_then(Cookie::new)
            .ok_or(fail("the cookie is not a socket's"))?;
        let interface = decimal(interface).ok_or(fail("the interface is not an index"))?;
        let local = endpoint(local).ok_or(fail("the local end is not ADDRESS,PORT"))?;
        let peer = endpoint(peer).ok_or(fail("the peer is not ADDRESS,PORT"))?;
        let pair = Pair::new(local, peer).map_err(|_| fail("one end is IPv4, the other IPv6"))?;
        Ok(Self {
            boot,
            netns,
            cookie,
            pair: pair.on(Interface::new(interface)),
        })
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (address, port) = text.split_once(',')?;
    Some(Endpoint::new(
        address.parse::<IpAddr>().ok()?,
        decimal(port)?,
    ))
}

/// Parses digits only: `str::parse` would also take a sign.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

const VERSION: &str = "1";
const SHAPE: &str = "not an identity as `tcpentry list --id` prints it";

/// The random id of one boot: `/proc/sys/kernel/random/boot_id`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BootId(u128);

impl fmt::Display for BootId {
    /// Writes 32 hexadecimal digits without dashes, as `journalctl --list-boots` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for BootId {
    type Err = ();

    /// Reads 32 hexadecimal digits, with or without the kernel's dashes.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: String = text.chars().filter(|&c| c != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        u128::from_str_radix(&digits, 16).map(Self).map_err(|_| ())
    }
}

/// The name of a network namespace.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NetnsId {
    /// `SO_NETNS_COOKIE`, never reused; Linux 5.14 and later.
    Cookie(u64),
    /// The inode of its nsfs file, as `lsns -t net` shows it. Reused when the namespace has ended.
    Inode(u64),
}

impl fmt::Display for NetnsId {
    /// Writes `c` and the cookie, or `i` and the inode, in decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(value) => write!(f, "c{value}"),
            Self::Inode(value) => write!(f, "i{value}"),
        }
    }
}

impl FromStr for NetnsId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(digits) = text.strip_prefix('c') {
            return decimal(digits).map(Self::Cookie).ok_or(());
        }
        let digits = text.strip_prefix('i').ok_or(())?;
        decimal(digits).map(Self::Inode).ok_or(())
    }
}

/// The error of a text that is not an identity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityError {
    text: String,
    reason: &'static str,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.text.escape_debug(), self.reason)
    }
}

impl std::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORD: &str = "1/0b7b7ad56e244a0f9b9ae1ccbc5d0f1d/c1/3001/0/127.0.0.1,80/127.0.0.1,51034";

    #[test]
    fn each_part_is_checked() {
        let broken = |from: &str, to: &str| {
            WORD.replacen(from, to, 1)
                .parse::<Identity>()
                .unwrap_err()
                .reason
        };
        assert_eq!(
            broken("1/0b", "2/0b"),
            "made by another version of the notation; list it again"
        );
        assert_eq!(broken("1/0b", "+1/0b"), SHAPE);
        assert_eq!(
            broken("0b7b", "zz7b"),
            "the boot id is not 32 hexadecimal digits"
        );
        assert_eq!(
            broken("c1", "x1"),
            "the namespace is not `c` or `i` and a number"
        );
        assert_eq!(
            broken("c1", "c+1"),
            "the namespace is not `c` or `i` and a number"
        );
        assert_eq!(broken("3001", "g"), "the cookie is not a socket's");
        assert_eq!(broken("/0/", "/-1/"), "the interface is not an index");
        assert_eq!(broken(",80", ":80"), "the local end is not ADDRESS,PORT");
        assert_eq!(broken(",51034", ",99999"), "the peer is not ADDRESS,PORT");
        assert_eq!(
            broken("127.0.0.1,80", "::1,80"),
            "one end is IPv4, the other IPv6"
        );
        assert_eq!("".parse::<Identity>().unwrap_err().reason, SHAPE);
        assert_eq!(
            format!("{WORD}/").parse::<Identity>().unwrap_err().reason,
            SHAPE
        );
    }

    #[test]
    fn the_cookie_that_means_any_socket_is_refused() {
        let any = WORD.replace("3001", "ffffffffffffffff");
        assert_eq!(
            any.parse::<Identity>().unwrap_err().reason,
            "the cookie is not a socket's"
        );
    }

    #[test]
    fn no_character_of_it_means_anything_to_a_shell() {
        let word = "1/0b7b7ad56e244a0f9b9ae1ccbc5d0f1d/i4026531840/3001/3/fe80::1,80/fe80::2,9";
        assert_eq!(word.parse::<Identity>().unwrap().to_string(), word);
        assert!(
            word.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/:.,".contains(&byte))
        );
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(
            boot: u128, netns: u64, get_or_scan: bool, cookie in 0..u64::MAX, interface: u32,
            v6: bool, local: u128, peer: u128, ports: (u16, u16),
        ) {
            let address = |bits: u128| if v6 {
                IpAddr::from(bits.to_be_bytes())
            } else {
                let [a, b, c, d, ..] = bits.to_be_bytes();
                IpAddr::from([a, b, c, d])
            };
            let ends = (Endpoint::new(address(local), ports.0), Endpoint::new(address(peer), ports.1));
            let Ok(pair) = Pair::new(ends.0, ends.1) else { return Ok(()) };
            let identity = Identity {
                boot: BootId(boot),
                netns: if get_or_scan { NetnsId::Cookie(netns) } else { NetnsId::Inode(netns) },
                cookie: Cookie::new(cookie).unwrap(),
                pair: pair.on(Interface::new(interface)),
            };
            prop_assert_eq!(identity.to_string().parse::<Identity>().unwrap(), identity);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = text.parse::<Identity>();
            let _ = text.parse::<crate::ScopedEndpoint>();
        }
    }
}
