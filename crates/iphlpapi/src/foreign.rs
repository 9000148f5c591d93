//! The tables for programs of another system on this machine, as those under Wine: their numbers of processes are others, so
//! that a row has none here, rather than one that means another process there.

use crate::code::{Code, NO_ERROR};
use crate::family::Family;
use crate::rows::{Layout, Order, TableAnswer};
use crate::table::{Class, Tcp};

/// The class of `GetTcpTable2` and `GetTcp6Table2`, beside those of `TCP_TABLE_CLASS`.
const TABLE2: u32 = 9;

/// The arguments of `GetTcpTable` or one of its relatives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TableCall {
    /// `AF_INET` or `AF_INET6`, in the number of either system.
    pub family: u32,
    /// A `TCP_TABLE_CLASS`, 0 to 8, of either family; 9 for the layout of `GetTcpTable2`.
    pub class: u32,
    /// The order by ends.
    pub is_sorted: bool,
    /// The size of the buffer; 0 for none.
    pub room: u32,
}

/// The answer to a [`TableCall`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableReply {
    /// The code that the function returns.
    pub code: u32,
    /// The size that it stores: of the table, or what a buffer needs. Only with 0 and 122.
    pub size: u32,
    /// The contents of the buffer, with code 0.
    pub table: Vec<u8>,
}

impl TableCall {
    /// Reads the table of this network namespace.
    pub fn answer(self) -> TableReply {
        self.read().unwrap_or_else(|code| TableReply {
            code: code.0,
            size: 0,
            table: Vec::new(),
        })
    }

    fn read(self) -> Result<TableReply, Code> {
        let family = Family::from_number(self.family).ok_or(Code::INVALID_PARAMETER)?;
        let class = match self.class {
            TABLE2 => Some(Class::all(Layout::Two)),
            number => Class::from_number(number),
        };
        let wanted = Tcp {
            family,
            class: class.ok_or(Code::INVALID_PARAMETER)?,
            order: if self.is_sorted {
                Order::Sorted
            } else {
                Order::AsRetrieved
            },
        };
        let shape = wanted.shape();
        let answered = wanted.read_without_owners(shape.rows_in(self.room as usize))?;
        let size = |it: usize| u32::try_from(it).map_err(|_| Code::NOT_ENOUGH_MEMORY);
        Ok(match answered {
            TableAnswer::Rows(rows) => TableReply {
                code: Code::INSUFFICIENT_BUFFER.0,
                size: size(shape.with_slack(rows))?,
                table: Vec::new(),
            },
            TableAnswer::Table(table) => TableReply {
                code: NO_ERROR,
                size: size(table.len())?,
                table: shape.whole_type(table),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use tcpentry_testkit::{isolated, tcp};

    use super::*;

    fn ask(family: u32, class: u32, room: u32) -> TableReply {
        let is_sorted = true;
        TableCall {
            family,
            class,
            is_sorted,
            room,
        }
        .answer()
    }

    #[test]
    fn rows_have_no_owner() {
        isolated(|| {
            let ends = tcp::connected();
            for (class, row) in [(2, 20), (5, 24), (9, 28)] {
                let short = ask(2, class, 0);
                assert_eq!((short.code, short.table.len()), (122, 0));
                let whole = ask(2, class, short.size);
                assert_eq!((whole.code, whole.size as usize), (0, whole.table.len()));
                let rows: Vec<&[u8]> = whole.table[4..].chunks(row).collect();
                assert_eq!(usize::from(whole.table[0]), rows.len());
                let port = ends.client.local_addr().unwrap().port().to_be_bytes();
                let found = rows.iter().find(|it| it[8..10] == port).unwrap();
                assert_eq!(found[0], 5, "established");
                assert!(row == 20 || found[20..24] == [0; 4], "no owner");
            }
        });
    }

    #[test]
    fn an_empty_table_has_the_size_of_its_type() {
        isolated(|| {
            let empty = ask(23, 5, 60);
            assert_eq!((empty.code, empty.size, empty.table.len()), (0, 4, 60));
            assert_eq!(ask(23, 10, 60).code, 87);
            assert_eq!(ask(17, 5, 60).code, 87);
        });
    }
}
