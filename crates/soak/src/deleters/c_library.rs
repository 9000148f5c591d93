//! Through the C library: its exported functions, called as C does. All unsafe code of the soak.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::net::SocketAddr;

use iphlpapi::exports;
use tcpentry::Connection;
use tcpentry::set_entry::{Tcp6Row, TcpRow};

use super::hand::{Hand, by_pair};
use crate::terms::{By, How, Report};

pub(super) fn act(hand: &mut Hand<'_>, how: How) {
    let (world, deleter) = (hand.world, hand.number);
    match how {
        How::Fresh | How::Stale | How::Filter => {
            // It has no filters.
            let how = if how == How::Filter { How::Fresh } else { how };
            let rows = hand.rows(how);
            let origin = hand.table.origin().expect("this machine has a boot id");
            let identities: Vec<Id> = rows
                .iter()
                .map(|row| Id::of(&origin.identity(row).to_string()))
                .collect();
            world.oracle.during(deleter, || {
                hand.name(&rows);
                if hand.random.one_in(2) {
                    for (row, id) in rows.iter().zip(&identities) {
                        hand.record(how, row, &delete_id(id));
                    }
                } else {
                    tell_batch(hand, how, &rows, &identities);
                }
            });
        }
        How::Pair => {
            for _ in 0..20 {
                let (owner, slot, side) = hand.tuple();
                let tuple = &world.tuples[owner].all[slot];
                let [local, peer] = tuple.ends(side);
                world.oracle.during(deleter, || {
                    by_pair(&world.oracle, By::CLibrary, tuple, side, || {
                        (set_entry(local, peer), None)
                    });
                });
            }
        }
    }
}

/// `TCPENTRY_ID`
#[repr(C)]
struct Id {
    text: [u8; 256],
}

impl Id {
    fn of(word: &str) -> Self {
        let mut text = [0; 256];
        text[..word.len()].copy_from_slice(word.as_bytes());
        Self { text }
    }
}

/// `TCPENTRY_RESULT`
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct DeletionResult {
    code: u32,
    outcome: u32,
    method: u32,
    error: c_int,
}

/// `TCPENTRY_DETAIL`
#[repr(C)]
struct Detail {
    result: DeletionResult,
    text: [u8; 512],
}

fn tell_batch(hand: &Hand<'_>, how: How, rows: &[Connection], identities: &[Id]) {
    let mut outcomes = vec![DeletionResult::default(); rows.len()];
    let count = u32::try_from(rows.len()).expect("a table is small");
    // SAFETY: both arrays have `count` elements of the layouts in the header, whose sizes are compared below.
    unsafe {
        exports::tcpentry_delete_batch(
            IDS,
            identities.as_ptr().cast(),
            count,
            outcomes.as_mut_ptr().cast(),
        );
    }
    for (row, outcome) in rows.iter().zip(&outcomes) {
        hand.record(how, row, &report(outcome.code, *outcome, "in a batch"));
    }
}

fn delete_id(id: &Id) -> Report {
    // SAFETY: it has the layout in the header, whose size is compared below, and whatever bytes it holds are looked at
    // within that size.
    let code = unsafe { exports::tcpentry_delete_id(std::ptr::from_ref(id).cast()) };
    last(code)
}

fn set_entry(local: SocketAddr, peer: SocketAddr) -> Report {
    let code = match (local, peer) {
        (SocketAddr::V4(local), SocketAddr::V4(peer)) => {
            let row = TcpRow::deleting(local, peer);
            // SAFETY: the pointer is to a row, which is alive until after the call.
            unsafe { exports::SetTcpEntry(&raw const row) }
        }
        (SocketAddr::V6(local), SocketAddr::V6(peer)) => {
            let row = Tcp6Row::deleting(local, peer);
            // SAFETY: as above.
            unsafe { exports::SetTcp6Entry(&raw const row) }
        }
        _ => unreachable!("the ends of a tuple are of one family"),
    };
    last(code)
}

/// Returns the report that a code stands for: 317 has several causes.
fn last(code: u32) -> Report {
    let mut detail = Detail {
        result: DeletionResult::default(),
        text: [0; 512],
    };
    // SAFETY: it has the layout in the header, whose size is compared below, and is alive until after the call.
    unsafe { exports::tcpentry_last_detail((&raw mut detail).cast()) };
    let end = detail.text.iter().position(|&byte| byte == 0);
    let text = String::from_utf8_lossy(&detail.text[..end.unwrap_or(0)]);
    report(code, detail.result, &text)
}

fn report(code: u32, detail: DeletionResult, text: &str) -> Report {
    match (code, detail.outcome) {
        (0, DELETED) => Report::Deleted,
        (317, GONE) => Report::Gone,
        (code, outcome) => {
            let (method, error) = (detail.method, detail.error);
            Report::Other(format!(
                "code {code}, outcome {outcome}, method {method}, errno {error}: {text}"
            ))
        }
    }
}

/// `TCPENTRY_IDS`, `TCPENTRY_DELETED`, `TCPENTRY_GONE`
const IDS: c_int = 2;
const DELETED: u32 = 0;
const GONE: u32 = 2;

const _: () = {
    assert!(size_of::<Id>() == size_of::<exports::Id>());
    assert!(size_of::<DeletionResult>() == size_of::<exports::DeletionResult>());
    assert!(size_of::<Detail>() == size_of::<exports::LastDetail>());
};
