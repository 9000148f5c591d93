//! DLLs of Wine, edited as bytes: exports become forwarders to another DLL.
//!
//! The format is Microsoft's "PE Format"; the mark of Wine's own DLLs is that of its `winebuild`. Nothing here reads or
//! writes a file.

mod bytes;
mod error;
mod exports;
mod headers;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use error::PeError;
pub use headers::Machine;

use bytes::{put, put_u32};
use exports::Exports;
use headers::{Headers, SECTION};

/// The name of the section that is added (`IMAGE_SECTION_HEADER.Name`).
const ADDED: [u8; 8] = *b".tcpentr";
/// The place of Wine's mark, in the header of DOS.
const MARK_AT: usize = 0x40;
/// The mark by which Wine knows its own DLLs: it prefers those of its own folder to any copy that has it.
const MARK: &[u8] = b"Wine builtin DLL";
/// `IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ`
const READ_ONLY_DATA: u32 = 0x4000_0040;

/// Returns the processor that a DLL is made for.
///
/// # Errors
/// Whatever is wrong with its headers.
pub fn machine(image: &[u8]) -> Result<Machine, PeError> {
    Headers::read(image).map(|headers| headers.machine)
}

/// Returns true where [`forward_exports`] has made these bytes.
pub fn is_forwarded(image: &[u8]) -> bool {
    Headers::read(image).is_ok_and(|headers| headers.has_section(ADDED))
}

/// Returns the names of the exports that are forwarders to the export of the same name of another DLL (`module`, without
/// `.dll`).
///
/// # Errors
/// Whatever is wrong with the file.
pub fn forwarded_exports(image: &[u8], module: &str) -> Result<Vec<String>, PeError> {
    let headers = Headers::read(image)?;
    Ok(Exports::read(image, &headers)?.forwarded(module))
}

/// Returns the note that [`forward_exports`] was given for this copy.
///
/// # Errors
/// `Truncated` for a copy without one, and whatever is wrong with the file.
pub fn note(image: &[u8]) -> Result<String, PeError> {
    let headers = Headers::read(image)?;
    let (start, size) = headers.exports;
    let end = start.checked_add(size).ok_or(PeError::TooLarge)?;
    let text = exports::text(headers.bytes_at(image, end)?)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Makes a copy of a DLL of Wine in which each export of these names is a forwarder to the export of the same name of another
/// DLL (`module`, without `.dll`), and which counts as native. All other exports, forwarders and ordinals stay.
///
/// The export directory moves into a section of its own at the end of the file, since a forwarder has to lie in it; the note
/// lies behind it.
///
/// # Errors
/// `NotWine` without Wine's mark, `Edited` for what this function has made, `NoSuchExport` for a name that is not exported,
/// `NoRoom` where the table of sections has no room for one more; and whatever is wrong with the file.
pub fn forward_exports(
    image: &[u8],
    module: &str,
    names: &[&str],
    note: &str,
) -> Result<Vec<u8>, PeError> {
    let headers = Headers::read(image)?;
    if headers.has_section(ADDED) {
        return Err(PeError::Edited);
    }
    let has_mark = image.get(MARK_AT..MARK_AT + MARK.len()) == Some(MARK);
    if !has_mark || headers.start < MARK_AT + MARK.len() {
        return Err(PeError::NotWine);
    }
    if headers.is_signed {
        return Err(PeError::Signed);
    }
    let header_at = headers.free_header(image)?;
    let mut exports = Exports::read(image, &headers)?;
    for name in names {
        exports.forward(name, &format!("{module}.{name}"))?;
    }
    let address = headers.end_of_image()?;
    let directory = exports.write(address)?;
    let length = |it: usize| u32::try_from(it).map_err(|_| PeError::TooLarge);
    let exports_size = length(directory.len())?;
    let mut section = directory;
    section.extend(note.bytes().filter(|byte| *byte != 0));
    section.push(0);
    let size = length(section.len())?;
    let end = address
        .checked_add(size)
        .and_then(|end| end.checked_next_multiple_of(headers.section_alignment))
        .ok_or(PeError::TooLarge)?;

    let mut edited = image.to_vec();
    let alignment = headers.file_alignment as usize;
    edited.resize(edited.len().next_multiple_of(alignment), 0);
    let offset = length(edited.len())?;
    edited.extend_from_slice(&section);
    edited.resize(edited.len().next_multiple_of(alignment), 0);
    let stored = length(edited.len())? - offset;

    let mut header = [0; SECTION];
    header[..ADDED.len()].copy_from_slice(&ADDED);
    for (at, value) in [
        (8, size),
        (12, address),
        (16, stored),
        (20, offset),
        (36, READ_ONLY_DATA),
    ] {
        put_u32(&mut header, at, value)?;
    }
    put(&mut edited, header_at, &header)?;
    headers.count_section(&mut edited)?;
    headers.set_size(&mut edited, end)?;
    headers.set_exports(&mut edited, address, exports_size)?;
    put(&mut edited, MARK_AT, &[0; MARK.len()])?;
    Ok(edited)
}
