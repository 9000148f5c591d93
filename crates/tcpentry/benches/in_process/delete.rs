//! One connection is named and deleted: what `SetTcpEntry` is.

use criterion::{BatchSize, Criterion};
use tcpentry::{Options, Pair, TcpTable};

use crate::another;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut table = TcpTable::open().expect("open the table");
    let options = Options::default();
    let mut group = criterion.benchmark_group("exactly");

    let (_socket, local, peer) = another(1);
    let pair = Pair::new(local.into(), peer.into()).expect("they are a pair");
    group.bench_function("find", |bencher| {
        bencher.iter(|| table.find(&pair.into()).expect("it is there"));
    });

    let mut ports = (2..=u16::MAX).cycle();
    group.bench_function("find and delete", |bencher| {
        bencher.iter_batched(
            || {
                let (socket, local, peer) = another(ports.next().expect("it has no end"));
                let pair = Pair::new(local.into(), peer.into()).expect("they are a pair");
                (socket, pair)
            },
            |(socket, pair)| {
                let deleted = table.find_and_delete(&pair.into(), &options);
                // That the socket is closed then is not measured.
                (deleted.expect("it is there"), socket)
            },
            BatchSize::NumIterations(SOCKETS),
        );
    });
    group.finish();
}

/// The number of sockets that are made before they are deleted one by one.
const SOCKETS: u64 = 64;
