//! Little-endian numbers at offsets, with the ends of the file checked.

use super::error::PeError;

/// Returns these many bytes.
pub(super) fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], PeError> {
    let end = at.checked_add(length).ok_or(PeError::Truncated)?;
    bytes.get(at..end).ok_or(PeError::Truncated)
}

/// Returns a `WORD`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, PeError> {
    let two = slice(bytes, at, 2)?;
    Ok(u16::from_le_bytes([two[0], two[1]]))
}

/// Returns a `DWORD`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, PeError> {
    let four = slice(bytes, at, 4)?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Overwrites bytes.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Result<(), PeError> {
    let end = at.checked_add(value.len()).ok_or(PeError::Truncated)?;
    let place = bytes.get_mut(at..end).ok_or(PeError::Truncated)?;
    place.copy_from_slice(value);
    Ok(())
}

/// Overwrites a `DWORD`.
pub(super) fn put_u32(bytes: &mut [u8], at: usize, value: u32) -> Result<(), PeError> {
    put(bytes, at, &value.to_le_bytes())
}
