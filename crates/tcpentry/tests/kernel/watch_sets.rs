//! Sets of nftables, filled by nft and by the packet path, against what nft itself says of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::Value;
use tcpentry::filter::Prefix;
use tcpentry::watch::{SetChange, SetContent, SetElement, SetName, SetWatch, TableFamily};
use tcpentry::{ErrorKind, Reason};
use tcpentry_testkit::random::Random;
use tcpentry_testkit::user::without_capabilities;
use tcpentry_testkit::{Namespace, isolated, kernel, skip, until};

use crate::util::is_readable;

/// Runs the body in a namespace of its own with an empty table `inet t`, where there is nft.
fn with_table(body: impl FnOnce() + Send + 'static) {
    isolated(|| {
        if let Some(reason) = missing() {
            skip!("{reason}");
        }
        nft("add table inet t");
        body();
    });
}

/// Returns the reason why there are no sets here.
fn missing() -> Option<String> {
    if Command::new("nft").arg("--version").output().is_err() {
        return Some("nft (the package nftables) is not installed".to_owned());
    }
    let error = SetWatch::open().err()?;
    (error.reason() == Some(Reason::NoNfTables)).then(|| error.to_string())
}

/// Runs commands of nft in one transaction.
fn nft(commands: &str) {
    try_nft(commands).unwrap();
}

/// Runs them where nft may refuse them.
fn try_nft(commands: &str) -> Result<(), String> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(commands.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = &commands[..commands.len().min(200)];
    let is_done = output.status.success();
    is_done
        .then_some(())
        .ok_or_else(|| format!("nft: {shown}: {said}"))
}

fn name(set: &str) -> SetName {
    SetName::new(TableFamily::Inet, "t", set)
}

/// The addresses of some ranges, first and last of each, where neighbours are one.
type Ranges = Vec<(u128, u128)>;

fn joined(ranges: impl IntoIterator<Item = (u128, u128)>) -> Ranges {
    let sorted: BTreeSet<_> = ranges.into_iter().collect();
    let mut joined = Ranges::new();
    for (first, last) in sorted {
        match joined.last_mut() {
            Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => {
                *end = (*end).max(last);
            }
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn range_of(address: IpAddr, length: u32) -> (u128, u128) {
    let (first, width) = bits(address);
    let host = 1_u128
        .checked_shl(width - length)
        .map_or(u128::MAX, |it| it - 1);
    (first, first | host)
}

fn range_of_prefix(prefix: &Prefix) -> (u128, u128) {
    range_of(prefix.address(), prefix.length().into())
}

fn ranges(elements: &[SetElement]) -> Ranges {
    joined(elements.iter().map(|it| range_of_prefix(&it.prefix)))
}

/// Returns the prefixes of elements as text, sorted by it.
fn words(elements: &[SetElement]) -> Vec<String> {
    let words = elements.iter().map(|it| it.prefix.to_string());
    let sorted: BTreeSet<_> = words.collect();
    sorted.into_iter().collect()
}

/// Reads an element of nft's JSON.
fn range_of_json(element: &Value) -> (u128, u128) {
    let address = |value: &Value| value.as_str().unwrap().parse::<IpAddr>().unwrap();
    if let Some(address) = element.as_str() {
        let address = address.parse().unwrap();
        return range_of(address, bits(address).1);
    }
    let object = element.as_object().unwrap();
    if let Some(prefix) = object.get("prefix") {
        let length = u32::try_from(prefix["len"].as_u64().unwrap()).unwrap();
        range_of(address(&prefix["addr"]), length)
    } else if let Some(range) = object.get("range") {
        (bits(address(&range[0])).0, bits(address(&range[1])).0)
    } else {
        range_of_json(&object["elem"]["val"])
    }
}

/// Returns what `nft list set` says of a set.
fn listed(set: &str) -> Ranges {
    let listing = Command::new("nft")
        .args(["-j", "list", "set", "inet", "t", set])
        .output()
        .unwrap();
    assert!(listing.status.success(), "{listing:?}");
    let listing: Value = serde_json::from_slice(&listing.stdout).unwrap();
    let objects = listing["nftables"].as_array().unwrap();
    let set = objects.iter().find_map(|it| it.get("set")).unwrap();
    let elements = set.get("elem").and_then(Value::as_array);
    joined(elements.into_iter().flatten().map(range_of_json))
}

/// Counts the sockets in this namespace that listen to nf_tables: protocol 12, group 7.
fn listeners() -> usize {
    let sockets = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let lines = sockets.lines().filter(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let groups = fields
            .get(3)
            .and_then(|it| u32::from_str_radix(it, 16).ok());
        fields.get(1) == Some(&"12") && groups.is_some_and(|groups| groups & 1 << 6 != 0)
    });
    lines.count()
}

/// `nft -j monitor new elements`, in the namespace of the caller.
struct Monitor {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Monitor {
    fn start() -> Self {
        // Before it starts: of a set that comes between its reading of the sets and its listening it knows nothing.
        nft("add set inet t sentinel { type ipv4_addr; }");
        let before = listeners();
        let mut child = Command::new("nft")
            .args(["-j", "monitor", "new", "elements"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        until("nft monitor listens", || listeners() > before);
        Self { child, lines }
    }

    fn next_line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Returns the elements that it has announced since it was asked last, of one set.
    fn announced(&mut self, set: &str) -> Ranges {
        nft("add element inet t sentinel { 10.98.0.1 }");
        let mut ranges = Vec::new();
        loop {
            let line = self.next_line();
            let element = &line["add"]["element"];
            let elements = &element["elem"]["set"];
            let elements = elements.as_array().expect("an element is added");
            if element["name"] == "sentinel" && elements.contains(&Value::from("10.98.0.1")) {
                break;
            }
            if element["name"] == set {
                ranges.extend(elements.iter().map(range_of_json));
            }
        }
        nft("delete element inet t sentinel { 10.98.0.1 }");
        joined(ranges)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the ranges of one set that changes add, in one.
fn added(changes: &[SetChange], set: &str) -> Ranges {
    let of_set = changes.iter().filter_map(|change| match change {
        SetChange::Added { set: it, elements } if it.set == set => Some(elements),
        _ => None,
    });
    ranges(&of_set.flatten().copied().collect::<Vec<_>>())
}

#[test]
fn elements_are_announced_as_nft_monitor_prints_them() {
    with_table(|| {
        nft("add set inet t p4 { type ipv4_addr; flags timeout; }
             add set inet t p6 { type ipv6_addr; }
             add set inet t i4 { type ipv4_addr; flags interval,timeout; }
             add set inet t i6 { type ipv6_addr; flags interval; }");
        let mut monitor = Monitor::start();
        let mut watch = SetWatch::open().unwrap();
        assert!(watch.read().unwrap().is_empty() && !is_readable(&watch));
        for (set, elements) in [
            ("p4", "192.0.2.1"),
            ("p4", "192.0.2.2 timeout 1h, 192.0.2.3"),
            ("p6", "2001:db8::1, 2001:db8::2, ::ffff:192.0.2.9"),
            ("i4", "10.0.0.0/8"),
            ("i4", "192.0.2.3-192.0.2.9, 198.51.100.0/24 timeout 1h"),
            ("i4", "11.0.0.0/8, 12.0.0.0/8, 1.2.3.4"),
            ("i6", "2001:db8::/32, fd00::1-fd00::1:5, ::/8"),
        ] {
            nft(&format!("add element inet t {set} {{ {elements} }}"));
            assert!(is_readable(&watch));
            let changes = watch.read().unwrap();
            assert_eq!(changes.len(), 1, "{elements}: {changes:?}");
            let mapped = elements.contains("::ffff");
            let expected = monitor.announced(set);
            if !mapped {
                assert_eq!(added(&changes, set), expected, "{elements}");
            }
            // The sentinel's.
            watch.read().unwrap();
        }
        for set in ["p4", "i4", "i6"] {
            let elements = watch.elements(&name(set)).unwrap();
            assert_eq!(ranges(&elements), listed(set), "{set}");
        }
        let elements = watch.elements(&name("p6")).unwrap();
        let expected = ["192.0.2.9", "2001:db8::1", "2001:db8::2"];
        assert_eq!(words(&elements), expected, "IPv4 mapped into IPv6 is IPv4");
    });
}

#[test]
fn a_range_that_is_no_prefix_is_several() {
    with_table(|| {
        let mut watch = SetWatch::open().unwrap();
        nft("add set inet t i { type ipv4_addr; flags interval; }
             add element inet t i { 192.0.2.3-192.0.2.9 }");
        let changes = watch.read().unwrap();
        let [SetChange::Created(info), SetChange::Added { set, elements }] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!((&info.name, set), (&name("i"), &name("i")));
        assert_eq!(info.content, SetContent::Ipv4);
        let expected = ["192.0.2.3", "192.0.2.4/30", "192.0.2.8/31"];
        assert_eq!(words(elements), expected);
        assert_eq!(words(&watch.elements(&name("i")).unwrap()), expected);
    });
}

#[test]
fn timeouts_and_what_is_left_of_them_are_told() {
    with_table(|| {
        let mut watch = SetWatch::open().unwrap();
        nft("add set inet t own { type ipv4_addr; flags timeout; }
             add set inet t common { type ipv4_addr; timeout 1h; }
             add set inet t i { type ipv4_addr; flags interval, timeout; }
             add element inet t own { 192.0.2.1 timeout 10m, 192.0.2.2 }
             add element inet t common { 192.0.2.1, 192.0.2.2 timeout 10m }
             add element inet t i { 10.0.0.0/8 timeout 10m, 192.0.2.0/24 }");
        let minutes = |elements: &[SetElement]| {
            let mut sorted = elements.to_vec();
            sorted.sort_unstable();
            let minute = Duration::from_secs(60);
            let left = sorted.iter().map(|it| it.expires_in);
            left.map(|left| left.map(|it| (it + minute / 2).as_secs() / 60))
                .collect::<Vec<_>>()
        };
        let changes = watch.read().unwrap();
        let expected = [
            ("own", [Some(10), None]),
            ("common", [Some(60), Some(10)]),
            ("i", [Some(10), None]),
        ];
        for (set, expected) in expected {
            let announced = changes.iter().find_map(|change| match change {
                SetChange::Added { set: it, elements } if it.set == set => Some(elements),
                _ => None,
            });
            assert_eq!(minutes(announced.unwrap()), expected, "{set}, announced");
            let elements = watch.elements(&name(set)).unwrap();
            assert_eq!(minutes(&elements), expected, "{set}, read");
        }
        nft("add element inet t own { 192.0.2.9 timeout 100ms }");
        assert_eq!(watch.read().unwrap().len(), 1);
        until("it has expired", || {
            watch.elements(&name("own")).unwrap().len() == 2
        });
        assert!(watch.read().unwrap().is_empty(), "which nobody announces");
    });
}

#[test]
fn rules_fill_sets_without_an_event() {
    with_table(|| {
        nft(
            "add set inet t d { type ipv4_addr; flags dynamic, timeout; }
             add set inet t l { type ipv4_addr; flags timeout; }
             add set inet t plain { type ipv4_addr; }
             add chain inet t c { type filter hook input priority 0; }
             add rule inet t c udp dport 9 add @d { ip saddr timeout 1m }
             add rule inet t c udp dport 9 add @l { ip saddr timeout 2m }",
        );
        let mut watch = SetWatch::open().unwrap();
        let sets = watch.sets().unwrap();
        let filled: BTreeSet<_> = sets
            .iter()
            .filter(|it| it.is_filled_by_rules)
            .map(|it| &*it.name.set)
            .collect();
        assert_eq!(filled, BTreeSet::from(["d", "l"]));
        let socket = UdpSocket::bind("127.0.0.7:0").unwrap();
        socket.send_to(b"x", "127.0.0.1:9").unwrap();
        for set in ["d", "l"] {
            let elements = watch.elements(&name(set)).unwrap();
            assert_eq!(words(&elements), ["127.0.0.7"], "{set}");
            assert!(elements[0].expires_in.unwrap() > Duration::from_secs(30));
        }
        assert!(watch.read().unwrap().is_empty(), "nobody announces it");
    });
}

#[test]
fn what_is_there_may_be_announced_again() {
    with_table(|| {
        nft("add set inet t p { type ipv4_addr; flags timeout; }
             add set inet t i { type ipv4_addr; flags interval, timeout; }
             add element inet t p { 192.0.2.1, 192.0.2.2 timeout 1m }
             add element inet t i { 10.0.0.0/8 timeout 1m }");
        let mut watch = SetWatch::open().unwrap();
        nft("add element inet t p { 192.0.2.1, 192.0.2.2 timeout 1h }");
        let changes = watch.read().unwrap();
        for change in &changes {
            let SetChange::Added { elements, .. } = change else {
                panic!("{changes:?}");
            };
            let known = ["192.0.2.1", "192.0.2.2"];
            assert!(words(elements).iter().all(|it| known.contains(&&**it)));
        }
        // Of an interval only the start is announced, which must not be taken for the rest of all addresses.
        nft("add element inet t i { 10.0.0.0/8 timeout 1h }");
        for change in watch.read().unwrap() {
            assert_eq!(change, SetChange::Unclear { set: name("i") });
        }
        assert_eq!(words(&watch.elements(&name("i")).unwrap()), ["10.0.0.0/8"]);
    });
}

#[test]
fn what_is_removed_is_announced_one_by_one_and_a_set_as_a_whole() {
    with_table(|| {
        nft("add set inet t p { type ipv4_addr; }
             add set inet t i { type ipv6_addr; flags interval; }
             add element inet t p { 192.0.2.1, 192.0.2.2, 192.0.2.3 }
             add element inet t i { 2001:db8::/32, 2001:db9::5-2001:db9::7 }");
        let mut watch = SetWatch::open().unwrap();
        let mut removed = |commands: &str| {
            nft(commands);
            let changes = watch.read().unwrap();
            let [SetChange::Removed { elements, .. }] = &changes[..] else {
                panic!("{changes:?}");
            };
            words(elements)
        };
        assert_eq!(
            removed("delete element inet t p { 192.0.2.2 }"),
            ["192.0.2.2"]
        );
        assert_eq!(removed("flush set inet t p"), ["192.0.2.1", "192.0.2.3"]);
        assert_eq!(
            removed("flush set inet t i"),
            ["2001:db8::/32", "2001:db9::5", "2001:db9::6/127"]
        );
        let deleted = |set: &str| SetChange::Deleted { set: name(set) };
        nft("delete set inet t p");
        assert_eq!(watch.read().unwrap(), [deleted("p")]);
        let error = watch.elements(&name("p")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "cannot read the sets of nftables: there is no set inet t p"
        );
        nft("add set inet t q { type ipv4_addr; }");
        let changes = watch.read().unwrap();
        assert!(
            matches!(&changes[..], [SetChange::Created(_)]),
            "{changes:?}"
        );
        nft("delete table inet t");
        let changes = watch.read().unwrap();
        assert!(changes.contains(&deleted("i")) && changes.contains(&deleted("q")));
        assert_eq!(changes.len(), 2, "each once: {changes:?}");
    });
}

#[test]
fn a_reload_is_a_removal_and_an_addition() {
    with_table(|| {
        nft(
            "add set inet t i { type ipv4_addr; flags interval; auto-merge; }
             add element inet t i { 10.0.0.128/25, 192.0.2.0/24 }",
        );
        let mut watch = SetWatch::open().unwrap();
        nft("flush set inet t i
             add element inet t i { 10.0.0.0/24 }");
        let changes = watch.read().unwrap();
        let [
            SetChange::Removed { elements: gone, .. },
            SetChange::Added { elements, .. },
        ] = &changes[..]
        else {
            panic!("{changes:?}");
        };
        assert_eq!(words(gone), ["10.0.0.128/25", "192.0.2.0/24"]);
        assert_eq!(words(elements), ["10.0.0.0/24"]);
        // Merged with the neighbour.
        nft("add element inet t i { 10.0.1.0/24 }");
        let changes = watch.read().unwrap();
        assert_eq!(added(&changes, "i"), listed("i"), "{changes:?}");
    });
}

#[test]
fn what_reaches_to_the_last_address_is_read_anew() {
    with_table(|| {
        nft("add set inet t i { type ipv4_addr; flags interval; }
             add set inet t i6 { type ipv6_addr; flags interval; }
             add set inet t a4 { type ipv4_addr; }");
        let mut watch = SetWatch::open().unwrap();
        for (set, element) in [
            ("i", "240.0.0.0/4"),
            ("i", "0.0.0.0/0"),
            ("i6", "ff00::/8"),
            ("i6", "::/0"),
        ] {
            nft(&format!("add element inet t {set} {{ {element} }}"));
            let set = name(set);
            let unclear = SetChange::Unclear { set: set.clone() };
            assert_eq!(watch.read().unwrap(), [unclear], "{element}");
            assert_eq!(words(&watch.elements(&set).unwrap()), [element]);
            nft(&format!("flush set {set}"));
            watch.read().unwrap();
            assert!(watch.elements(&set).unwrap().is_empty());
        }
        if !kernel::has_catch_all_elements() {
            return;
        }
        nft("add element inet t a4 { *, 192.0.2.1 }");
        let changes = watch.read().unwrap();
        let [SetChange::Added { elements, .. }] = &changes[..] else {
            panic!("{changes:?}");
        };
        let expected = ["0.0.0.0/0", "192.0.2.1"];
        assert_eq!(words(elements), expected, "the catch-all element");
        assert_eq!(words(&watch.elements(&name("a4")).unwrap()), expected);
    });
}

#[test]
fn sets_of_other_kinds_are_named_and_not_read() {
    with_table(|| {
        nft(
            "add set inet t concatenated { type ipv4_addr . inet_service; }
             add set inet t ports { type inet_service; }
             add set inet t marks { type mark; }
             add map inet t verdicts { type ipv4_addr : verdict; }
             add set inet t typed { typeof ip saddr; }
             add chain inet t c
             add rule inet t c ip saddr { 192.0.2.1, 192.0.2.2 } drop",
        );
        let mut watch = SetWatch::open().unwrap();
        let sets = watch.sets().unwrap();
        let mut contents: Vec<_> = sets.iter().map(|it| (&*it.name.set, it.content)).collect();
        contents.sort_unstable_by_key(|(name, _)| *name);
        let unsupported = |name, why| (name, SetContent::Unsupported(why));
        assert_eq!(
            contents,
            [
                unsupported("concatenated", "its elements are concatenations"),
                unsupported("marks", "its elements are not addresses"),
                unsupported("ports", "its elements are not addresses"),
                ("typed", SetContent::Ipv4),
                unsupported("verdicts", "it is a map"),
            ],
            "without the anonymous one"
        );
        nft("add element inet t concatenated { 192.0.2.1 . 80 }
             add element inet t ports { 80 }
             add element inet t marks { 0xc0000201 }
             add element inet t verdicts { 192.0.2.1 : drop }
             add rule inet t c ip saddr { 192.0.2.3, 192.0.2.4 } drop
             add element inet t typed { 192.0.2.5 }");
        let changes = watch.read().unwrap();
        let [SetChange::Added { set, elements }] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!(
            (set, words(elements)),
            (&name("typed"), vec!["192.0.2.5".to_owned()])
        );
        let error = watch.elements(&name("marks")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert_eq!(
            error.to_string(),
            "cannot read the sets of nftables: inet t marks: its elements are not addresses"
        );
        // Of the same name and another kind.
        nft("delete set inet t marks
             add set inet t marks { type ipv4_addr; }
             add element inet t marks { 192.0.2.6 }");
        let changes = watch.read().unwrap();
        assert_eq!(
            added(&changes, "marks"),
            [range_of([192, 0, 2, 6].into(), 32)]
        );
        assert_eq!(
            words(&watch.elements(&name("marks")).unwrap()),
            ["192.0.2.6"]
        );
    });
}

/// Returns a set, and so many elements in one transaction.
fn many(count: u32) -> String {
    let mut commands = "add set inet t p { type ipv4_addr; }\nadd element inet t p { ".to_owned();
    for number in 0..count {
        let [a, b, c, d] = (0x0a00_0000 + 7 * number).to_be_bytes();
        write!(commands, "{a}.{b}.{c}.{d},").unwrap();
    }
    commands + "}"
}

#[test]
fn sixty_thousand_elements_of_one_transaction_are_one_change() {
    with_table(|| {
        let mut watch = SetWatch::open().unwrap();
        match try_nft(&many(60_000)) {
            Err(error) if error.contains("Message too long") => {
                skip!("nft can't send so many at once here (SO_SNDBUFFORCE)");
            }
            done => done.unwrap(),
        }
        let changes = watch.read().unwrap();
        if changes.contains(&SetChange::Lost) {
            skip!("the receive buffer can't be made large here (SO_RCVBUFFORCE)");
        }
        let [SetChange::Created(_), SetChange::Added { elements, .. }] = &changes[..] else {
            panic!("{} changes", changes.len());
        };
        assert_eq!(elements.len(), 60_000);
        let mut read = watch.elements(&name("p")).unwrap();
        read.sort_unstable();
        let mut announced = elements.clone();
        announced.sort_unstable();
        assert!(read == announced);
    });
}

#[test]
fn what_does_not_fit_is_lost_and_the_dump_has_it() {
    with_table(|| {
        let mut watch = SetWatch::open().unwrap();
        set_socket_recv_buffer_size(&watch, 1).unwrap();
        nft(&many(3000));
        let changes = watch.read().unwrap();
        assert_eq!(changes.last(), Some(&SetChange::Lost));
        let lost = changes.iter().filter(|it| **it == SetChange::Lost);
        assert_eq!(lost.count(), 1);
        assert_eq!(watch.elements(&name("p")).unwrap().len(), 3000);
        assert!(!is_readable(&watch) && watch.read().unwrap().is_empty());
        // The set, whose message may have been lost, is known.
        nft("add element inet t p { 192.0.2.1 }");
        let changes = watch.read().unwrap();
        assert_eq!(added(&changes, "p"), [range_of([192, 0, 2, 1].into(), 32)]);
    });
}

#[test]
fn whoever_may_not_is_told_which_right_it_takes() {
    with_table(|| {
        without_capabilities(|| {
            let error = SetWatch::open().unwrap_err();
            assert_eq!(error.reason(), Some(Reason::NoNetAdmin));
            assert_eq!(error.outcome().to_string(), "denied");
            assert_eq!(
                error.to_string(),
                "cannot read the sets of nftables: it takes CAP_NET_ADMIN over this network namespace"
            );
            assert!(error.hint().is_some());
        });
    });
}

#[test]
fn each_watch_hears_of_the_namespace_it_was_opened_in_and_of_no_other() {
    with_table(|| {
        let make = "add set inet t p { type ipv4_addr; }";
        nft(make);
        let other = Namespace::fresh();
        let mut here = SetWatch::open().unwrap();
        let mut there = other.run(move || {
            nft("add table inet t");
            nft(make);
            SetWatch::open().unwrap()
        });
        other.run(|| nft("add element inet t p { 192.0.2.1 }"));
        assert!(here.read().unwrap().is_empty());
        assert_eq!(added(&there.read().unwrap(), "p").len(), 1);
        nft("add element inet t p { 192.0.2.2 }");
        assert!(there.read().unwrap().is_empty());
        assert_eq!(added(&here.read().unwrap(), "p").len(), 1);
        // Questions go to that namespace, too.
        assert_eq!(words(&there.elements(&name("p")).unwrap()), ["192.0.2.1"]);
        assert_eq!(words(&here.elements(&name("p")).unwrap()), ["192.0.2.2"]);
    });
}

/// Intervals come and go at random; whoever follows the changes, and reads anew what is unclear, has what nft lists.
#[test]
fn whoever_follows_has_what_nft_lists() {
    with_table(|| {
        nft("add set inet t i { type ipv4_addr; flags interval; }
             add set inet t m { type ipv4_addr; flags interval; auto-merge; }");
        let mut watch = SetWatch::open().unwrap();
        let mut random = Random::new(7);
        let sets = ["i", "m"];
        let mut followed = [BTreeSet::<Prefix>::new(), BTreeSet::new()];
        let mut present = [BTreeSet::new(), BTreeSet::new()];
        for _ in 0..60 {
            let which = usize::from(random.below(2) == 0);
            let set = sets[which];
            // Aligned blocks of sixteen, so that intervals touch but do not overlap; the last one reaches to the end.
            let block = random.below(8);
            let address = |last: usize| match block {
                7 => format!("255.255.255.{}", if last == 0 { 240 } else { 255 }),
                block => format!("10.0.0.{}", 16 * block + last),
            };
            let range = format!("{}-{}", address(0), address(13 + 2 * (block % 2)));
            let is_removal = present[which].contains(&block);
            let command = if !is_removal {
                present[which].insert(block);
                format!("add element inet t {set} {{ {range} }}")
            } else if set == "i" {
                present[which].remove(&block);
                format!("delete element inet t {set} {{ {range} }}")
            } else {
                // nft 1.0.6 finds no part of what it has merged.
                present[which].clear();
                format!("flush set inet t {set}")
            };
            nft(&command);
            for change in watch.read().unwrap() {
                match change {
                    SetChange::Added { set, elements } => {
                        let which = usize::from(set.set == "m");
                        followed[which].extend(elements.iter().map(|it| it.prefix));
                    }
                    SetChange::Removed { set, elements } => {
                        let which = usize::from(set.set == "m");
                        for element in elements {
                            followed[which].remove(&element.prefix);
                        }
                    }
                    SetChange::Unclear { set } => {
                        let elements = watch.elements(&set).unwrap();
                        let which = usize::from(set.set == "m");
                        followed[which] = elements.iter().map(|it| it.prefix).collect();
                    }
                    other => panic!("{other:?}"),
                }
            }
            let ours = joined(followed[which].iter().map(range_of_prefix));
            assert_eq!(ours, listed(set), "{command}");
        }
    });
}
