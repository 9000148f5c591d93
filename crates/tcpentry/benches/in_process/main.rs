//! The library in process, without the rest of a program around it: `cargo bench -p tcpentry`.
//!
//! It needs a network namespace of its own, for real sockets that nobody misses. How whole programs compare, which is what
//! users wait for, is measured by `crates/bench`.

mod decode;
mod delete;
mod filter;

use std::net::SocketAddr;
use std::time::Duration;

use criterion::Criterion;
use socket2::Socket;
use tcpentry_testkit::netns::{allow_many_descriptors, refusal};
use tcpentry_testkit::{Namespace, skip, tcp};

fn main() {
    if let Some(errno) = refusal() {
        skip!(
            "no network namespace can be made here ({errno}); `unshare -Urn` in front makes it root of one"
        );
    }
    allow_many_descriptors();
    if !tcp::room_for(CROWD.into()) {
        skip!("a process may not have {CROWD} sockets here (ulimit -n)");
    }
    // The first one asks cargo for the folder of results, and cargo may have to download to answer. It can't be moved.
    drop(Criterion::default());
    Namespace::fresh().run(|| {
        let mut criterion = Criterion::default()
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(3))
            .configure_from_args();
        let crowd = tcp::imagined_crowd(CROWD);
        decode::benches(&mut criterion);
        filter::benches(&mut criterion);
        delete::benches(&mut criterion);
        drop(crowd);
        criterion.final_summary();
    });
}

/// Creates a socket that is connected to nobody; returns both its ends, too, which are others for each number of a port.
fn another(number: u16) -> (Socket, SocketAddr, SocketAddr) {
    let local = SocketAddr::from(([127, 2, 0, 1], number.max(1)));
    let peer = SocketAddr::from(([127, 200, 0, 2], 443));
    let socket = tcp::socket(local);
    tcp::imagined(&socket, local, peer);
    (socket, local, peer)
}

/// The number of established sockets that the table has.
const CROWD: u32 = 4096;
