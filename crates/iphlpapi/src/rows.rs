//! Rows of the kernel's tables on their way into a caller's buffer: what is common to TCP and UDP.

use std::collections::HashSet;

use tcpentry::{Cookie, Error, Inode};

use crate::code::Code;
use crate::image::Image;
use crate::owner::{RowOwner, RowOwners};
use crate::shape::TableShape;

/// The layout of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// `MIB_TCPROW`, `MIB_UDPROW`, and so on.
    Basic,
    /// `MIB_TCPROW2`, `MIB_TCP6ROW2`
    Two,
    /// `MIB_TCPROW_OWNER_PID`, and so on.
    Pid,
    /// `MIB_TCPROW_OWNER_MODULE`, and so on.
    Module,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Sorted,
    AsRetrieved,
}

/// A request for a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) shape: TableShape,
    pub(crate) layout: Layout,
    pub(crate) order: Order,
    /// The number of rows for which there is room; `None` where only their number is asked for.
    pub(crate) room: Option<usize>,
    /// Set where rows have owners, if the layout shows them.
    pub(crate) has_owners: bool,
}

/// The answer to a request for a table.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum TableAnswer {
    /// The table as the caller's buffer is to hold it: the number of rows, and the rows.
    Table(Vec<u8>),
    /// The number of rows, for which there is no room.
    Rows(usize),
}

/// A row of a table.
pub(crate) trait TableRow {
    /// The fields by which rows are sorted.
    type Key: Ord;

    fn key(&self) -> Self::Key;
    fn cookie(&self) -> Cookie;
    fn inode(&self) -> Option<Inode>;
    fn append_to(&self, image: &mut Image, layout: Layout, owner: RowOwner);
}

/// Answers a request with these rows.
///
/// Only a table that fits is built, and only its owners are looked for, where the layout shows them: that costs more than
/// everything else.
pub(crate) fn answer<R: TableRow>(
    rows: impl Iterator<Item = Result<R, Error>>,
    asked: Asked,
) -> Result<TableAnswer, Code> {
    let Some(room) = asked.room else {
        return Ok(TableAnswer::Rows(count(rows)?));
    };
    let mut rows = distinct(rows)?;
    if rows.len() > room {
        return Ok(TableAnswer::Rows(rows.len()));
    }
    if asked.order == Order::Sorted {
        rows.sort_unstable_by_key(TableRow::key);
    }
    let owners = if asked.layout == Layout::Basic || !asked.has_owners {
        RowOwners::default()
    } else {
        RowOwners::find(rows.iter().filter_map(TableRow::inode))?
    };
    let mut image = Image::default();
    // A caller who is short of memory gets a code, not an abort.
    image.0.try_reserve_exact(asked.shape.size(rows.len()))?;
    image.u32(u32::try_from(rows.len()).map_err(|_| Code::NOT_ENOUGH_MEMORY)?);
    image.align(asked.shape.first);
    for row in &rows {
        row.append_to(&mut image, asked.layout, owners.of(row.inode()));
    }
    debug_assert_eq!(image.0.len(), asked.shape.size(rows.len()));
    Ok(TableAnswer::Table(image.0))
}

/// Counts rows without keeping any.
///
/// One that moves within the kernel's table meanwhile may be counted twice.
fn count<R>(mut rows: impl Iterator<Item = Result<R, Error>>) -> Result<usize, Code> {
    Ok(rows.try_fold(0, |count, row| row.map(|_| count + 1))?)
}

/// Collects rows, each once: a socket that moves within the kernel's table during a dump can be in that twice.
pub(crate) fn distinct<R: TableRow>(
    rows: impl Iterator<Item = Result<R, Error>>,
) -> Result<Vec<R>, Code> {
    let mut all: Vec<R> = Vec::new();
    for row in rows {
        all.try_reserve(1)?;
        all.push(row?);
    }
    let mut seen = HashSet::new();
    seen.try_reserve(all.len())?;
    all.retain(|row| seen.insert(row.cookie()));
    Ok(all)
}
