//! Deletion, by rows and by identities, and what is said about it.

use std::ffi::{c_char, c_int, c_void};
use std::ops::Range;

use tcpentry::set_entry::{Tcp6Row, TcpRow};

use super::boundary::{deliver_text, guarded, guarded_result, read, read_at, write_at};
use super::structs::{DeletionResult, Dword, Id, LastDetail};
use crate::code::{Code, NO_ERROR, message};
use crate::detail::Detail;
use crate::entry::{self, OpenedTable};

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

/// `TCPENTRY_KIND`: the kinds of items of a batch.
pub(super) const ROWS: c_int = 0;
const ROWS6: c_int = 1;
pub(super) const IDS: c_int = 2;
