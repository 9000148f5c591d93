//! Statements of README.md and docs/LIBRARIES.md about the library, word by word. docs/PROMISES.md has the rest.

use std::fs;
use std::net::TcpStream;
use std::ops::ControlFlow;

use tcpentry::delete::Ending;
use tcpentry::netns::Namespace;
use tcpentry::{Action, Connection, Error, Method, Options, Query, TcpTable};
use tcpentry_testkit::{isolated, skip, tcp, until};

use crate::util::{assert_reset, table};

const README: &str = include_str!("../../../../README.md");
const LIBRARIES: &str = include_str!("../../../../docs/LIBRARIES.md");
/// The page of the package.
const PACKAGE: &str = include_str!("../../README.md");

/// Compiles statements, and gives them as text too, without what the compiler does not see.
macro_rules! shown {
    ($($statements:tt)*) => {{
        let run = || -> Result<(), Box<dyn std::error::Error>> {
            $($statements)*
            Ok(())
        };
        run().unwrap();
        without_blanks(stringify!($($statements)*))
    }};
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn the_example_in_rust_deletes_the_connection_it_names() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(8080));
        let socket = tcp::socket(tcp::loopback(0));
        socket.bind(&tcp::loopback(50548).into()).unwrap();
        let ends = tcp::connect_from(socket, &listener);
        let code = shown! {
            let mut table = tcpentry::TcpTable::open()?;
            let pair = tcpentry::Pair::new("127.0.0.1:8080".parse()?, "127.0.0.1:50548".parse()?)?;
            let connection = table.find(&pair.into())?;
            let deleted = table.delete(&connection, &tcpentry::Options::default())?;
            println!("{} deleted by {}", deleted.connection, deleted.method);
        };
        assert_reset(&ends.client);
        for page in [LIBRARIES, PACKAGE] {
            let (_, example) = page.split_once("```rust\n").unwrap();
            let (example, _) = example.split_once("```").unwrap();
            assert_eq!(without_blanks(example), code);
        }
    });
}

#[test]
fn the_library_has_five_dependencies() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n\n[").unwrap();
    let mut names: Vec<_> = dependencies
        .lines()
        .map(|line| line.split(['.', ' ']).next().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["libc", "prefix-trie", "rustix", "strsim", "uzers"]);
    assert!(README.contains("five dependencies (rustix, libc, prefix-trie, strsim, uzers)"));
}

/// Counts the descriptors of sock_diag of this network namespace, of which only this test makes any.
fn diag_sockets() -> usize {
    const NETLINK_SOCK_DIAG: &str = "4";
    let text = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let protocols = text.lines().map(|line| line.split_whitespace().nth(1));
    protocols
        .filter(|it| *it == Some(NETLINK_SOCK_DIAG))
        .count()
}

#[test]
fn a_handle_is_two_descriptors() {
    isolated(|| {
        let _ends = tcp::connected();
        let before = diag_sockets();
        let namespace = Namespace::own().unwrap();
        let mut tables: Vec<_> = (0..8).map(|_| table()).collect();
        tables.extend((0..8).map(|_| TcpTable::open_in(&namespace).unwrap()));
        for table in &mut tables {
            assert_eq!(table.connections(&Query::default()).unwrap().count(), 2);
        }
        assert_eq!(diag_sockets() - before, 2 * 16);
        drop(tables);
        assert_eq!(diag_sockets(), before);
    });
}

/// Counts the threads of this process in the network namespace of this test: its own, and those that it started.
fn threads_here() -> usize {
    let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter(|task| {
            let netns = task.as_ref().unwrap().path().join("ns/net");
            fs::read_link(netns).is_ok_and(|netns| netns == own)
        })
        .count()
}

#[test]
fn the_library_keeps_no_thread() {
    isolated(|| {
        if !tcp::room_for(3000) {
            skip!("too few descriptors (ulimit -Hn)");
        }
        assert_eq!(threads_here(), 1);
        let crowd = tcp::imagined_crowd(3000);
        let mut table = table();
        let rows = table.connections(&Query::default()).unwrap();
        assert_eq!(rows.count(), crowd.len());
        let mut other = TcpTable::open_in(&Namespace::own().unwrap()).unwrap();
        let (mut told, mut most) = (0, 0);
        let take = |_: &Connection| Action::Delete;
        let tell = |_: &Connection, result: Result<Ending, Error>| {
            assert_eq!(result.unwrap().method, Method::SockDiag);
            told += 1;
            if told % 100 == 0 {
                most = most.max(threads_here());
            }
            ControlFlow::Continue(())
        };
        other
            .delete_matching(&Query::default(), &Options::default(), take, tell)
            .unwrap();
        assert_eq!(told, crowd.len());
        // The kernel lets a thread be joined a moment before it is out of its list.
        until("the helpers have ended", || threads_here() == 1);
        assert!(
            most > 1 || std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1),
            "so many have a helper, which would have been seen"
        );
        drop((table, other));
    });
}

#[test]
fn a_handle_may_be_used_from_any_thread() {
    fn goes_anywhere<T: Send + Sync>() {}
    goes_anywhere::<TcpTable>();
    isolated(|| {
        let ends = tcp::connected();
        let mut table = table();
        let rows = std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| table.connections(&Query::default()).unwrap().count());
            elsewhere.join().unwrap()
        });
        let both: [&TcpStream; 2] = [&ends.client, &ends.server];
        assert_eq!(rows, both.len());
    });
}
