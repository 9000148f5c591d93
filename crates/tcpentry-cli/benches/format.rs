//! Rows become the text of `tcpentry list` for scripts: `cargo bench -p tcpentry-cli`.
//!
//! How the whole program compares, which is what users wait for, is measured by `crates/bench`.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tcpentry::{Connection, Cookie, Endpoint, Pair, State, TcpTable};
use tcpentry_cli::rows_as_tabs;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("format");
    group.throughput(Throughput::Elements(ROWS.into()));
    for (name, ends) in [("IPv4", v4 as fn(u32) -> Pair), ("IPv6", v6)] {
        let rows = rows(ends);
        let lines = rows_as_tabs(&rows).split(|byte| *byte == b'\n').count();
        assert_eq!(
            lines,
            rows.len() + 2,
            "with the header, and nothing at the end"
        );
        group.bench_function(format!("tabs/{name}"), |bencher| {
            bencher.iter(|| rows_as_tabs(&rows));
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Makes rows with these ends of one that is there, for only a table makes rows.
fn rows(ends: fn(u32) -> Pair) -> Vec<Connection> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
    let local = Endpoint::from(listener.local_addr().expect("it is bound"));
    let nobody = Endpoint::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let pair = Pair::new(local, nobody).expect("they are a pair");
    let mut table = TcpTable::open().expect("open the table");
    let mut row = table.find(&pair.into()).expect("it listens");
    row.state = State::Established;
    row.send_queue = 0;
    let another = |number| {
        let mut row = row.clone();
        row.pair = ends(number);
        row.cookie = Cookie::new(u64::from(number)).expect("it is a small number");
        row
    };
    (0..ROWS).map(another).collect()
}

fn v4(number: u32) -> Pair {
    let [_, high, middle, low] = number.to_be_bytes();
    let local = Ipv4Addr::new(10, high, 0, 1);
    let peer = Ipv4Addr::new(192, 168, middle, low);
    pair(
        Endpoint::new(local.into(), 443),
        Endpoint::new(peer.into(), port(number)),
    )
}

fn v6(number: u32) -> Pair {
    let [_, _, middle, low] = number.to_be_bytes().map(u16::from);
    let local = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let peer = Ipv6Addr::new(0x2001, 0xdb8, middle, low, 0, 0xff, 0xfe00, 0x1234);
    pair(
        Endpoint::new(local.into(), 443),
        Endpoint::new(peer.into(), port(number)),
    )
}

fn pair(local: Endpoint, peer: Endpoint) -> Pair {
    Pair::new(local, peer).expect("they are of one family")
}

/// Returns a port of those that systems choose for clients.
fn port(number: u32) -> u16 {
    32_768 + u16::try_from(number % 28_000).expect("it is a small number")
}

/// The number of rows: so many that what is done once does not count.
const ROWS: u32 = 16_384;
