//! Another process of the namespace that sends to the port of our netlink socket.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};
use tcpentry::{Options, TcpTable};
use tcpentry_testkit::{isolated, tcp};

use crate::util::{pair_of, table};

/// Returns the ports of the sockets of `NETLINK_SOCK_DIAG` in this thread's namespace, as every process there sees them.
fn ports() -> Vec<u32> {
    let table = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let rows = table.lines().skip(1);
    let fields = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    fields
        .filter(|fields| fields[1] == SOCK_DIAG.as_raw().get().to_string())
        .map(|fields| fields[2].parse().unwrap())
        .filter(|&port| port != 0)
        .collect()
}

#[test]
fn a_flood_of_the_netlink_port_takes_no_answer_away() {
    isolated(|| {
        let mut table = table();
        let ports = ports();
        assert!(!ports.is_empty(), "the table has its socket here");
        let (raw, diag) = (SocketType::RAW, Some(SOCK_DIAG));
        let flags = SocketFlags::CLOEXEC;
        let attacker = rustix::net::socket_with(AddressFamily::NETLINK, raw, flags, diag).unwrap();
        let done = AtomicBool::new(false);
        let flood = || {
            let mut refused = 0;
            while !done.load(Ordering::Relaxed) {
                for &port in &ports {
                    let to = SocketAddrNetlink::new(port, 0);
                    let sent = rustix::net::sendto(&attacker, &[0; 64], SendFlags::DONTWAIT, &to);
                    refused += u32::from(sent == Err(Errno::CONNREFUSED));
                    assert!(sent.is_err() || refused == 0);
                }
            }
            refused
        };
        let delete = |table: &mut TcpTable| {
            let ends = tcp::connected();
            let found = table.find(&pair_of(&ends.client).into())?;
            table.delete(&found, &Options::default())
        };
        thread::scope(|scope| {
            let flood = scope.spawn(flood);
            let results: Vec<_> = (0..200).map(|_| delete(&mut table)).collect();
            done.store(true, Ordering::Relaxed);
            let failed = results.iter().filter(|result| result.is_err()).count();
            assert_eq!(failed, 0, "{:?}", results.iter().find(|it| it.is_err()));
            assert_ne!(
                flood.join().unwrap(),
                0,
                "the kernel refuses what others send"
            );
        });
    });
}
