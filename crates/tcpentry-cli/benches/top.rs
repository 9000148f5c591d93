//! A refresh of `tcpentry top`, once the kernel has sent its sockets: `cargo bench -p tcpentry-cli --bench top`.
//!
//! The cost of reading them is measured by `crates/bench`; docs/PERFORMANCE.md has the whole program on a real table.

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion};
use tcpentry_cli::Refresh;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for rows in [10_000, 100_000] {
        let mut refresh = Refresh::of(rows);
        let mut group = criterion.benchmark_group("top");
        let id = |part| BenchmarkId::new(part, rows);
        group.bench_function(id("merge"), |bencher| {
            bencher.iter_batched(
                || refresh.read(),
                |rows| refresh.merge(rows),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(id("arrange"), |bencher| {
            bencher.iter(|| refresh.arranged());
        });
        group.bench_function(id("arrange again"), |bencher| {
            bencher.iter(|| refresh.arranged_again());
        });
        let order = refresh.arranged();
        group.bench_function(id("take"), |bencher| {
            bencher.iter_batched(
                || order.clone(),
                |order| refresh.take(order),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(id("draw"), |bencher| {
            bencher.iter(|| {
                refresh.jump();
                refresh.draw();
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
