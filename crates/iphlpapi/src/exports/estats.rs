//! The extended statistics of connections.

use std::ffi::c_int;

use tcpentry::set_entry::{Tcp6Row, TcpRow};
use tcpentry::{Error, Pair};

use super::boundary::{OptionalBuffer, guarded, read, read_bytes};
use super::structs::Dword;
use crate::code::{Code, NO_ERROR};
use crate::estats::{self, EstatsKind};
use crate::family::Family;

/// Copies extended statistics of an IPv4 connection: `GetPerTcpConnectionEStats(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetPerTcpConnectionEStats(
    row: *const TcpRow,
    kind: c_int,
    rw: *mut u8,
    rw_version: Dword,
    rw_size: Dword,
    ros: *mut u8,
    ros_version: Dword,
    ros_size: Dword,
    rod: *mut u8,
    rod_version: Dword,
    rod_size: Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) }.map(|row| (Family::V4, Ok(row.pair())));
    let buffers = [(rw, rw_size), (ros, ros_size), (rod, rod_size)].map(OptionalBuffer::from);
    let versions = [rw_version, ros_version, rod_version];
    // SAFETY: the caller vouches for the buffers and their sizes.
    unsafe { get(row, kind, versions, buffers) }
}

/// Copies extended statistics of an IPv6 connection: `GetPerTcp6ConnectionEStats(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetPerTcp6ConnectionEStats(
    row: *const Tcp6Row,
    kind: c_int,
    rw: *mut u8,
    rw_version: Dword,
    rw_size: Dword,
    ros: *mut u8,
    ros_version: Dword,
    ros_size: Dword,
    rod: *mut u8,
    rod_version: Dword,
    rod_size: Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) }.map(|row| (Family::V6, row.pair()));
    let buffers = [(rw, rw_size), (ros, ros_size), (rod, rod_size)].map(OptionalBuffer::from);
    let versions = [rw_version, ros_version, rod_version];
    // SAFETY: the caller vouches for the buffers and their sizes.
    unsafe { get(row, kind, versions, buffers) }
}

/// Switches extended statistics of an IPv4 connection on, which they are: `SetPerTcpConnectionEStats(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetPerTcpConnectionEStats(
    row: *const TcpRow,
    kind: c_int,
    rw: *const u8,
    version: Dword,
    size: Dword,
    offset: Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) }.map(|row| (Family::V4, Ok(row.pair())));
    // SAFETY: the caller vouches for `size` bytes.
    unsafe { set(row, kind, rw, size, [version, offset]) }
}

/// Switches extended statistics of an IPv6 connection on, which they are: `SetPerTcp6ConnectionEStats(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetPerTcp6ConnectionEStats(
    row: *const Tcp6Row,
    kind: c_int,
    rw: *const u8,
    version: Dword,
    size: Dword,
    offset: Dword,
) -> Dword {
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) }.map(|row| (Family::V6, row.pair()));
    // SAFETY: the caller vouches for `size` bytes.
    unsafe { set(row, kind, rw, size, [version, offset]) }
}

/// The ends that a row names.
type RowEnds = (Family, Result<Pair, Error>);

/// Copies the structures of a kind into the buffers that there are.
///
/// # Safety
/// Each buffer must be NULL or have as many bytes of room as it says.
unsafe fn get(
    row: Option<RowEnds>,
    kind: c_int,
    versions: [Dword; 3],
    buffers: [OptionalBuffer; 3],
) -> Dword {
    let (Some((family, pair)), Some(kind)) = (row, EstatsKind::from_number(kind)) else {
        return Code::INVALID_PARAMETER.0;
    };
    if versions != [0; 3] {
        return Code::NOT_SUPPORTED.0;
    }
    if buffers.iter().any(OptionalBuffer::is_missing) {
        return Code::INVALID_USER_BUFFER.0;
    }
    guarded(|| {
        let read = estats::require(family).and_then(|()| estats::read(pair, kind));
        let structures = match read {
            Ok(structures) => [structures.rw, structures.ros, structures.rod],
            Err(code) => return code.0,
        };
        let pairs = || buffers.iter().zip(&structures);
        if pairs().any(|(buffer, structure)| !buffer.has_room_for(structure)) {
            return Code::INSUFFICIENT_BUFFER.0;
        }
        for (buffer, structure) in pairs() {
            // SAFETY: the caller vouches for the buffer.
            unsafe { buffer.fill(structure) };
        }
        NO_ERROR
    })
}

/// Checks what a caller wants to set; nothing has to be done.
///
/// # Safety
/// `rw` must be NULL or point to `size` readable bytes.
unsafe fn set(
    row: Option<RowEnds>,
    kind: c_int,
    rw: *const u8,
    size: Dword,
    version_and_offset: [Dword; 2],
) -> Dword {
    let Some((family, pair)) = row else {
        // The published page has it so.
        return if size == 0 {
            Code::INVALID_PARAMETER.0
        } else {
            Code::INVALID_USER_BUFFER.0
        };
    };
    let Some(kind) = EstatsKind::from_number(kind).filter(|kind| *kind != EstatsKind::SynOpts)
    else {
        return Code::INVALID_PARAMETER.0;
    };
    if version_and_offset != [0; 2] {
        return Code::NOT_SUPPORTED.0;
    }
    let wanted = kind.switches().len();
    if rw.is_null() && size == 0 {
        return Code::INVALID_PARAMETER.0;
    }
    if rw.is_null() || (size as usize) < wanted {
        return Code::INVALID_USER_BUFFER.0;
    }
    // SAFETY: it is not NULL, and the caller vouches for `size` bytes, which are no fewer.
    let switches = unsafe { read_bytes(rw, wanted) };
    guarded(|| {
        let checked = estats::require(family)
            .and_then(|()| estats::find(pair))
            .and_then(|_| kind.check_switches(&switches));
        checked.map_or_else(|code| code.0, |()| NO_ERROR)
    })
}
