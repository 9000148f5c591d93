//! A filter judges rows: what is left to be done here when the kernel has judged, once for each row.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use tcpentry::filter::Truth;
use tcpentry::{Connection, Filter, Query, Selection, States, SystemNames, TcpTable};

use crate::CROWD;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut table = TcpTable::open().expect("open the table");
    let rows: Vec<Connection> = table
        .connections(&Query::default().with_info())
        .and_then(Iterator::collect)
        .expect("list this namespace");
    assert_eq!(rows.len(), CROWD as usize);
    let parse = |text| Filter::parse(text, &SystemNames::new(&table)).expect("it is one");
    let mut group = criterion.benchmark_group("filter/parse");
    for (name, text, _) in FILTERS {
        group.bench_function(name, |bencher| bencher.iter(|| parse(text)));
    }
    group.finish();

    let parsed = FILTERS.map(|(name, text, expected)| (name, parse(text), expected));
    let mut group = criterion.benchmark_group("filter/judge");
    group.throughput(Throughput::Elements(CROWD.into()));
    for (name, filter, expected) in parsed {
        let selection = Selection::new(filter, States::CONNECTIONS, &mut table).expect("ready it");
        let mut knowledge = selection.attribution();
        let mut judge = |row| selection.judge(row, &mut knowledge).expect("judge it");
        // What has to be known beside the rows is known from here on.
        assert!(rows.iter().all(|row| judge(row) == expected), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for row in &rows {
                    black_box(judge(black_box(row)));
                }
            });
        });
    }
    group.finish();
}

/// Each with what it says of all rows, so that every part of it is asked.
const FILTERS: [(&str, &str, Truth); 4] = [
    ("a port", "dport = :80", Truth::True),
    (
        "networks and ports",
        "( sport lt :10000 or dst 127.200.0.0/16 ) and not src 10.0.0.0/8 and dport ne :443",
        Truth::True,
    ),
    ("counters", "idle lt 1h and retrans = 0", Truth::True),
    ("a process", "process in_process*", Truth::True),
];
