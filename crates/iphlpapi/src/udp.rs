//! The tables of UDP.

use std::net::{IpAddr, Ipv4Addr};

use tcpentry::table::{UdpEndpoint, UdpTable};
use tcpentry::{Cookie, Endpoint, Error, Inode};

use crate::code::Code;
use crate::family::Family;
use crate::image::{Image, scope_of};
use crate::owner::RowOwner;
use crate::rows::{Asked, Layout, Order, TableAnswer, TableRow, answer, distinct};
use crate::shape::TableShape;

/// A table of UDP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Udp {
    pub(crate) family: Family,
    pub(crate) layout: Layout,
    pub(crate) order: Order,
}

impl Udp {
    /// Converts the number of a `UDP_TABLE_CLASS`, 0 to 2.
    pub(crate) const fn layout_from_number(number: u32) -> Option<Layout> {
        match number {
            0 => Some(Layout::Basic),
            1 => Some(Layout::Pid),
            2 => Some(Layout::Module),
            _ => None,
        }
    }

    pub(crate) const fn shape(self) -> TableShape {
        let (first, four, six) = match self.layout {
            Layout::Basic => (4, 8, 24),
            Layout::Two | Layout::Pid => (4, 12, 28),
            Layout::Module => (8, 160, 176),
        };
        TableShape {
            first,
            row: match self.family {
                Family::V4 => four,
                Family::V6 => six,
            },
        }
    }

    /// Reads it, if it has room for as many rows as there are.
    pub(crate) fn read(self, room: Option<usize>) -> Result<TableAnswer, Code> {
        self.family.require()?;
        let asked = Asked {
            shape: self.shape(),
            layout: self.layout,
            order: self.order,
            room,
            has_owners: true,
        };
        let mut table = UdpTable::open()?;
        answer(of_family(self.family, table.endpoints()?), asked)
    }
}

/// Counts the sockets of a family: `dwNumAddrs`.
pub(crate) fn count(family: Family) -> Result<usize, Code> {
    let mut table = UdpTable::open()?;
    Ok(distinct(of_family(family, table.endpoints()?))?.len())
}

/// Yields the rows that the table of a family has. A socket of both families stands in both.
fn of_family(
    family: Family,
    rows: impl Iterator<Item = Result<UdpEndpoint, Error>>,
) -> impl Iterator<Item = Result<UdpEndpoint, Error>> {
    rows.filter_map(move |row| match (family, row) {
        (_, Err(error)) => Some(Err(error)),
        (Family::V4, Ok(row)) if row.local.address().is_ipv4() => Some(Ok(row)),
        (Family::V4, Ok(row)) => as_ipv4(row).map(Ok),
        (Family::V6, Ok(row)) => row.local.address().is_ipv6().then_some(Ok(row)),
    })
}

/// Returns the IPv4 row of a socket of both families.
fn as_ipv4(mut row: UdpEndpoint) -> Option<UdpEndpoint> {
    let takes_both = row.v6only == Some(false) && row.local.address().is_unspecified();
    row.local = Endpoint::new(Ipv4Addr::UNSPECIFIED.into(), row.local.port());
    takes_both.then_some(row)
}

impl TableRow for UdpEndpoint {
    /// Address, scope and port.
    type Key = (IpAddr, u32, u16);

    fn key(&self) -> Self::Key {
        let scope = scope_of(self.local, self.interface);
        (self.local.address(), scope, self.local.port())
    }

    fn cookie(&self) -> Cookie {
        self.cookie
    }

    fn inode(&self) -> Option<Inode> {
        self.inode
    }

    fn append_to(&self, image: &mut Image, layout: Layout, owner: RowOwner) {
        if self.local.address().is_ipv4() {
            image.end4(self.local);
        } else {
            image.end6(self.local, self.interface);
        }
        match layout {
            Layout::Basic => {}
            Layout::Two | Layout::Pid => image.u32(owner.pid),
            Layout::Module => {
                image.u32(owner.pid);
                image.timestamp();
                // dwFlags: of a port the kernel does not say whether it was asked for.
                image.u32(0);
                image.module(owner.started);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_number() {
        let layout = Udp::layout_from_number;
        assert_eq!(
            [0, 1, 2, 3].map(layout),
            [
                Some(Layout::Basic),
                Some(Layout::Pid),
                Some(Layout::Module),
                None
            ]
        );
    }
}
