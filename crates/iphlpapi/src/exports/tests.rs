//! The boundary itself, on data of our own: what Miri can run.

use std::ffi::c_void;
use std::ptr;

use tcpentry::set_entry::TcpRow;

use super::boundary::{cut, deliver, deliver_table, fill, guarded, read};
use super::deletion::{IDS, ROWS};
use super::structs::{Dword, ID};
use super::*;
use crate::code::{Code, message};
use crate::rows::TableAnswer;
use crate::shape::TableShape;

/// Delivers an image into a buffer of a caller, who says how large it is. Asserts that the bytes before and behind it are not
/// touched; returns the code, the size that is needed, and the buffer.
fn delivered(room: usize, said: Dword, image: &[u8]) -> (Dword, Dword, Vec<u8>) {
    let mut buffer = vec![0x5a; room + 2];
    let mut size = [0; 5];
    size[1..].copy_from_slice(&said.to_ne_bytes());
    let at: *mut Dword = size[1..].as_mut_ptr().cast();
    // SAFETY: the size is a number behind a pointer that need not be aligned. No more than the image is written, whatever
    // the size says, and no image of these tests is longer than the buffer.
    let code = unsafe {
        deliver(buffer[1..=room].as_mut_ptr().cast(), at, || {
            Ok(image.to_vec())
        })
    };
    assert_eq!((buffer[0], buffer[room + 1]), (0x5a, 0x5a));
    let needed = Dword::from_ne_bytes(size[1..].try_into().unwrap());
    (code, needed, buffer[1..=room].to_vec())
}

#[test]
fn a_buffer_is_filled_or_left_alone() {
    let image = [1, 2, 3, 4, 5, 6, 7];
    assert_eq!(delivered(7, 7, &image), (0, 7, image.to_vec()));
    assert_eq!(delivered(7, u32::MAX, &image), (0, 7, image.to_vec()));
    for less in 0..7 {
        let (code, needed, buffer) = delivered(7, less, &image);
        assert_eq!((code, needed), (122, 7));
        assert_eq!(buffer, [0x5a; 7]);
    }
}

#[test]
fn a_table_is_delivered_into_a_buffer_that_has_room_for_its_type() {
    let shape = TableShape { first: 4, row: 8 };
    // Returns the code, the size, and the buffer of a table that has so many rows.
    let delivered = |rows: usize, said: Dword| {
        let mut buffer = [0x5a_u8; 40];
        let mut size = said;
        let to: *mut c_void = buffer.as_mut_ptr().cast();
        // SAFETY: no more is said than there is.
        let code = unsafe {
            deliver_table(to, &raw mut size, shape, |room| {
                let fits = room.is_some_and(|room| room >= rows);
                Ok(if fits {
                    TableAnswer::Table(vec![1; shape.size(rows)])
                } else {
                    TableAnswer::Rows(rows)
                })
            })
        };
        (code, size, buffer)
    };
    for less in [0, 3, 4, 11] {
        assert_eq!(delivered(0, less), (122, 4 + 8 * 8, [0x5a; 40]));
    }
    let (code, size, buffer) = delivered(0, 12);
    assert_eq!((code, size), (0, 4));
    assert_eq!(buffer[..13], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x5a]);
    let (code, size, buffer) = delivered(2, 20);
    assert_eq!((code, size, buffer[20]), (0, 20, 0x5a));
    assert_eq!(buffer[..20], [1; 20]);
    assert_eq!(delivered(2, 19), (122, 4 + 10 * 8, [0x5a; 40]));
    assert_eq!(delivered(16, 40), (122, 4 + (16 + 8 + 2) * 8, [0x5a; 40]));
}

#[test]
fn without_a_buffer_or_a_size() {
    let mut size = 100;
    // SAFETY: NULL is what both may be.
    let codes = unsafe {
        (
            deliver(ptr::null_mut(), &raw mut size, || Ok(vec![0; 9])),
            deliver(ptr::null_mut(), ptr::null_mut(), || Ok(Vec::new())),
        )
    };
    assert_eq!((codes, size), ((122, 87), 9));
}

#[test]
fn failures_and_panics_are_codes() {
    let mut size = 4;
    let mut buffer = [0_u8; 4];
    let to: *mut c_void = buffer.as_mut_ptr().cast();
    // SAFETY: the buffer has four bytes, as the size says.
    let codes = unsafe {
        (
            deliver(to, &raw mut size, || Err(Code::NOT_SUPPORTED)),
            deliver(to, &raw mut size, || panic!("on purpose")),
        )
    };
    assert_eq!((codes, size, buffer), ((50, 31), 4, [0; 4]));
    assert_eq!(guarded(|| panic!("on purpose")), 31);
}

#[test]
fn rows_are_read_from_anywhere() {
    let words: Vec<u8> = (0..=20).collect();
    // SAFETY: a row is twenty bytes, which are there, aligned or not.
    let (row, none) = unsafe {
        (
            read::<TcpRow>(words[1..].as_ptr().cast()),
            read::<TcpRow>(ptr::null()),
        )
    };
    assert_eq!(
        row.unwrap().remote_port,
        u32::from_ne_bytes([17, 18, 19, 20])
    );
    assert_eq!(none, None);
}

#[test]
fn messages_are_cut_to_the_room() {
    let whole = message(87);
    for room in 0..whole.len() + 3 {
        let mut buffer = vec![0x5a_u8; room + 1];
        let size = u32::try_from(room).unwrap();
        // SAFETY: the buffer is larger than the size that is stated.
        let length = unsafe { tcpentry_message(87, buffer.as_mut_ptr().cast(), size) };
        assert_eq!(length as usize, whole.len());
        assert_eq!(buffer[room], 0x5a);
        if room > 0 {
            let kept = whole.len().min(room - 1);
            assert_eq!(&buffer[..kept], &whole.as_bytes()[..kept]);
            assert_eq!(buffer[kept], 0);
        }
    }
    // SAFETY: NULL has no room, whatever the size says.
    let length = unsafe { tcpentry_message(87, ptr::null_mut(), 100) };
    assert_eq!(length as usize, whole.len());
}

#[test]
fn texts_are_cut_at_whole_characters() {
    let mut room = [0x5a; 6];
    fill(&mut room, "aäöü");
    assert_eq!(&room, "aäö\0".as_bytes());
    assert_eq!(cut("aäö", 2), 1);
    assert_eq!(cut("", 9), 0);
}

#[test]
fn an_identity_needs_an_end_and_to_be_text() {
    let mut id = Id { text: [b'1'; ID] };
    assert_eq!(id.word(), None);
    id.text[2] = 0;
    assert_eq!(id.word(), Some("11"));
    id.text[0] = 0xff;
    assert_eq!(id.word(), None);
}

#[test]
fn what_is_no_batch_touches_nothing() {
    let rows = [0_u8; 20];
    let mut results = [DeletionResult::UNKNOWN];
    results[0].code = 7;
    let to = results.as_mut_ptr();
    let items: *const c_void = rows.as_ptr().cast();
    // SAFETY: NULL, a count of 0 and an unknown kind are answered before anything is read.
    let answers = unsafe {
        [
            tcpentry_delete_batch(ROWS, ptr::null(), 1, to),
            tcpentry_delete_batch(ROWS, items, 1, ptr::null_mut()),
            tcpentry_delete_batch(-1, items, 1, to),
            tcpentry_delete_batch(IDS + 1, items, 1, to),
            tcpentry_delete_batch(ROWS, ptr::null(), 0, ptr::null_mut()),
        ]
    };
    assert_eq!((answers, results[0].code), ([87, 87, 87, 87, 0], 7));
}

#[test]
fn the_detail_is_copied_out() {
    let mut room = [0x5a_u8; size_of::<LastDetail>() + 2];
    let at: *mut LastDetail = room[1..].as_mut_ptr().cast();
    // SAFETY: there is room for one; it need not be aligned.
    let codes = unsafe {
        (
            tcpentry_last_detail(at),
            SetTcpEntry(ptr::null()),
            tcpentry_last_detail(at),
            tcpentry_last_detail(ptr::null_mut()),
        )
    };
    assert_eq!(codes, (1168, 87, 0, 87));
    assert_eq!(room[1..5], 87_u32.to_ne_bytes());
    assert_eq!((room[0], room[room.len() - 1]), (0x5a, 0x5a));
    assert!(room[17..].starts_with(b"pTcpRow is NULL\0"));
}
