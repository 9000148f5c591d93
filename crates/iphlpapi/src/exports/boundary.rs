//! Raw pointers become values here, and values become bytes behind raw pointers.
//!
//! The rules: a NULL, misaligned or short buffer is answered with a code; memory that a caller may change is copied
//! before it is examined; nothing is written beyond the size that the caller states; no panic leaves a function.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::code::{Code, NO_ERROR};
use crate::rows::TableAnswer;
use crate::shape::TableShape;

/// Copies the value behind a pointer, aligned or not; `None` for NULL.
///
/// # Safety
/// A pointer that is not NULL must point to a readable `T`, of which every bit pattern is a value.
pub(super) unsafe fn read<T: Copy>(pointer: *const T) -> Option<T> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: it is not NULL, and the caller vouches for the rest.
    Some(unsafe { pointer.read_unaligned() })
}

/// Copies one element of an array, aligned or not.
///
/// # Safety
/// `array` must point to more than `index` readable `T`, of which every bit pattern is a value.
pub(super) unsafe fn read_at<T: Copy>(array: *const c_void, index: usize) -> T {
    // SAFETY: the caller vouches for the element, so its address is inside the array.
    unsafe { array.cast::<T>().add(index).read_unaligned() }
}

/// Stores one element of an array, aligned or not; an array of one is a single value.
///
/// # Safety
/// `array` must have room for more than `index` values of `T`.
pub(super) unsafe fn write_at<T: Copy>(array: *mut T, index: usize, value: T) {
    // SAFETY: the caller vouches for the room, so the address is inside the array.
    unsafe { array.add(index).write_unaligned(value) };
}

/// Copies bytes of a caller.
///
/// # Safety
/// `bytes` must point to `count` readable bytes.
pub(super) unsafe fn read_bytes(bytes: *const u8, count: usize) -> Vec<u8> {
    // SAFETY: the caller vouches for each of them.
    (0..count)
        .map(|index| unsafe { bytes.add(index).read() })
        .collect()
}

/// A buffer for a structure that a caller may or may not want.
#[derive(Clone, Copy)]
pub(super) struct OptionalBuffer {
    at: *mut u8,
    size: u32,
}

impl From<(*mut u8, u32)> for OptionalBuffer {
    fn from((at, size): (*mut u8, u32)) -> Self {
        Self { at, size }
    }
}

impl OptionalBuffer {
    /// Returns true where a size is stated of a buffer that is NULL.
    pub(super) fn is_missing(&self) -> bool {
        self.at.is_null() && self.size > 0
    }

    /// Returns true where the structure fits, or is not wanted.
    pub(super) fn has_room_for(&self, structure: &[u8]) -> bool {
        self.at.is_null() || self.size as usize >= structure.len()
    }

    /// Copies a structure that fits into it, if it is wanted.
    ///
    /// # Safety
    /// It must be NULL or have as many bytes of room as it says.
    pub(super) unsafe fn fill(&self, structure: &[u8]) {
        if !self.at.is_null() && self.has_room_for(structure) {
            // SAFETY: it is not NULL, and the structure fits into the room for which the caller vouches.
            unsafe { copy(structure, self.at.cast()) };
        }
    }
}

/// Copies bytes into a caller's buffer.
///
/// # Safety
/// `buffer` must have room for all of them.
pub(super) unsafe fn copy(bytes: &[u8], buffer: *mut c_void) {
    // SAFETY: the caller vouches for the room; memory that Rust lends as a slice is none that a C caller gave for writing.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast(), bytes.len()) };
}

/// Copies bytes into new memory of `malloc`; NULL where there is none.
fn allocate(bytes: &[u8]) -> *mut c_void {
    // SAFETY: malloc has no preconditions.
    let memory = unsafe { libc::malloc(bytes.len()) };
    if !memory.is_null() {
        // SAFETY: it has just been allocated with room for all bytes.
        unsafe { copy(bytes, memory) };
    }
    memory
}

/// Stores a table in memory of its own, which has the size of the table's type at least, and the address of that.
///
/// # Safety
/// A pointer can be written to `place`.
pub(super) unsafe fn store_table(
    table: Vec<u8>,
    shape: TableShape,
    place: *mut *mut c_void,
) -> u32 {
    let memory = allocate(&shape.whole_type(table));
    if memory.is_null() {
        return Code::NOT_ENOUGH_MEMORY.0;
    }
    // SAFETY: the caller vouches for the place.
    unsafe { write_at(place, 0, memory) };
    NO_ERROR
}

/// Frees memory of `malloc`.
///
/// # Safety
/// `memory` must be NULL or come from [`allocate`], and not be used afterwards.
pub(super) unsafe fn release(memory: *mut c_void) {
    // SAFETY: the caller vouches for it.
    unsafe { libc::free(memory) };
}

/// Fills a buffer by the size protocol of IP Helper: the bytes and their number where they fit, else the needed size
/// and `ERROR_INSUFFICIENT_BUFFER`.
///
/// # Safety
/// `size` must be NULL or point to a number, and `buffer` be NULL or have that many bytes of room.
pub(super) unsafe fn deliver(
    buffer: *mut c_void,
    size: *mut u32,
    make: impl FnOnce() -> Result<Vec<u8>, Code>,
) -> u32 {
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
    // SAFETY: the caller vouches for `room` bytes, and `needed` are no more.
    unsafe { copy(&image, buffer) };
    NO_ERROR
}

/// Fills a buffer with a table by the size protocol of IP Helper, which is generous with sizes: the size that is answered
/// for a buffer which is too small has room for rows to come, and no buffer that is smaller than the table's type is
/// filled. After success the size is that of the table.
///
/// `read` is told for how many rows there is room; `None` where the table is not to be read, only counted.
///
/// # Safety
/// As for [`deliver`].
pub(super) unsafe fn deliver_table(
    buffer: *mut c_void,
    size: *mut u32,
    shape: TableShape,
    read: impl FnOnce(Option<usize>) -> Result<TableAnswer, Code>,
) -> u32 {
    if size.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    // SAFETY: it is not NULL, and the caller vouches for a number there.
    let bytes = unsafe { size.read_unaligned() } as usize;
    let room = if buffer.is_null() {
        None
    } else {
        shape.rows_in(bytes)
    };
    let (answered, table) = match guarded_result(|| read(room)) {
        Err(code) => return code.0,
        Ok(TableAnswer::Table(table)) => (table.len(), Some(shape.whole_type(table))),
        Ok(TableAnswer::Rows(rows)) => (shape.with_slack(rows), None),
    };
    let Ok(answered) = u32::try_from(answered) else {
        return Code::NOT_ENOUGH_MEMORY.0;
    };
    // SAFETY: as above.
    unsafe { size.write_unaligned(answered) };
    let Some(table) = table.filter(|table| room.is_some() && table.len() <= bytes) else {
        return Code::INSUFFICIENT_BUFFER.0;
    };
    // SAFETY: there is a buffer, the caller vouches for `bytes` in it, and the table has no more.
    unsafe { copy(&table, buffer) };
    NO_ERROR
}

/// Copies as much of a text as fits, cut at a whole character, with its final zero.
///
/// # Safety
/// `buffer` must be NULL or have `size` bytes of room.
pub(super) unsafe fn deliver_text(text: &str, buffer: *mut c_void, size: usize) {
    if buffer.is_null() || size == 0 {
        return;
    }
    let length = cut(text, size - 1);
    // SAFETY: the caller vouches for `size` bytes, and `length` is less.
    unsafe {
        copy(&text.as_bytes()[..length], buffer);
        buffer.cast::<u8>().add(length).write(0);
    }
}

/// Runs what yields a code; a panic yields `ERROR_GEN_FAILURE`.
pub(super) fn guarded(body: impl FnOnce() -> u32) -> u32 {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Code::GEN_FAILURE.0)
}

/// Runs what yields a value or a code; a panic yields `ERROR_GEN_FAILURE`.
pub(super) fn guarded_result<T>(body: impl FnOnce() -> Result<T, Code>) -> Result<T, Code> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Code::GEN_FAILURE))
}

/// Copies a text with its final zero into a field, cut at a whole character.
pub(super) fn fill(field: &mut [u8], text: &str) {
    let length = cut(text, field.len() - 1);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
    field[length] = 0;
}

/// Returns how many bytes of a text fit without splitting a character.
pub(super) fn cut(text: &str, room: usize) -> usize {
    (0..=room.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0)
}
