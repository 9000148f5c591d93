//! The boundary to C: rows, identities and buffers of any content and size.
//!
//! What a row names is deleted, so this runs in a network namespace of its own, in which there are some listeners and no
//! connection, or not at all.
#![no_main]

use std::ffi::{c_int, c_void};
use std::net::TcpListener;
use std::ptr;

use iphlpapi::exports::*;

libfuzzer_sys::fuzz_target!(
    init: leave_the_network(),
    |data: &[u8]| call(data)
);

/// Before any thread is started, so that there is none that has not left.
fn leave_the_network() {
    // SAFETY: it touches no memory, and this process has a single thread.
    let left = unsafe {
        libc::unshare(libc::CLONE_NEWNET) == 0
            || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
    };
    assert!(left, "no network namespace can be made here");
    // Another one inside, with a small hash table of its own: every walk goes through all of it. Where that is refused it is
    // slower (30 inputs a second with the table of a machine).
    if std::fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", "1024").is_ok() {
        // SAFETY: as above.
        let left = unsafe { libc::unshare(libc::CLONE_NEWNET) == 0 };
        assert!(left, "no second network namespace can be made here");
    }
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("proc");
    assert_eq!(table.lines().count(), 1, "it is empty");
    for end in ["0.0.0.0:80", "0.0.0.0:81", "[::]:443"] {
        // It listens as long as the process lives.
        std::mem::forget(TcpListener::bind(end).expect("a listener"));
    }
}

/// The input, byte by byte; zeros behind its end.
struct Input<'d>(&'d [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// A buffer as long as it says, at any address; its neighbours belong to nobody.
struct Buffer {
    bytes: Vec<u8>,
    skew: usize,
}

impl Buffer {
    fn new(input: &mut Input<'_>) -> (Self, u32) {
        let skew = usize::from(input.byte() % 8);
        let size = input.word() % 5000;
        let bytes = vec![0x5a; skew + size as usize];
        (Self { bytes, skew }, size)
    }

    /// Those of the input, copied to where nothing is behind them.
    fn of(input: &mut Input<'_>, size: usize) -> Self {
        let skew = usize::from(input.byte() % 8);
        let mut bytes = vec![0x5a; skew];
        bytes.extend(input.bytes(size));
        bytes.shrink_to_fit();
        Self { bytes, skew }
    }

    fn at<T>(&mut self) -> *mut T {
        self.bytes[self.skew..].as_mut_ptr().cast()
    }
}

/// The first byte says which function is called.
fn call(data: &[u8]) {
    let mut input = Input(data);
    let function = input.byte() % 16;
    // SAFETY: each pointer is NULL, or points to as many bytes as the header demands or the size beside it says; the
    // sanitizer watches over it.
    unsafe {
        let codes = match function {
            0 => SetTcpEntry(Buffer::of(&mut input, 20).at()),
            1 => SetTcp6Entry(Buffer::of(&mut input, 52).at()),
            2..=6 => {
                let order = c_int::from(input.byte() & 1);
                let (family, class) = (input.word(), input.word().cast_signed());
                let (mut buffer, mut size) = Buffer::new(&mut input);
                let table: *mut c_void = if size == 0 {
                    ptr::null_mut()
                } else {
                    buffer.at()
                };
                let (room, at) = (size, &raw mut size);
                let code = match function {
                    2 => GetTcpTable(table, at, order),
                    3 => GetTcpTable2(table, at, order),
                    4 => GetTcp6Table(table, at, order),
                    5 => GetTcp6Table2(table, at, order),
                    _ => GetExtendedTcpTable(table, at, order, family % 32, class % 16, 0),
                };
                assert!(code != 0 || size <= room);
                code
            }
            7 => {
                let mut table = ptr::null_mut();
                let family = input.word() % 32;
                let order = c_int::from(input.byte() & 1);
                let to = &raw mut table;
                let code = AllocateAndGetTcpExTableFromStack(to, order, ptr::null_mut(), 0, family);
                tcpentry_free(table);
                code
            }
            8 => {
                let family = input.word() % 32;
                GetTcpStatisticsEx(Buffer::of(&mut input, 60).at(), family)
            }
            9 | 10 => {
                let class = input.word().cast_signed() % 3;
                let (mut buffer, mut size) = Buffer::new(&mut input);
                let to = buffer.at();
                let at = &raw mut size;
                if function == 9 {
                    GetOwnerModuleFromTcpEntry(Buffer::of(&mut input, 160).at(), class, to, at)
                } else {
                    GetOwnerModuleFromTcp6Entry(Buffer::of(&mut input, 192).at(), class, to, at)
                }
            }
            11 => {
                let mut id = Buffer::of(&mut Input(&[]), 256);
                tcpentry_identify(Buffer::of(&mut input, 20).at(), id.at())
            }
            12 => {
                let mut id = Buffer::of(&mut Input(&[]), 256);
                tcpentry_identify6(Buffer::of(&mut input, 52).at(), id.at())
            }
            13 => tcpentry_delete_id(Buffer::of(&mut input, 256).at()),
            14 => {
                let kind = c_int::from(input.byte() % 5) - 1;
                let count = u32::from(input.byte() % 9);
                let size = [20, 20, 52, 256, 256][usize::try_from(kind + 1).expect("from 0")];
                let mut results = Buffer::of(&mut Input(&[]), 16 * count as usize);
                let mut items = Buffer::of(&mut input, size * count as usize);
                tcpentry_delete_batch(kind, items.at(), count, results.at())
            }
            _ => {
                let (mut buffer, size) = Buffer::new(&mut input);
                let code = input.word() % 2000;
                tcpentry_message(code, buffer.at(), size);
                0
            }
        };
        // Nothing here may be deleted, and nothing panics behind the boundary, which would give 31.
        assert!(![0, 1, 13].contains(&function) || codes != 0);
        assert_ne!(codes, 31, "function {function}");
        let mut detail = Buffer::of(&mut Input(&[]), 528);
        let known = tcpentry_last_detail(detail.at());
        assert!([0, 1168].contains(&known));
    }
}
