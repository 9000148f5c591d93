//! The structures of the headers, and the values that stand in them.
#![deny(unsafe_code)]

use std::ffi::c_int;

use super::boundary::fill;
use crate::code::Code;
use crate::detail::Detail;
use crate::owner::RowOwner;
use crate::rows::Order;

/// `DWORD`
pub(super) type Dword = u32;
/// `BOOL`
pub(super) type Bool = c_int;

/// Converts the parameter that asks for sorted rows.
pub(super) fn order_of(flag: Bool) -> Order {
    if flag == 0 {
        Order::AsRetrieved
    } else {
        Order::Sorted
    }
}

/// `TCPENTRY_ID` of the header: an identity as text.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Id {
    pub(super) text: [u8; ID],
}

impl Id {
    pub(super) fn new(word: &str) -> Self {
        let mut id = Self { text: [0; ID] };
        fill(&mut id.text, word);
        id
    }

    /// Returns its text, where it is valid.
    pub(super) fn word(&self) -> Option<&str> {
        let length = self.text.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&self.text[..length]).ok()
    }
}

/// `TCPENTRY_RESULT` of the header.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct DeletionResult {
    pub(super) code: Dword,
    outcome: Dword,
    method: Dword,
    error: c_int,
}

impl DeletionResult {
    /// The result of items that a batch did not reach.
    pub(super) const UNKNOWN: Self = Self {
        code: Code::GEN_FAILURE.0,
        outcome: Detail::FAILED,
        method: 0,
        error: 0,
    };

    pub(super) fn of(detail: &Detail) -> Self {
        Self {
            code: detail.code,
            outcome: detail.outcome,
            method: detail.method,
            error: detail.errno,
        }
    }
}

/// `TCPENTRY_DETAIL` of the header.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LastDetail {
    result: DeletionResult,
    text: [u8; TEXT],
}

impl LastDetail {
    pub(super) fn of(detail: &Detail) -> Self {
        let mut last = Self {
            result: DeletionResult::of(detail),
            text: [0; TEXT],
        };
        fill(&mut last.text, &detail.text);
        last
    }
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

/// `MIB_UDPROW_OWNER_MODULE`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct UdpOwnerModuleRow {
    end: [Dword; 2],
    pid: Dword,
    padding: Dword,
    created: i64,
    flags: Dword,
    padding_of_info: Dword,
    info: [u64; 16],
}

/// `MIB_UDP6ROW_OWNER_MODULE`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct UdpOwnerModule6Row {
    end: [Dword; 6],
    pid: Dword,
    padding: Dword,
    created: i64,
    flags: Dword,
    padding_of_info: Dword,
    info: [u64; 16],
}

impl From<OwnerModuleRow> for RowOwner {
    fn from(row: OwnerModuleRow) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

impl From<OwnerModule6Row> for RowOwner {
    fn from(row: OwnerModule6Row) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

impl From<UdpOwnerModuleRow> for RowOwner {
    fn from(row: UdpOwnerModuleRow) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

impl From<UdpOwnerModule6Row> for RowOwner {
    fn from(row: UdpOwnerModule6Row) -> Self {
        Self {
            pid: row.pid,
            started: row.info[0],
        }
    }
}

/// `TCPENTRY_ID_SIZE`: the longest identity has 190 bytes.
pub(super) const ID: usize = 256;
/// `TCPENTRY_TEXT_SIZE`
const TEXT: usize = 512;

const _: () = {
    assert!(size_of::<OwnerModuleRow>() == 160);
    assert!(size_of::<OwnerModule6Row>() == 192);
    assert!(size_of::<UdpOwnerModuleRow>() == 160);
    assert!(size_of::<UdpOwnerModule6Row>() == 176);
    assert!(size_of::<DeletionResult>() == 16);
    assert!(size_of::<LastDetail>() == 16 + TEXT);
};
