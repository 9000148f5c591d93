//! A prefix by itself, as lists have it: as behind `dst`, but neither a port nor a name, and IPv6 needs no brackets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::host::{ipv4, ipv6, looks_like_address};
use crate::filter::error::{FilterError, Piece, printable, quoted};
use crate::filter::prefix::Prefix;

impl FromStr for Prefix {
    type Err = FilterError;

    /// Parses `ADDRESS` or `ADDRESS/LENGTH`, IPv6 with or without brackets. Bits behind the prefix are cleared, as in a
    /// filter: `10.0.0.1/8` is `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        prefix(Piece { text, column: 0 })
    }
}

/// Parses a prefix.
pub(crate) fn prefix(piece: Piece<'_>) -> Result<Prefix, FilterError> {
    let unexpected = || {
        let found = match piece.text {
            "" => String::new(),
            text => format!(", found {}", quoted(text)),
        };
        piece.error(format!("expected an address or a prefix{found}"))
    };
    let (address, length) = match piece.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (piece, None),
    };
    if let Some((_, opened)) = piece.text.starts_with('[').then(|| piece.split_at(1)) {
        let (inside, behind) = opened.split_once(']').ok_or_else(unexpected)?;
        let (address, inner) = match inside.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (inside, None),
        };
        let length = match (behind.split_once('/'), inner) {
            (Some((before, outer)), None) if before.text.is_empty() => Some(outer),
            (None, inner) if behind.text.is_empty() => inner,
            _ => return Err(unexpected()),
        };
        // Some programs put every address into brackets.
        return match address.text.parse::<Ipv4Addr>() {
            Ok(_) => ipv4(address, length),
            Err(_) => ipv6(address, length),
        };
    }
    if address.text.parse::<Ipv6Addr>().is_ok() {
        return ipv6(address, length);
    }
    if looks_like_address(address.text) {
        return ipv4(address, length);
    }
    Err(match piece.split_once(':') {
        // Another list: of ends, or a host with its port.
        Some((address, _)) if !piece.text.contains("::") && looks_like_address(address.text) => {
            let error = unexpected();
            error.with_hint(format!("without its port: {}", printable(address.text)))
        }
        _ => unexpected(),
    })
}
