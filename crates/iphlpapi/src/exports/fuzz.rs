//! The boundary fed with any bytes: rows, identities and buffers of any content and size.
//!
//! The sockets that rows name are deleted, so the caller must be in a network namespace of its own, with [`listeners`]
//! and no connection.

#![allow(clippy::missing_panics_doc, reason = "a panic is what it is there for")]

use std::ffi::{c_int, c_void};
use std::io;
use std::net::TcpListener;
use std::ptr;

use super::{
    AllocateAndGetTcpExTableFromStack, AllocateAndGetTcpTableFromStack, GetExtendedTcpTable,
    GetExtendedUdpTable, GetOwnerModuleFromTcp6Entry, GetOwnerModuleFromTcpEntry,
    GetOwnerModuleFromUdp6Entry, GetOwnerModuleFromUdpEntry, GetPerTcp6ConnectionEStats,
    GetPerTcpConnectionEStats, GetTcp6Table, GetTcp6Table2, GetTcpStatisticsEx,
    GetTcpStatisticsEx2, GetTcpTable, GetTcpTable2, GetUdp6Table, GetUdpStatisticsEx, GetUdpTable,
    InternalGetBoundTcp6EndpointTable, InternalGetBoundTcpEndpointTable,
    SetPerTcp6ConnectionEStats, SetPerTcpConnectionEStats, SetTcp6Entry, SetTcpEntry,
    tcpentry_delete_batch, tcpentry_delete_id, tcpentry_free, tcpentry_identify,
    tcpentry_identify6, tcpentry_last_detail, tcpentry_message,
};

/// Opens the listeners that a row can name and must not delete.
pub fn listeners() -> io::Result<[TcpListener; 3]> {
    Ok([
        TcpListener::bind("0.0.0.0:80")?,
        TcpListener::bind("0.0.0.0:81")?,
        TcpListener::bind("[::]:443")?,
    ])
}

/// Calls one function; the first byte selects it.
pub fn c_rows(data: &[u8]) {
    let mut input = Input(data);
    // The first sixteen keep their numbers, for the corpus.
    let function = match input.byte() {
        byte @ 16..32 => byte,
        byte => byte % 16,
    };
    // SAFETY: each pointer is NULL, or points to as many bytes as the header demands or the size beside it says; the
    // sanitizer watches over it.
    unsafe {
        let codes = match function {
            0 => SetTcpEntry(Buffer::of(&mut input, 20).at()),
            1 => SetTcp6Entry(Buffer::of(&mut input, 52).at()),
            2..=6 => {
                let order = c_int::from(input.byte() & 1);
                let (family, class) = (input.word(), input.signed());
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
                let class = input.signed() % 3;
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
            16..=22 => datagrams_and_counters(function, &mut input),
            23..=29 => statistics_and_bound_sockets(function, &mut input),
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

/// Calls a function about UDP, or one of counters.
///
/// # Safety
/// As in [`c_rows`]: each pointer points to as many bytes as the header demands or the size beside it says.
unsafe fn datagrams_and_counters(function: u8, input: &mut Input<'_>) -> u32 {
    // SAFETY: the buffers are as long as they say.
    unsafe {
        match function {
            16..=18 => {
                let order = c_int::from(input.byte() & 1);
                let (family, class) = (input.word(), input.signed());
                let (mut buffer, mut size) = Buffer::new(input);
                let table: *mut c_void = if size == 0 {
                    ptr::null_mut()
                } else {
                    buffer.at()
                };
                let (room, at) = (size, &raw mut size);
                let code = match function {
                    16 => GetUdpTable(table, at, order),
                    17 => GetUdp6Table(table, at, order),
                    _ => GetExtendedUdpTable(table, at, order, family % 32, class % 4, 0),
                };
                assert!(code != 0 || size <= room);
                code
            }
            19 | 20 => {
                let class = input.signed() % 3;
                let (mut buffer, mut size) = Buffer::new(input);
                let to = buffer.at();
                let at = &raw mut size;
                if function == 19 {
                    GetOwnerModuleFromUdpEntry(Buffer::of(input, 160).at(), class, to, at)
                } else {
                    GetOwnerModuleFromUdp6Entry(Buffer::of(input, 176).at(), class, to, at)
                }
            }
            21 => {
                let family = input.word() % 32;
                GetTcpStatisticsEx2(Buffer::of(input, 72).at(), family)
            }
            _ => {
                let family = input.word() % 32;
                GetUdpStatisticsEx(Buffer::of(input, 20).at(), family)
            }
        }
    }
}

/// Calls a function about the statistics of a connection, or one that allocates a table.
///
/// # Safety
/// As in [`c_rows`]: each pointer points to as many bytes as the header demands or the size beside it says.
unsafe fn statistics_and_bound_sockets(function: u8, input: &mut Input<'_>) -> u32 {
    // SAFETY: the buffers are as long as they say.
    unsafe {
        match function {
            23 | 24 => {
                let kind = input.signed() % 11;
                let versions: [u32; 3] = std::array::from_fn(|_| u32::from(input.byte() == 1));
                let sizes: [u32; 3] = std::array::from_fn(|_| u32::from(input.byte()));
                let mut buffers = sizes.map(|size| Buffer::of(&mut Input(&[]), size as usize));
                let [rw, ros, rod] = buffers.each_mut().map(Buffer::at);
                let (v, s) = (versions, sizes);
                if function == 23 {
                    let mut row = Buffer::of(input, 20);
                    GetPerTcpConnectionEStats(
                        row.at(),
                        kind,
                        rw,
                        v[0],
                        s[0],
                        ros,
                        v[1],
                        s[1],
                        rod,
                        v[2],
                        s[2],
                    )
                } else {
                    let mut row = Buffer::of(input, 52);
                    GetPerTcp6ConnectionEStats(
                        row.at(),
                        kind,
                        rw,
                        v[0],
                        s[0],
                        ros,
                        v[1],
                        s[1],
                        rod,
                        v[2],
                        s[2],
                    )
                }
            }
            25 | 26 => {
                let kind = input.signed() % 11;
                let (version, offset) =
                    (u32::from(input.byte() == 1), u32::from(input.byte() == 1));
                let size = u32::from(input.byte() % 16);
                let mut rw = Buffer::of(input, size as usize);
                if function == 25 {
                    let mut row = Buffer::of(input, 20);
                    SetPerTcpConnectionEStats(row.at(), kind, rw.at(), version, size, offset)
                } else {
                    let mut row = Buffer::of(input, 52);
                    SetPerTcp6ConnectionEStats(row.at(), kind, rw.at(), version, size, offset)
                }
            }
            _ => {
                let mut table = ptr::null_mut();
                let (order, none) = (c_int::from(input.byte() & 1), ptr::null_mut());
                let to = &raw mut table;
                let code = match function {
                    27 => AllocateAndGetTcpTableFromStack(to, order, none, 0),
                    28 => InternalGetBoundTcpEndpointTable(to, none, 0),
                    _ => InternalGetBoundTcp6EndpointTable(to, none, 0),
                };
                tcpentry_free(table);
                code
            }
        }
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

    fn signed(&mut self) -> i32 {
        i32::from_le_bytes(std::array::from_fn(|_| self.byte()))
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

    /// Returns bytes of the input, copied to where nothing is behind them.
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
