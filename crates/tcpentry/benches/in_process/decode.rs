//! The kernel's answers become rows: a dump that was recorded before, so that the kernel takes no part.

use criterion::{Criterion, Throughput};
use tcpentry::Query;
use tcpentry::bench::Recording;

use crate::CROWD;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(CROWD.into()));
    let connections = Query::default();
    for (name, query) in [
        ("rows", connections.clone()),
        ("rows with counters", connections.with_info()),
    ] {
        let recording = Recording::new(&query).expect("list this namespace");
        let mut rows = 0;
        recording.replay(|_| rows += 1).expect("it is whole");
        assert_eq!(rows, CROWD, "{} bytes", recording.length());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                recording.replay(|row| {
                    std::hint::black_box(row);
                })
            });
        });
    }
    group.finish();
}
