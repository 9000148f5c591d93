//! The statistics of a network namespace: the kernel's counters, and numbers of sockets.

use crate::code::Code;
use crate::family::Family;
use crate::image::Image;
use crate::snmp::{self, low};
use crate::table::Population;
use crate::udp;

/// The width of the counters of segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Segments {
    /// `MIB_TCPSTATS`: 32 bits, the low half.
    Low,
    /// `MIB_TCPSTATS2`: 64 bits.
    Whole,
}

/// Returns `MIB_TCPSTATS` or `MIB_TCPSTATS2`.
///
/// Linux keeps one set of counters for both families. The two numbers of connections count both, too, and are of one dump.
pub(crate) fn tcp(family: Family, segments: Segments) -> Result<Vec<u8>, Code> {
    family.require()?;
    let counters = snmp::read("Tcp", TCP)?;
    let population = Population::read()?;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut image = Image::default();
    for (name, counter) in TCP.into_iter().zip(counters) {
        match (name, segments) {
            // Before 6.11 the kernel's own leaves out CLOSE_WAIT.
            ("CurrEstab", _) => image.u32(number(population.established)),
            ("InSegs" | "OutSegs", Segments::Whole) => {
                image.align(8);
                image.u64(counter);
            }
            _ => image.u32(low(counter)),
        }
    }
    image.u32(number(population.all));
    Ok(image.0)
}

/// Returns `MIB_UDPSTATS` of a family.
pub(crate) fn udp(family: Family) -> Result<Vec<u8>, Code> {
    family.require()?;
    let counters = match family {
        Family::V4 => snmp::read("Udp", UDP)?,
        Family::V6 => snmp::read6(UDP6)?,
    };
    let mut image = Image::default();
    for counter in counters {
        image.u32(low(counter));
    }
    image.u32(u32::try_from(udp::count(family)?).unwrap_or(u32::MAX));
    Ok(image.0)
}

/// The kernel's names of the fields of `MIB_TCPSTATS`, but the last.
pub(crate) const TCP: [&str; 14] = [
    "RtoAlgorithm",
    "RtoMin",
    "RtoMax",
    "MaxConn",
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "CurrEstab",
    "InSegs",
    "OutSegs",
    "RetransSegs",
    "InErrs",
    "OutRsts",
];

/// The kernel's names of the fields of `MIB_UDPSTATS`, but the last.
const UDP: [&str; 4] = ["InDatagrams", "NoPorts", "InErrors", "OutDatagrams"];
const UDP6: [&str; 4] = [
    "Udp6InDatagrams",
    "Udp6NoPorts",
    "Udp6InErrors",
    "Udp6OutDatagrams",
];
