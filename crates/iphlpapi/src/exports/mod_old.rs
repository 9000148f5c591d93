//! Every exported function: reads its parameters through [`boundary`], and returns a code.
//!
//! Each `unsafe` block here is a call of the boundary, with the promise of the C caller that makes it sound.
#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what a C caller has to keep is in the header and the manual pages"
)]

mod boundary;
#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) mod fuzz;
mod structs;
/// The boundary without a kernel behind it, so that Miri can run it:
/// `cargo +nightly miri test -p iphlpapi --lib exports`.
#[cfg(test)]
mod tests;

use std::ffi::{c_char, c_int, c_void};
use std::ops::Range;

use tcpentry::set_entry::{Tcp6Row, TcpRow};

use crate::code::{Code, NO_ERROR, message};
use crate::detail::Detail;
use crate::entry::{self, OpenedTable};
use crate::module;
use crate::statistics;
use crate::table::{self, Class, Family, Layout, Order, RowOwner};
use boundary::{
    allocate, copy, deliver, deliver_text, guarded, guarded_result, read, read_at, release,
    write_at,
};
use structs::{Bool, Dword};
pub use structs::{DeletionResult, Id, LastDetail, OwnerModule6Row, OwnerModuleRow};

/// Deletes the IPv4 connection of a row: `SetTcpEntry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetTcpEntry(row: *const TcpRow) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    guarded(|| {
        let detail = row.map_or_else(
            || Detail::invalid("pTcpRow is NULL"),
            |row| entry::set(&row),
        );
        detail.remember()
    })
}

/// Deletes the IPv6 connection of a row: `SetTcp6Entry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetTcp6Entry(row: *const Tcp6Row) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    guarded(|| {
        let detail = row.map_or_else(
            || Detail::invalid("pTcp6Row is NULL"),
            |row| entry::set6(&row),
        );
        detail.remember()
    })
}

/// Copies the IPv4 table: `GetTcpTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpTable(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V4, Class::all(Layout::Basic)) }
}

/// Copies the IPv4 table, with owners: `GetTcpTable2(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpTable2(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V4, Class::all(Layout::Two)) }
}

/// Copies the IPv6 table: `GetTcp6Table(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcp6Table(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V6, Class::all(Layout::Basic)) }
}

/// Copies the IPv6 table, with owners: `GetTcp6Table2(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcp6Table2(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V6, Class::all(Layout::Two)) }
}

/// Copies a class of the table of a family: `GetExtendedTcpTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetExtendedTcpTable(
    table: *mut c_void,
    size: *mut Dword,
    order: Bool,
    family: Dword,
    class: c_int,
    _reserved: Dword,
) -> Dword {
    if size.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let class = u32::try_from(class).ok().and_then(Class::from_number);
    let (Some(family), Some(class)) = (Family::from_number(family), class) else {
        return Code::INVALID_PARAMETER.0;
    };
    // The published page has it so: the basic classes are for IPv4 only.
    if family == Family::V6 && class.layout == Layout::Basic {
        return Code::NOT_SUPPORTED.0;
    }
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, family, class) }
}

/// Allocates the IPv4 table, with owners: `AllocateAndGetTcpExTableFromStack(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AllocateAndGetTcpExTableFromStack(
    table: *mut *mut c_void,
    order: Bool,
    _heap: *mut c_void,
    _flags: Dword,
    family: Dword,
) -> Dword {
    if table.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let allocated = guarded_result(|| match Family::from_number(family) {
        None => Err(Code::INVALID_PARAMETER),
        Some(Family::V6) => Err(Code::NOT_SUPPORTED),
        Some(Family::V4) => table::image(Family::V4, Class::all(Layout::Pid), order_of(order)),
    });
    let image = match allocated {
        Ok(image) => image,
        Err(code) => return code.0,
    };
    let memory = allocate(&image);
    if memory.is_null() {
        return Code::NOT_ENOUGH_MEMORY.0;
    }
    // SAFETY: `table` is not NULL, and the caller vouches that a pointer can be written there.
    unsafe { write_at(table, 0, memory) };
    NO_ERROR
}

/// Frees an allocated table: `tcpentry_free(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_free(memory: *mut c_void) {
    // SAFETY: the caller gives NULL or what `AllocateAndGetTcpExTableFromStack` has allocated, once.
    unsafe { release(memory) }
}

/// Copies the counters of TCP over IPv4: `GetTcpStatistics(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatistics(statistics: *mut c_void) -> Dword {
    // SAFETY: as below.
    unsafe { GetTcpStatisticsEx(statistics, 2) }
}

/// Copies the counters of TCP over a family: `GetTcpStatisticsEx(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatisticsEx(statistics: *mut c_void, family: Dword) -> Dword {
    if statistics.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let image = guarded_result(|| {
        let family = Family::from_number(family).ok_or(Code::INVALID_PARAMETER)?;
        statistics::image(family)
    });
    match image {
        Ok(image) => {
            // SAFETY: the image is as long as MIB_TCPSTATS, and the caller vouches for room for one.
            unsafe { copy(&image, statistics) };
            NO_ERROR
        }
        Err(code) => code.0,
    }
}

/// Describes the owner of an IPv4 row: `GetOwnerModuleFromTcpEntry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcpEntry(
    row: *const OwnerModuleRow,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let owner = unsafe { read(row) }.map(RowOwner::from);
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_module(owner, class, buffer, size) }
}

/// Describes the owner of an IPv6 row: `GetOwnerModuleFromTcp6Entry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcp6Entry(
    row: *const OwnerModule6Row,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let owner = unsafe { read(row) }.map(RowOwner::from);
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_module(owner, class, buffer, size) }
}

/// Finds the identity of an IPv4 connection: `tcpentry_identify(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_identify(row: *const TcpRow, id: *mut Id) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    // SAFETY: the caller vouches for the room behind `id`.
    unsafe { identify(row.map(|row| Ok(row.pair())), id) }
}

/// Finds the identity of an IPv6 connection: `tcpentry_identify6(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_identify6(row: *const Tcp6Row, id: *mut Id) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    // SAFETY: the caller vouches for the room behind `id`.
    unsafe { identify(row.map(|row| row.pair()), id) }
}

/// Deletes the connection of an identity: `tcpentry_delete_id(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_delete_id(id: *const Id) -> Dword {
    // SAFETY: the caller gives NULL or an identity, which is copied here.
    let id = unsafe { read(id) };
    guarded(|| {
        let detail = match id.as_ref().map(Id::word) {
            None => Detail::invalid("id is NULL"),
            Some(None) => Detail::invalid("id holds no text"),
            Some(Some(word)) => entry::delete_id(word),
        };
        detail.remember()
    })
}

/// Deletes many connections, by rows or identities: `tcpentry_delete_batch(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_delete_batch(
    kind: c_int,
    items: *const c_void,
    count: Dword,
    results: *mut DeletionResult,
) -> Dword {
    let has_room = count == 0 || !(items.is_null() || results.is_null());
    if !has_room || !(ROWS..=IDS).contains(&kind) {
        return guarded(|| {
            Detail::invalid("no items, no room for results, or no such kind").remember()
        });
    }
    if count == 0 {
        return NO_ERROR;
    }
    for index in 0..count as usize {
        // SAFETY: the caller vouches for room for `count` results.
        unsafe { write_at(results, index, DeletionResult::UNKNOWN) };
    }
    guarded(|| {
        let mut batch = OpenedTable::open();
        // The code to return: of the first failure, or of the last success.
        let mut answer: Option<Detail> = None;
        let all = 0..count as usize;
        for first in all.clone().step_by(AT_ONCE) {
            let some = first..all.end.min(first + AT_ONCE);
            // SAFETY: the caller vouches for `count` items of that kind.
            let details = unsafe { delete_items(&mut batch, kind, items, some.clone()) };
            for (index, detail) in some.zip(details) {
                // SAFETY: the caller vouches for room for `count` results.
                unsafe { write_at(results, index, DeletionResult::of(&detail)) };
                if answer.as_ref().is_none_or(|it| it.code == NO_ERROR) {
                    answer = Some(detail);
                }
            }
        }
        answer.map_or(NO_ERROR, Detail::remember)
    })
}

/// Deletes some items of a batch.
///
/// # Safety
/// `items` must point to as many items of the kind as the range ends at.
unsafe fn delete_items(
    batch: &mut OpenedTable,
    kind: c_int,
    items: *const c_void,
    range: Range<usize>,
) -> Vec<Detail> {
    match kind {
        ROWS => {
            // SAFETY: the caller vouches for it; the rows are copied.
            let rows = range.map(|index| unsafe { read_at::<TcpRow>(items, index) });
            batch.rows(&rows.collect::<Vec<_>>())
        }
        ROWS6 => {
            // SAFETY: as above.
            let rows = range.map(|index| unsafe { read_at::<Tcp6Row>(items, index) });
            batch.rows6(&rows.collect::<Vec<_>>())
        }
        _ => {
            // SAFETY: as above.
            let ids = range.map(|index| unsafe { read_at::<Id>(items, index) });
            let ids: Vec<_> = ids.collect();
            batch.words(ids.iter().map(Id::word))
        }
    }
}

/// The number of items that are looked for, and then deleted, together.
const AT_ONCE: usize = 8192;

/// Copies the detail of this thread's last deletion: `tcpentry_last_detail(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_last_detail(detail: *mut LastDetail) -> Dword {
    if detail.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let last = guarded_result(|| Detail::last().ok_or(Code::NOT_FOUND));
    match last {
        Ok(last) => {
            // SAFETY: it is not NULL, and the caller vouches for room for one.
            unsafe { write_at(detail, 0, LastDetail::of(&last)) };
            NO_ERROR
        }
        Err(code) => code.0,
    }
}

/// Copies the text of a code: `tcpentry_message(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_message(code: Dword, buffer: *mut c_char, size: Dword) -> Dword {
    let text = message(code);
    // SAFETY: the caller vouches for `size` bytes.
    unsafe { deliver_text(text, buffer.cast(), size as usize) };
    u32::try_from(text.len()).unwrap_or(0)
}

/// Fills a caller's buffer with a table.
///
/// # Safety
/// `size` must be NULL or point to a number, and `table` be NULL or have that many bytes of room.
unsafe fn get_table(
    table: *mut c_void,
    size: *mut Dword,
    order: Bool,
    family: Family,
    class: Class,
) -> Dword {
    // SAFETY: the caller vouches for it.
    unsafe { deliver(table, size, || table::image(family, class, order_of(order))) }
}

/// Fills a caller's buffer with the module of a process.
///
/// # Safety
/// As for [`get_table`].
unsafe fn get_module(
    owner: Option<RowOwner>,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    const BASIC: c_int = 0;
    let Some(owner) = owner.filter(|_| class == BASIC) else {
        return Code::INVALID_PARAMETER.0;
    };
    let image = || {
        let module = module::of_process(owner.pid, owner.started)?;
        let texts = [module.name, module.path];
        // TCPIP_OWNER_MODULE_BASIC_INFO: two pointers into the very buffer, then the texts.
        let mut at = buffer as usize + texts.len() * size_of::<usize>();
        let mut image = Vec::new();
        for text in &texts {
            image.extend(at.to_ne_bytes());
            at += (text.len() + 1) * size_of::<u16>();
        }
        for unit in texts.iter().flat_map(|text| text.iter().chain(&[0])) {
            image.extend(unit.to_ne_bytes());
        }
        Ok(image)
    };
    // SAFETY: the caller vouches for it.
    unsafe { deliver(buffer, size, image) }
}

/// Stores the identity of the connection that has these ends now.
///
/// # Safety
/// `id` must be NULL or have room for one.
unsafe fn identify(pair: Option<Result<tcpentry::Pair, tcpentry::Error>>, id: *mut Id) -> Dword {
    let Some(pair) = pair.filter(|_| !id.is_null()) else {
        return guarded(|| Detail::invalid("the row or the id is NULL").remember());
    };
    let mut code = NO_ERROR;
    let word = guarded_result(|| entry::identify(pair).map_err(|detail| Code(detail.remember())));
    match word {
        Ok(word) => {
            // SAFETY: it is not NULL, and the caller vouches for room for one.
            unsafe { write_at(id, 0, Id::new(&word)) };
        }
        Err(failure) => code = failure.0,
    }
    code
}

fn order_of(flag: Bool) -> Order {
    if flag == 0 {
        Order::AsRetrieved
    } else {
        Order::Sorted
    }
}

/// `TCPENTRY_KIND`: the kinds of items of a batch.
const ROWS: c_int = 0;
const ROWS6: c_int = 1;
const IDS: c_int = 2;
