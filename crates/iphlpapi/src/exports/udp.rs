//! The tables of UDP.

use std::ffi::{c_int, c_void};

use super::boundary::deliver_table;
use super::structs::{Bool, Dword, order_of};
use crate::code::Code;
use crate::family::Family;
use crate::rows::Layout;
use crate::udp::Udp;

/// Copies the IPv4 table of UDP: `GetUdpTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetUdpTable(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V4, Layout::Basic) }
}

/// Copies the IPv6 table of UDP: `GetUdp6Table(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetUdp6Table(table: *mut c_void, size: *mut Dword, order: Bool) -> Dword {
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, Family::V6, Layout::Basic) }
}

/// Copies a class of the table of UDP of a family: `GetExtendedUdpTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetExtendedUdpTable(
    table: *mut c_void,
    size: *mut Dword,
    order: Bool,
    family: Dword,
    class: c_int,
    _reserved: Dword,
) -> Dword {
    let layout = u32::try_from(class).ok().and_then(Udp::layout_from_number);
    let (Some(family), Some(layout)) = (Family::from_number(family), layout) else {
        return Code::INVALID_PARAMETER.0;
    };
    // SAFETY: the caller vouches for the buffer and its size.
    unsafe { get_table(table, size, order, family, layout) }
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
    layout: Layout,
) -> Dword {
    let wanted = Udp {
        family,
        layout,
        order: order_of(order),
    };
    // SAFETY: the caller vouches for it.
    unsafe { deliver_table(table, size, wanted.shape(), |room| wanted.read(room)) }
}
