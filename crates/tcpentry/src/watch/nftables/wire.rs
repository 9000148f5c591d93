//! Messages of nf_tables as they are on the wire: `linux/netfilter/nf_tables.h`.

use crate::netlink::{Payload, Question};

/// Makes the question for one set, for all sets, or for the elements of one.
pub(super) fn question(kind: u16, family: u8, names: Option<[(u16, &str); 2]>) -> Question {
    // struct nfgenmsg: family, version, resource id.
    let mut body = Payload::of(&[family, 0, 0, 0]);
    for (attribute, name) in names.into_iter().flatten() {
        body.attribute(attribute, &[name.as_bytes(), &[0]].concat());
    }
    Question {
        kind: message(kind),
        is_dump: kind == GETSETELEM || names.is_none(),
        body,
    }
}

/// Splits a message into its kind, its family and its attributes; `None` of what is none of nf_tables.
pub(super) fn split(kind: u16, body: &[u8]) -> Option<(u16, u8, &[u8])> {
    let (header, attributes) = body.split_first_chunk::<NFGENMSG>()?;
    (kind >> 8 == NFNL_SUBSYS_NFTABLES).then_some((kind & 0xff, header[0], attributes))
}

/// Reads a name, which ends with a zero. One that is not UTF-8 is no name here.
pub(super) fn name(value: &[u8]) -> Option<&str> {
    let length = value.iter().position(|byte| *byte == 0);
    let value = value.get(..length.unwrap_or(value.len()))?;
    std::str::from_utf8(value).ok()
}

pub(super) fn be32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

pub(super) fn be64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// Returns the type of a message: the subsystem is its upper byte.
pub(super) const fn message(kind: u16) -> u16 {
    NFNL_SUBSYS_NFTABLES << 8 | kind
}

/// `linux/netfilter/nfnetlink.h`
const NFNL_SUBSYS_NFTABLES: u16 = 10;
/// The group `NFNLGRP_NFTABLES`, which is 7, as a bit.
pub(super) const NFTABLES_GROUP: u32 = 1 << 6;
const NFGENMSG: usize = 4;

pub(super) const DELTABLE: u16 = 2;
pub(super) const NEWSET: u16 = 9;
pub(super) const GETSET: u16 = 10;
pub(super) const DELSET: u16 = 11;
pub(super) const NEWSETELEM: u16 = 12;
pub(super) const GETSETELEM: u16 = 13;
pub(super) const DELSETELEM: u16 = 14;
/// The end of a transaction.
pub(super) const NEWGEN: u16 = 15;

pub(super) const TABLE_NAME: u16 = 1;

pub(super) const SET_TABLE: u16 = 1;
pub(super) const SET_NAME: u16 = 2;
pub(super) const SET_FLAGS: u16 = 3;
pub(super) const SET_KEY_TYPE: u16 = 4;
pub(super) const SET_KEY_LEN: u16 = 5;
pub(super) const SET_HANDLE: u16 = 16;

pub(super) const SET_ANONYMOUS: u32 = 0x1;
pub(super) const SET_CONSTANT: u32 = 0x2;
pub(super) const SET_INTERVAL: u32 = 0x4;
pub(super) const SET_MAP: u32 = 0x8;
pub(super) const SET_TIMEOUT: u32 = 0x10;
pub(super) const SET_EVAL: u32 = 0x20;
pub(super) const SET_OBJECT: u32 = 0x40;
pub(super) const SET_CONCAT: u32 = 0x80;

pub(super) const ELEMENTS_TABLE: u16 = 1;
pub(super) const ELEMENTS_SET: u16 = 2;
pub(super) const ELEMENTS: u16 = 3;

pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_FLAGS: u16 = 3;
pub(super) const ELEMENT_TIMEOUT: u16 = 4;
pub(super) const ELEMENT_EXPIRATION: u16 = 5;
pub(super) const ELEMENT_KEY_END: u16 = 10;
pub(super) const DATA_VALUE: u16 = 1;

pub(super) const ELEMENT_INTERVAL_END: u32 = 0x1;
pub(super) const ELEMENT_CATCHALL: u32 = 0x2;

/// The kernel has no longer names (`NFT_NAME_MAXLEN`, with the zero).
pub(super) const NAME_MAX: usize = 255;
