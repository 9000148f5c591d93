//! Every exported function, and all unsafe code of this library: pointers become values here.
//!
//! The rules of the boundary: a NULL, misaligned or short buffer is answered by a code; what is read
//! through a pointer is copied before it is looked at; what is written fits what the caller said; no panic
//! leaves a function.
#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what a C caller has to keep is in the header and the manual pages"
)]

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use tcpentry::{Tcp6Row, TcpRow};

use crate::code::{Code, NO_ERROR, message};
use crate::detail::Detail;
use crate::entry::{self, Batch};
use crate::module;
use crate::statistics;
use crate::table::{self, Class, Family, Layout, Order};

type Dword = u32;
type Bool = c_int;

/// `SetTcpEntry(3)`
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

/// `SetTcp6Entry(3)`
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

/// `GetTcpTable(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpTable(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V4, Class::all(Layout::Basic)) }
}

/// `GetTcpTable2(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpTable2(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V4, Class::all(Layout::Two)) }
}

/// `GetTcp6Table(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcp6Table(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V6, Class::all(Layout::Basic)) }
}

/// `GetTcp6Table2(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcp6Table2(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V6, Class::all(Layout::Two)) }
}

/// `GetExtendedTcpTable(3)`
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

/// `AllocateAndGetTcpExTableFromStack(3)`
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
    // SAFETY: malloc has no preconditions; a table is never empty, for it holds its count.
    let memory = unsafe { libc::malloc(image.len()) };
    if memory.is_null() {
        return Code::NOT_ENOUGH_MEMORY.0;
    }
    // SAFETY: `memory` has just been allocated with room for the whole image, so it can't overlap
    // it; `table` is not NULL, and the caller vouches that a pointer can be written there.
    unsafe {
        ptr::copy_nonoverlapping(image.as_ptr(), memory.cast(), image.len());
        table.write_unaligned(memory);
    }
    NO_ERROR
}

/// `tcpentry_free(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_free(memory: *mut c_void) {
    // SAFETY: the caller gives NULL or what `AllocateAndGetTcpExTableFromStack` has allocated, once.
    unsafe { libc::free(memory) }
}

/// `GetTcpStatistics(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatistics(statistics: *mut c_void) -> Dword {
    // SAFETY: as below.
    unsafe { GetTcpStatisticsEx(statistics, 2) }
}

/// `GetTcpStatisticsEx(3)`
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
            unsafe { ptr::copy_nonoverlapping(image.as_ptr(), statistics.cast(), image.len()) };
            NO_ERROR
        }
        Err(code) => code.0,
    }
}

/// `GetOwnerModuleFromTcpEntry(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcpEntry(
    row: *const OwnerModuleRow,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let owner = unsafe { read(row) }.map(Owner::from);
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_module(owner, class, buffer, size) }
}

/// `GetOwnerModuleFromTcp6Entry(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcp6Entry(
    row: *const OwnerModule6Row,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let owner = unsafe { read(row) }.map(Owner::from);
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_module(owner, class, buffer, size) }
}

/// `tcpentry_identify(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_identify(row: *const TcpRow, id: *mut Id) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    // SAFETY: the caller vouches for the room behind `id`.
    unsafe { identify(row.map(|row| Ok(row.pair())), id) }
}

/// `tcpentry_identify6(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_identify6(row: *const Tcp6Row, id: *mut Id) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    // SAFETY: the caller vouches for the room behind `id`.
    unsafe { identify(row.map(|row| row.pair()), id) }
}

/// `tcpentry_delete_id(3)`
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

/// `tcpentry_delete_batch(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_delete_batch(
    kind: c_int,
    items: *const c_void,
    count: Dword,
    results: *mut Outcome,
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
        unsafe { results.add(index).write_unaligned(Outcome::UNKNOWN) };
    }
    guarded(|| {
        let mut batch = Batch::open();
        // What it returns: the first failure, or the last success.
        let mut answer: Option<Detail> = None;
        for index in 0..count as usize {
            // SAFETY: the caller vouches for `count` items of the kind that he names.
            let detail = unsafe { delete_item(&mut batch, kind, items, index) };
            // SAFETY: the caller vouches for room for `count` results.
            unsafe { results.add(index).write_unaligned(Outcome::of(&detail)) };
            if answer.as_ref().is_none_or(|it| it.code == NO_ERROR) {
                answer = Some(detail);
            }
        }
        answer.map_or(NO_ERROR, Detail::remember)
    })
}

/// # Safety
/// `items` must point to more than `index` items of the kind.
unsafe fn delete_item(
    batch: &mut Batch,
    kind: c_int,
    items: *const c_void,
    index: usize,
) -> Detail {
    match kind {
        ROWS => {
            // SAFETY: the caller vouches for it; the row is copied.
            let row = unsafe { items.cast::<TcpRow>().add(index).read_unaligned() };
            batch.row(&row)
        }
        ROWS6 => {
            // SAFETY: as above.
            let row = unsafe { items.cast::<Tcp6Row>().add(index).read_unaligned() };
            batch.row6(&row)
        }
        _ => {
            // SAFETY: as above.
            let id = unsafe { items.cast::<Id>().add(index).read_unaligned() };
            match id.word() {
                Some(word) => batch.word(word),
                None => Detail::invalid("id holds no text"),
            }
        }
    }
}

/// `tcpentry_last_detail(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_last_detail(detail: *mut LastDetail) -> Dword {
    if detail.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let last = guarded_result(|| Detail::last().ok_or(Code::NOT_FOUND));
    match last {
        Ok(last) => {
            let mut shown = LastDetail {
                result: Outcome::of(&last),
                text: [0; TEXT],
            };
            fill(&mut shown.text, &last.text);
            // SAFETY: it is not NULL, and the caller vouches for room for one.
            unsafe { detail.write_unaligned(shown) };
            NO_ERROR
        }
        Err(code) => code.0,
    }
}

/// `tcpentry_message(3)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_message(code: Dword, buffer: *mut c_char, size: Dword) -> Dword {
    let text = message(code);
    if !buffer.is_null() && size > 0 {
        let length = cut(text, size as usize - 1);
        // SAFETY: the caller vouches for `size` bytes; at most that many are written.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), length);
            buffer.add(length).write(0);
        }
    }
    u32::try_from(text.len()).unwrap_or(0)
}

/// Copies what a pointer points to; `None` for NULL. It need not be aligned.
///
/// # Safety
/// A pointer that is not NULL must point to a readable `T`, of which every bit pattern is a value.
unsafe fn read<T: Copy>(pointer: *const T) -> Option<T> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it.
    Some(unsafe { pointer.read_unaligned() })
}

/// Fills a caller's buffer with a table, by the protocol of all these functions.
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

/// # Safety
/// As for [`get_table`].
unsafe fn get_module(
    owner: Option<Owner>,
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

/// The protocol of sizes: without room the needed size and 122, else the bytes and their number.
///
/// # Safety
/// As for [`get_table`].
unsafe fn deliver(
    buffer: *mut c_void,
    size: *mut Dword,
    make: impl FnOnce() -> Result<Vec<u8>, Code>,
) -> Dword {
    if size.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let image = match guarded_result(make) {
        Ok(image) => image,
        Err(code) => return code.0,
    };
    let Ok(needed) = u32::try_from(image.len()) else {
        return Code::NOT_ENOUGH_MEMORY.0;
    };
    // SAFETY: it is not NULL, and the caller vouches for a number there.
    let room = unsafe { size.read_unaligned() };
    // SAFETY: as above.
    unsafe { size.write_unaligned(needed) };
    if buffer.is_null() || room < needed {
        return Code::INSUFFICIENT_BUFFER.0;
    }
    // SAFETY: the caller vouches for `room` bytes, and `needed` are no more; a fresh allocation of
    // ours does not overlap a buffer of the caller's.
    unsafe { ptr::copy_nonoverlapping(image.as_ptr(), buffer.cast(), image.len()) };
    NO_ERROR
}

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
            let mut identity = Id { text: [0; ID] };
            fill(&mut identity.text, &word);
            // SAFETY: it is not NULL, and the caller vouches for room for one.
            unsafe { id.write_unaligned(identity) };
        }
        Err(failure) => code = failure.0,
    }
    code
}

/// Runs what gives a code; a panic is a code as well.
fn guarded(body: impl FnOnce() -> Dword) -> Dword {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Code::GEN_FAILURE.0)
}

fn guarded_result<T>(body: impl FnOnce() -> Result<T, Code>) -> Result<T, Code> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Code::GEN_FAILURE))
}

fn order_of(flag: Bool) -> Order {
    if flag == 0 {
        Order::AsRetrieved
    } else {
        Order::Sorted
    }
}

/// Copies a text with its final zero, cut at a whole character.
fn fill(room: &mut [u8], text: &str) {
    let length = cut(text, room.len() - 1);
    room[..length].copy_from_slice(&text.as_bytes()[..length]);
    room[length] = 0;
}

/// How much of a text fits.
fn cut(text: &str, room: usize) -> usize {
    (0..=room.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0)
}

/// `TCPENTRY_ID` of the header: an identity as text.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Id {
    text: [u8; ID],
}

impl Id {
    /// Its text, where it is one.
    fn word(&self) -> Option<&str> {
        let length = self.text.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&self.text[..length]).ok()
    }
}

/// `TCPENTRY_RESULT` of the header.
#[derive(Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the names of the header")]
#[repr(C)]
pub struct Outcome {
    code: Dword,
    outcome: Dword,
    method: Dword,
    error: c_int,
}

impl Outcome {
    /// What a batch leaves where it did not come to.
    const UNKNOWN: Self = Self {
        code: Code::GEN_FAILURE.0,
        outcome: Detail::FAILED,
        method: 0,
        error: 0,
    };

    fn of(detail: &Detail) -> Self {
        Self {
            code: detail.code,
            outcome: detail.outcome,
            method: detail.method,
            error: detail.errno,
        }
    }
}

/// `TCPENTRY_DETAIL` of the header.
#[repr(C)]
pub struct LastDetail {
    result: Outcome,
    text: [u8; TEXT],
}

/// `MIB_TCPROW_OWNER_MODULE`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct OwnerModuleRow {
    state_and_ends: [Dword; 5],
    pid: Dword,
    created: i64,
    info: [u64; 16],
}

/// `MIB_TCP6ROW_OWNER_MODULE`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct OwnerModule6Row {
    ends_and_state: [Dword; 13],
    pid: Dword,
    created: i64,
    info: [u64; 16],
}

/// Whose module is asked for.
#[derive(Clone, Copy)]
struct Owner {
    pid: Dword,
    /// As [`table`] wrote it into `OwningModuleInfo`.
    started: u64,
}

impl From<OwnerModuleRow> for Owner {
    fn from(row: OwnerModuleRow) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

impl From<OwnerModule6Row> for Owner {
    fn from(row: OwnerModule6Row) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

/// `TCPENTRY_ID_SIZE`: the longest identity has 190 bytes.
const ID: usize = 256;
/// `TCPENTRY_TEXT_SIZE`
const TEXT: usize = 512;
/// `TCPENTRY_KIND`: what a batch holds.
const ROWS: c_int = 0;
const ROWS6: c_int = 1;
const IDS: c_int = 2;

const _: () = {
    assert!(size_of::<OwnerModuleRow>() == 160);
    assert!(size_of::<OwnerModule6Row>() == 192);
    assert!(size_of::<Outcome>() == 16);
    assert!(size_of::<LastDetail>() == 16 + TEXT);
};

#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) mod fuzz;

/// The boundary without a kernel behind it, so that Miri can run it:
/// `cargo +nightly miri test -p iphlpapi --lib exports`.
#[cfg(test)]
mod tests;
