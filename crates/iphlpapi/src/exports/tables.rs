//! The tables of TCP.

use std::ffi::{c_int, c_void};

use super::boundary::{deliver_table, guarded_result, release, store_table};
use super::structs::{Bool, Dword, order_of};
use crate::code::Code;
use crate::family::Family;
use crate::rows::{Layout, Order, TableAnswer};
use crate::table::{Class, Tcp};

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

/// Allocates the IPv4 table: `AllocateAndGetTcpTableFromStack(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AllocateAndGetTcpTableFromStack(
    table: *mut *mut c_void,
    order: Bool,
    _heap: *mut c_void,
    _flags: Dword,
) -> Dword {
    let wanted = Tcp {
        family: Family::V4,
        class: Class::all(Layout::Basic),
        order: order_of(order),
    };
    // SAFETY: the caller vouches for a place for a pointer.
    unsafe { allocate_table(table, Ok(wanted)) }
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
    let wanted = match Family::from_number(family) {
        None => Err(Code::INVALID_PARAMETER),
        Some(Family::V6) => Err(Code::NOT_SUPPORTED),
        Some(Family::V4) => Ok(Tcp {
            family: Family::V4,
            class: Class::all(Layout::Pid),
            order: order_of(order),
        }),
    };
    // SAFETY: the caller vouches for a place for a pointer.
    unsafe { allocate_table(table, wanted) }
}

/// Allocates the table of bound IPv4 sockets: `InternalGetBoundTcpEndpointTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InternalGetBoundTcpEndpointTable(
    table: *mut *mut c_void,
    _heap: *mut c_void,
    _flags: Dword,
) -> Dword {
    // SAFETY: the caller vouches for a place for a pointer.
    unsafe { allocate_table(table, Ok(bound(Family::V4))) }
}

/// Allocates the table of bound IPv6 sockets: `InternalGetBoundTcp6EndpointTable(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InternalGetBoundTcp6EndpointTable(
    table: *mut *mut c_void,
    _heap: *mut c_void,
    _flags: Dword,
) -> Dword {
    // SAFETY: the caller vouches for a place for a pointer.
    unsafe { allocate_table(table, Ok(bound(Family::V6))) }
}

/// Frees an allocated table: `tcpentry_free(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcpentry_free(memory: *mut c_void) {
    // SAFETY: the caller gives NULL or what a function of this file has allocated, once.
    unsafe { release(memory) }
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
    let wanted = Tcp {
        family,
        class,
        order: order_of(order),
    };
    // SAFETY: the caller vouches for it.
    unsafe { deliver_table(table, size, wanted.shape(), |room| wanted.read(room)) }
}

/// Stores a table in memory of its own, and the address of that.
///
/// # Safety
/// `table` must be NULL or a place for a pointer.
unsafe fn allocate_table(table: *mut *mut c_void, wanted: Result<Tcp, Code>) -> Dword {
    if table.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let image = guarded_result(|| {
        let wanted = wanted?;
        match wanted.read(Some(usize::MAX))? {
            TableAnswer::Table(image) => Ok((image, wanted.shape())),
            TableAnswer::Rows(_) => Err(Code::GEN_FAILURE),
        }
    });
    match image {
        // SAFETY: `table` is not NULL, and the caller vouches that a pointer can be written there.
        Ok((image, shape)) => unsafe { store_table(image, shape, table) },
        Err(code) => code.0,
    }
}

const fn bound(family: Family) -> Tcp {
    Tcp {
        family,
        class: Class::bound(Layout::Two),
        order: Order::Sorted,
    }
}
