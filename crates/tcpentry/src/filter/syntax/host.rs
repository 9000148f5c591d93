//! HOST and PORT: `[inet:|inet6:]ADDRESS[/LENGTH][:PORT]`, or `@SET`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::lex::Operator;
use super::number::{looks_like_number, number};
use super::set::set;
use crate::filter::error::{FilterError, Piece, Span, printable, quoted};
use crate::filter::expr::{Comparison, End, Expr, Term, all_of, any_of, negated};
use crate::filter::prefix::Prefix;
use crate::filter::resolve::Names;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IpVersion {
    V4,
    V6,
}

/// Parses the value of `src`, `dst` or `host`.
pub(super) fn host(end: End, piece: Piece<'_>, names: &dyn Names) -> Result<Expr, FilterError> {
    if piece.text.starts_with('@') {
        return set(end, piece, names).map(Expr::Term);
    }
    let (family, rest) = family(piece)?;
    let (address, port) = split(rest)?;
    let port = match port {
        Some(port) => port_number(port, names)?,
        None => None,
    };
    let prefixes = match (address, family) {
        (None, None) => return Ok(any_address(end, port)),
        (None, Some(family)) => vec![family.all()],
        (Some(address), family) => prefixes(address, family, names)?,
    };
    let hosts = prefixes
        .into_iter()
        .map(|network| Expr::Term(Term::Host { end, network, port }));
    Ok(any_of(hosts.collect()))
}

/// Parses the value of `sport`, `dport` or `port`; `term` is the place of the whole term.
pub(super) fn port(
    end: End,
    operator: Operator,
    piece: Piece<'_>,
    term: Span,
    names: &dyn Names,
) -> Result<Expr, FilterError> {
    // As fuser and scanners have it.
    if let Some((port, protocol)) = piece.split_once('/') {
        if protocol.text == "tcp" && !port.text.is_empty() {
            return Err(piece.error("every port here is of TCP").meant(port.text));
        }
    }
    if let Some(several) = several(end, piece.text, names).filter(|_| piece.text != "*") {
        let error = piece.error(format!("{} is more than one port", quoted(piece.text)));
        return Err(match operator {
            Operator::Equal => instead_of_term(error, term, &several),
            Operator::NotEqual => instead_of_term(error, term, &format!("not {several}")),
            _ => error.with_hint("compare with a single port"),
        });
    }
    let (family, rest) = family(piece)?;
    let rest = match rest.text.strip_prefix(':') {
        Some(_) => rest.split_at(1).1,
        None => rest,
    };
    if rest.text.contains([':', '[', '/']) || dotted(rest.text) {
        let error = piece.error(format!("expected a port, found {}", quoted(piece.text)));
        return Err(if operator == Operator::Equal && is_end(piece.text) {
            instead_of_term(error, term, &format!("{} {}", end.host(), piece.text))
        } else if piece.text.contains(',') {
            error.with_hint(SEVERAL_PORTS)
        } else {
            error
        });
    }
    let port = port_number(rest, names)?;
    let (comparison, not) = operator.comparison();
    let of_family = |port| {
        family.map(|family| Term::Host {
            end,
            network: family.all(),
            port,
        })
    };
    let expr = match (port, comparison) {
        (_, Comparison::Equal) => match of_family(port) {
            Some(term) => Expr::Term(term),
            None => any_address(end, port),
        },
        (None, _) => {
            return Err(rest.error("`*` is any port: it is neither above nor below another"));
        }
        (Some(port), comparison) => {
            let compared = Expr::Term(Term::Port {
                end,
                comparison,
                port,
            });
            match of_family(None) {
                Some(term) => all_of(vec![Expr::Term(term), compared]),
                None => compared,
            }
        }
    };
    Ok(if not { negated(expr) } else { expr })
}

/// Says what was meant instead of a whole term.
pub(super) fn instead_of_term(error: FilterError, term: Span, meant: &str) -> FilterError {
    error
        .with_hint(format!("did you mean `{}`?", printable(meant)))
        .with_fix(term, meant)
}

/// Returns the filter that a list or a range of ports means: `80,443`, `8000-8100`, `8000:8100`.
pub(super) fn several(end: End, text: &str, names: &dyn Names) -> Option<String> {
    let is_port = |text: &str| {
        if looks_like_number(text) {
            text.parse::<u16>().is_ok()
        } else {
            names.service(text).is_some()
        }
    };
    let word = end.port();
    let one = |text: &str| {
        let port = text.trim_start_matches(':');
        if is_port(port) {
            return Some(format!("{word} = :{port}"));
        }
        let (first, last) = port.split_once(['-', ':'])?;
        (is_port(first) && is_port(last))
            .then(|| format!("( {word} ge :{first} and {word} le :{last} )"))
    };
    let parts: Vec<_> = text.split(',').filter(|part| !part.is_empty()).collect();
    let terms: Option<Vec<_>> = parts.iter().copied().map(one).collect();
    match &terms?[..] {
        [] => None,
        [only] if is_port(text.trim_start_matches(':')) || !only.starts_with('(') => None,
        [only] => Some(only.clone()),
        several => Some(format!("( {} )", several.join(" or "))),
    }
}

/// Returns the filter that a list or a range of addresses means: `10.0.0.1,10.0.0.2`, `10.0.0.1-10.0.0.9`.
pub(super) fn several_hosts(end: End, text: &str) -> Option<String> {
    let parts: Vec<_> = text.split(',').filter(|part| !part.is_empty()).collect();
    let mut hosts = Vec::new();
    for part in &parts {
        match part.split_once('-').and_then(range) {
            Some(networks) => hosts.extend(networks),
            None if parts.len() > 1 && is_end(part) => hosts.push((*part).to_owned()),
            None => return None,
        }
    }
    let terms = hosts.iter().map(|host| format!("{} {host}", end.host()));
    let terms: Vec<_> = terms.collect();
    match &terms[..] {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("( {} )", several.join(" or "))),
    }
}

/// Returns the fewest networks that are this range of IPv4 addresses, of which the second may be its last number alone;
/// `None` where they are more than a person reads.
fn range((first, last): (&str, &str)) -> Option<Vec<String>> {
    let first: Ipv4Addr = first.parse().ok()?;
    let last = last.parse().ok().or_else(|| {
        let [a, b, c, _] = first.octets();
        Some(Ipv4Addr::new(a, b, c, last.parse().ok()?))
    })?;
    let (mut next, last) = (u64::from(u32::from(first)), u64::from(u32::from(last)));
    let mut networks = Vec::new();
    while next <= last {
        if networks.len() == MAX_NETWORKS {
            return None;
        }
        let bits = next.trailing_zeros().min((last - next + 1).ilog2()).min(32);
        let address = Ipv4Addr::from(u32::try_from(next).ok()?);
        networks.push(match bits {
            0 => address.to_string(),
            bits => format!("{address}/{}", 32 - bits),
        });
        next += 1 << bits;
    }
    Some(networks)
}

/// The most networks into which a range is taken apart.
const MAX_NETWORKS: usize = 16;

/// Returns the network that `10.0.*` means.
fn wildcard(text: &str) -> Option<String> {
    let mut fixed = text;
    while let Some(before) = fixed.strip_suffix(".*") {
        fixed = before;
    }
    let (_, numbers) = short_ipv4(fixed).filter(|_| fixed.len() < text.len())?;
    (numbers < 4).then(|| format!("{fixed}/{}", numbers * 8))
}

fn any_address(end: End, port: Option<u16>) -> Expr {
    Expr::Term(match port {
        Some(port) => Term::Port {
            end,
            comparison: Comparison::Equal,
            port,
        },
        None => Term::Anything { end },
    })
}

/// Takes the family off.
fn family(piece: Piece<'_>) -> Result<(Option<IpVersion>, Piece<'_>), FilterError> {
    match piece.split_once(':') {
        Some((family, rest)) => match family.text {
            "inet" => Ok((Some(IpVersion::V4), rest)),
            "inet6" => Ok((Some(IpVersion::V6), rest)),
            other if OTHER_FAMILIES.contains(&other) => Err(family
                .error(format!("{} is not TCP", quoted(other)))
                .with_hint("the families of TCP are inet: and inet6:")),
            _ => Ok((None, piece)),
        },
        None => Ok((None, piece)),
    }
}

/// The other families and tables that `ss` can list.
pub(super) const OTHER_FAMILIES: [&str; 12] = [
    "unix", "link", "netlink", "vsock", "tipc", "xdp", "packet", "udp", "raw", "dccp", "sctp",
    "mptcp",
];

/// An address as it is written, and the length of its prefix.
#[derive(Clone, Copy)]
struct Address<'t> {
    text: Piece<'t>,
    bracketed: bool,
    length: Option<Piece<'t>>,
}

/// Parts a host from its port; no address means any.
fn split(piece: Piece<'_>) -> Result<(Option<Address<'_>>, Option<Piece<'_>>), FilterError> {
    let Piece { text, .. } = piece;
    if let Some((_, zone)) = piece.split_once('%') {
        let name = zone.text.split([']', ':', '/']).next().unwrap_or_default();
        let rest = zone.text.strip_prefix(name).unwrap_or_default();
        let address = text.split('%').next().unwrap_or_default();
        return Err(zone
            .error("an address can't name a device here")
            .with_hint(format!(
                "write the device that the socket is bound to as a term of its own: dev {}",
                printable(name)
            ))
            .with_fix(piece.span(), format!("{address}{rest} dev {name}")));
    }
    if text.starts_with('[') {
        return split_bracketed(piece);
    }
    let (address, port) = match piece.split_once(':') {
        None => (piece, None),
        Some((_, behind)) if behind.text.contains(':') => return Err(unbracketed(piece)),
        Some((address, port)) => (address, Some(port)),
    };
    if let Some((number, length)) = port.and_then(|port| port.split_once('/')) {
        return Err(piece
            .error("the prefix length comes before the port")
            .meant(&format!("{}/{}:{}", address.text, length.text, number.text)));
    }
    if address.text.is_empty() || address.text == "*" {
        return Ok((None, port));
    }
    let (text, length) = match address.split_once('/') {
        Some((text, length)) => (text, Some(length)),
        None => (address, None),
    };
    let address = Address {
        text,
        bracketed: false,
        length,
    };
    Ok((Some(address), port))
}

/// Splits `[::1]`, `[::1]:80`, `[fe80::]/10`, and as `ss` has it `[fe80::/10]:80`.
fn split_bracketed(
    piece: Piece<'_>,
) -> Result<(Option<Address<'_>>, Option<Piece<'_>>), FilterError> {
    let (_, opened) = piece.split_at(1);
    let (inside, behind) = opened
        .split_once(']')
        .ok_or_else(|| piece.error(format!("{} has `[` without `]`", quoted(piece.text))))?;
    let (text, inner) = match inside.split_once('/') {
        Some((text, length)) => (text, Some(length)),
        None => (inside, None),
    };
    let (before, port) = match behind.split_once(':') {
        Some((before, port)) => (before, Some(port)),
        None => (behind, None),
    };
    let outer = match before.text.strip_prefix('/') {
        Some(_) if inner.is_none() => Some(before.split_at(1).1),
        None if before.text.is_empty() => None,
        _ => {
            return Err(behind.error(format!(
                "expected `/LENGTH` or `:PORT` after the bracket, found {}",
                quoted(behind.text)
            )));
        }
    };
    let address = Address {
        text,
        bracketed: true,
        length: inner.or(outer),
    };
    Ok((Some(address), port))
}

/// Makes the error of an IPv6 address without its brackets, or of something else with colons.
fn unbracketed(piece: Piece<'_>) -> FilterError {
    let Piece { text, .. } = piece;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, format!("/{}", printable(length))),
        None => (text, String::new()),
    };
    let whole = address.parse::<Ipv6Addr>().is_ok();
    let with_port = address
        .rsplit_once(':')
        .filter(|(address, port)| address.parse::<Ipv6Addr>().is_ok() && !port.is_empty())
        .map(|(address, port)| format!("[{address}{length}]:{}", printable(port)));
    let error = piece.error("an IPv6 address needs brackets");
    let alone = format!("[{address}{length}]");
    match (whole, with_port) {
        (true, None) => error.meant(&alone),
        (true, Some(with_port)) => error
            .with_hint(format!(
                "did you mean `{alone}`, or with a port `{with_port}`?"
            ))
            .with_fix(piece.span(), alone),
        (false, Some(with_port)) => error.meant(&with_port),
        (false, None) => piece.error(format!("{} is not an address", quoted(text))),
    }
}

/// Returns the prefixes that an address means: several only for a host name.
fn prefixes(
    address: Address<'_>,
    family: Option<IpVersion>,
    names: &dyn Names,
) -> Result<Vec<Prefix>, FilterError> {
    let Address {
        text,
        bracketed,
        length,
    } = address;
    let foreign = |name: &str, other: &str| {
        text.error(format!("{} is not an {name} address", quoted(text.text)))
            .with_hint(format!("leave out `{other}:`"))
    };
    // Some programs put every address into brackets, and so does ss take them.
    if bracketed && text.text.parse::<Ipv4Addr>().is_err() {
        let prefix = ipv6(text, length)?;
        return match family {
            Some(IpVersion::V4) if prefix.address.is_ipv6() => Err(foreign("IPv4", "inet")),
            _ => Ok(vec![prefix]),
        };
    }
    if looks_like_address(text.text) {
        let prefix = ipv4(text, length).map_err(|error| {
            let is_none = short_ipv4(text.text).is_none();
            if is_none && text.text.parse::<u16>().is_ok() {
                error.with_hint(format!("a port alone is written `:{}`", text.text))
            } else {
                error
            }
        })?;
        return match family {
            Some(IpVersion::V6) => Err(foreign("IPv6", "inet6")),
            _ => Ok(vec![prefix]),
        };
    }
    // To ss they are every address. Whoever copied them from there did not mean a host.
    if let "any" | "all" | "default" = text.text {
        return Err(text
            .error(format!("{} is not an address", quoted(text.text)))
            .with_hint("write `*` for every address")
            .with_fix(text.span(), "*"));
    }
    if let Some(network) = wildcard(text.text).filter(|_| length.is_none()) {
        return Err(text
            .error(format!("{} is a pattern, not a network", quoted(text.text)))
            .meant(&network));
    }
    if !looks_like_host_name(text.text) {
        return Err(text.error(format!(
            "{} is neither an address nor the name of a host",
            quoted(text.text)
        )));
    }
    if let Some(length) = length {
        return Err(length.error("a prefix needs an address in numbers, not a name"));
    }
    let found = names.addresses(text.text).map_err(|error| {
        text.error(format!(
            "cannot look up the host {}: {}",
            quoted(text.text),
            printable(&error.to_string())
        ))
    })?;
    let mut addresses: Vec<_> = found
        .into_iter()
        .map(|address| address.to_canonical())
        .filter(|address| family.is_none_or(|family| family.has(*address)))
        .collect();
    // A resolver gives them in any order, and once for each type of socket.
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        let kind = match family {
            Some(IpVersion::V4) => "IPv4 ",
            Some(IpVersion::V6) => "IPv6 ",
            None => "",
        };
        return Err(text.error(format!(
            "the host {} has no {kind}address",
            quoted(text.text)
        )));
    }
    Ok(addresses.into_iter().map(Prefix::from).collect())
}

/// Parses an IPv6 address, with the length of a prefix of it.
pub(super) fn ipv6(text: Piece<'_>, length: Option<Piece<'_>>) -> Result<Prefix, FilterError> {
    let address: Ipv6Addr = text.text.parse().map_err(|_| {
        let error = text.error(format!("{} is not an IPv6 address", quoted(text.text)));
        if looks_like_address(text.text) {
            error.with_hint("an IPv4 address in brackets has four numbers")
        } else {
            error
        }
    })?;
    let length = match length {
        Some(length) => prefix(length, 128, "IPv6")?,
        None => 128,
    };
    Ok(Prefix::masked(address.into(), length))
}

/// Parses an IPv4 address, with the length of a prefix of it, which may then be only a part: `10/8`.
pub(super) fn ipv4(text: Piece<'_>, length: Option<Piece<'_>>) -> Result<Prefix, FilterError> {
    let (address, whole) = short_ipv4(text.text).ok_or_else(|| {
        let error = text.error(format!("{} is not an IPv4 address", quoted(text.text)));
        match with_dotted_port(text.text) {
            Some(with_colon) if length.is_none() => error.meant(&with_colon),
            _ if text.text.parse::<u16>().is_ok() => error
                .with_hint(format!("a port alone is written `:{}`", text.text))
                .with_fix(text.span(), format!(":{}", text.text)),
            _ => error,
        }
    })?;
    let length = match length {
        Some(length) => prefix(length, 32, "IPv4")?,
        None if whole == 4 => 32,
        None => {
            return Err(incomplete(text, whole));
        }
    };
    Ok(Prefix::masked(address.into(), length))
}

/// Makes the error of an address with so few of its four numbers. A single one is rather a port.
fn incomplete(text: Piece<'_>, numbers: usize) -> FilterError {
    let short = text.text;
    let error = text.error(format!("{} is only part of an address", quoted(short)));
    let network = format!("{short}/{}", numbers * 8);
    if numbers > 1 {
        return error.meant(&network);
    }
    error
        .with_hint(format!(
            "a port alone is written `:{short}`, a network `{network}`"
        ))
        .with_fix(text.span(), format!(":{short}"))
}

/// Reads the length of a prefix, or the netmask that says it.
fn prefix(piece: Piece<'_>, longest: u8, family: &str) -> Result<u8, FilterError> {
    if let Ok(mask) = piece.text.parse::<Ipv4Addr>() {
        return netmask(piece, mask.into(), longest);
    }
    if looks_like_number(piece.text) {
        if let Ok(length) = number(piece, longest.into()) {
            return Ok(u8::try_from(length).unwrap_or(longest));
        }
    }
    let expected = format!("expected the length of an {family} prefix, from 0 to {longest}");
    Err(piece.error(match piece.text {
        "" => expected,
        text => format!("{expected}, found {}", quoted(text)),
    }))
}

/// Returns the number of bits of a netmask. What a router would take for its opposite is neither.
fn netmask(piece: Piece<'_>, mask: u32, longest: u8) -> Result<u8, FilterError> {
    let inverted = !mask;
    match (mask.leading_ones(), inverted.leading_ones()) {
        _ if longest != 32 => Err(piece.error("a netmask belongs to an IPv4 address")),
        (0, 32) => Err(piece
            .error("`0.0.0.0` as a netmask is every address, and as a wildcard mask a single one")
            .with_hint("write `/0` for every address, `/32` for one")),
        (bits, _) if bits + mask.trailing_zeros() == 32 => {
            Ok(u8::try_from(bits).unwrap_or(longest))
        }
        (_, bits) if bits + inverted.trailing_zeros() == 32 => Err(piece
            .error(format!(
                "{} is a wildcard mask, not a netmask",
                quoted(piece.text)
            ))
            .meant(&bits.to_string())),
        _ => Err(piece.error(format!("{} is not a netmask", quoted(piece.text)))),
    }
}

/// Returns `10.0.0.1:80` for `10.0.0.1.80`, as BSD prints an end.
fn with_dotted_port(text: &str) -> Option<String> {
    let (address, port) = text.rsplit_once('.')?;
    address.parse::<Ipv4Addr>().ok()?;
    port.parse::<u16>().ok()?;
    Some(format!("{address}:{port}"))
}

/// Reads one to four numbers with dots, and how many they were.
fn short_ipv4(text: &str) -> Option<(Ipv4Addr, usize)> {
    let parts = text.split('.').count();
    let missing = 4_usize.checked_sub(parts)?;
    // std knows what a number of an address is: no leading zeros, none beyond 255.
    let whole = format!("{text}{}", ".0".repeat(missing));
    Some((whole.parse().ok()?, parts))
}

/// Reads a port by number or name; `None` is `*`.
fn port_number(piece: Piece<'_>, names: &dyn Names) -> Result<Option<u16>, FilterError> {
    let Piece { text, .. } = piece;
    match text {
        "" => return Err(piece.error("expected a port after `:`")),
        "*" => return Ok(None),
        _ if looks_like_number(text) => {
            let port = number(piece, u16::MAX.into())?;
            return Ok(Some(u16::try_from(port).unwrap_or(u16::MAX)));
        }
        _ => {}
    }
    if let Some(port) = names.service(text) {
        return Ok(Some(port));
    }
    let error = piece.error(format!("no TCP service is called {}", quoted(text)));
    Err(match text.split_once(['-', ',']) {
        Some((first, _)) if looks_like_number(first) => error.with_hint(SEVERAL_PORTS),
        _ => error.with_hint("/etc/services lists the names"),
    })
}

pub(super) const SEVERAL_PORTS: &str =
    "write a list as `( dport 80 or dport 443 )`, a range as `dport ge 80 and dport le 90`";

/// Returns true of digits and dots, perhaps without dots: a right or a wrong address, but no name of a host.
pub(super) fn looks_like_address(text: &str) -> bool {
    dotted(text) || looks_like_number(text)
}

fn dotted(text: &str) -> bool {
    let digits_and_dots = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    text.contains('.') && text.bytes().all(digits_and_dots)
}

fn looks_like_host_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 253
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Returns true for a word that would be an end if it stood where one is expected: `10.0.0.1`, `[::1]:80`, `:80`.
pub(super) fn is_end(text: &str) -> bool {
    let piece = Piece { text, column: 0 };
    match split(piece) {
        Ok((None, port)) => port.is_some(),
        Ok((Some(address), _)) => address.bracketed || dotted(address.text.text),
        Err(_) => text.parse::<Ipv6Addr>().is_ok(),
    }
}

impl IpVersion {
    const fn all(self) -> Prefix {
        match self {
            Self::V4 => Prefix::V4,
            Self::V6 => Prefix::V6,
        }
    }

    fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}
