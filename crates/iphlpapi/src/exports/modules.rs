//! The programs that own rows.

use std::ffi::{c_int, c_void};

use super::boundary::{deliver, read};
use super::structs::{
    Dword, OwnerModule6Row, OwnerModuleRow, UdpOwnerModule6Row, UdpOwnerModuleRow,
};
use crate::code::Code;
use crate::module;
use crate::owner::RowOwner;

/// Describes the owner of an IPv4 row: `GetOwnerModuleFromTcpEntry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcpEntry(
    row: *const OwnerModuleRow,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller vouches for the row, and for the buffer and its size.
    unsafe { get_module(row, class, buffer, size) }
}

/// Describes the owner of an IPv6 row: `GetOwnerModuleFromTcp6Entry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromTcp6Entry(
    row: *const OwnerModule6Row,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller vouches for the row, and for the buffer and its size.
    unsafe { get_module(row, class, buffer, size) }
}

/// Describes the owner of an IPv4 row of UDP: `GetOwnerModuleFromUdpEntry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromUdpEntry(
    row: *const UdpOwnerModuleRow,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller vouches for the row, and for the buffer and its size.
    unsafe { get_module(row, class, buffer, size) }
}

/// Describes the owner of an IPv6 row of UDP: `GetOwnerModuleFromUdp6Entry(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOwnerModuleFromUdp6Entry(
    row: *const UdpOwnerModule6Row,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    // SAFETY: the caller vouches for the row, and for the buffer and its size.
    unsafe { get_module(row, class, buffer, size) }
}

/// Fills a caller's buffer with the module of the process that owns a row.
///
/// # Safety
/// `row` must be NULL or point to a row, `size` must be NULL or point to a number, and `buffer` be NULL or have that many bytes of room.
unsafe fn get_module<R: Copy + Into<RowOwner>>(
    row: *const R,
    class: c_int,
    buffer: *mut c_void,
    size: *mut Dword,
) -> Dword {
    const BASIC: c_int = 0;
    // SAFETY: the caller gives NULL or a row, which is copied here.
    let row = unsafe { read(row) };
    let Some(owner) = row.filter(|_| class == BASIC).map(R::into) else {
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
