//! Addresses that leave a namespace, as rtnetlink announces them.

use std::net::IpAddr;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};
use tcpentry::netns::{HostAddresses, HostRole};
use tcpentry::watch::{AddressChange, AddressWatch, HostWatch};
use tcpentry_testkit::link::ip;
use tcpentry_testkit::{Namespace, isolated};

use crate::util::is_readable;

/// Makes two devices, `d0` and `d1`, that are up.
fn devices() {
    ip(&[
        "link add d0 type veth peer name d1",
        "link set d0 up",
        "link set d1 up",
    ]);
}

/// Opens a watch that has heard of the link-local addresses of the devices, which come by themselves.
fn watch() -> AddressWatch {
    let watch = AddressWatch::open().unwrap();
    assert!(format!("{watch:?}").contains("AddressWatch"));
    watch
}

/// Reads the changes but those of link-local addresses, which come when they like.
fn read(watch: &mut AddressWatch) -> Vec<(&'static str, String, Option<String>)> {
    let changes = watch.read().unwrap().into_iter();
    let shown = changes.map(|change| match change {
        AddressChange::Added { address, name, .. } => ("added", address.to_string(), name),
        AddressChange::Removed { address, name, .. } => ("removed", address.to_string(), name),
        AddressChange::Lost => ("lost", String::new(), None),
        other => panic!("{other:?}"),
    });
    shown.filter(|(_, it, _)| !it.starts_with("fe80")).collect()
}

/// Reads which addresses have been removed. That one of IPv6 has been added is announced some time after (Linux 6.18).
fn removed(watch: &mut AddressWatch) -> Vec<String> {
    let changes = read(watch).into_iter();
    let removed = changes.filter(|(kind, ..)| *kind == "removed");
    removed.map(|(_, address, _)| address).collect()
}

fn change(
    kind: &'static str,
    address: &str,
    device: &str,
) -> (&'static str, String, Option<String>) {
    (kind, address.to_owned(), Some(device.to_owned()))
}

fn role(address: &str) -> Option<HostRole> {
    let address: IpAddr = address.parse().unwrap();
    HostAddresses::read().unwrap().role(address)
}

#[test]
fn an_address_that_is_removed_or_moved_is_announced_with_its_device() {
    isolated(|| {
        devices();
        ip(&[
            "addr add 198.51.100.1/24 dev d0",
            "addr add 192.0.2.5 peer 192.0.2.6 dev d1",
        ]);
        let mut watch = watch();
        assert_eq!(read(&mut watch), [], "what was there is no change");
        assert!(!is_readable(&watch));

        ip(&["addr del 198.51.100.1/24 dev d0"]);
        assert!(is_readable(&watch));
        assert_eq!(read(&mut watch), [change("removed", "198.51.100.1", "d0")]);
        assert_eq!(role("198.51.100.1"), None);
        assert_eq!(read(&mut watch), [], "it is read once");

        // Moved: it is added first, or removed first.
        ip(&[
            "addr add 198.51.100.1/24 dev d0",
            "addr add 198.51.100.1/24 dev d1",
            "addr del 198.51.100.1/24 dev d0",
        ]);
        assert_eq!(
            read(&mut watch),
            [
                change("added", "198.51.100.1", "d0"),
                change("added", "198.51.100.1", "d1"),
                change("removed", "198.51.100.1", "d0")
            ]
        );
        assert_eq!(
            role("198.51.100.1"),
            Some(HostRole::Own),
            "it is still here"
        );

        ip(&["addr del 192.0.2.5 peer 192.0.2.6 dev d1"]);
        let local = change("removed", "192.0.2.5", "d1");
        assert_eq!(read(&mut watch), [local], "the local end of a link");
    });
}

#[test]
fn ipv6_addresses_leave_with_a_device_that_is_set_down() {
    isolated(|| {
        devices();
        ip(&[
            "addr add 2001:db8::5/64 dev d0 nodad",
            "addr add 2001:db8::6/64 dev d0 nodad",
            "addr add 198.51.100.1/24 dev d0",
        ]);
        let mut watch = watch();
        ip(&["addr del 2001:db8::5/64 dev d0"]);
        assert_eq!(removed(&mut watch), ["2001:db8::5"]);
        ip(&["link set d0 down"]);
        assert_eq!(removed(&mut watch), ["2001:db8::6"]);
        assert_eq!(role("198.51.100.1"), Some(HostRole::Own));
    });
}

#[test]
fn a_device_that_is_gone_has_its_last_name() {
    isolated(|| {
        devices();
        ip(&["addr add 198.51.100.1/24 dev d0"]);
        let mut watch = watch();
        ip(&["link del d0"]);
        assert_eq!(read(&mut watch), [change("removed", "198.51.100.1", "d0")]);
        // One that has come since, under another name.
        devices();
        ip(&["addr add 198.51.100.2/24 dev d1"]);
        assert_eq!(read(&mut watch), [change("added", "198.51.100.2", "d1")]);
        ip(&["link set d1 down", "link set d1 name renamed"]);
        ip(&["addr del 198.51.100.2/24 dev renamed"]);
        let changes = read(&mut watch);
        let removed = change("removed", "198.51.100.2", "renamed");
        assert_eq!(changes.last(), Some(&removed), "{changes:?}");
    });
}

#[test]
fn what_does_not_fit_is_lost_and_said_to_be() {
    isolated(|| {
        devices();
        let mut watch = watch();
        set_socket_recv_buffer_size(&watch, 1).unwrap();
        let add = |number| {
            format!(
                "addr add 10.0.{}.{}/32 dev d0",
                number / 200,
                number % 200 + 1
            )
        };
        let all: Vec<_> = (0..400).map(add).collect();
        ip(&all.iter().map(|it| &**it).collect::<Vec<_>>());
        let read_first = read(&mut watch);
        assert!(read_first.len() < 100, "{}", read_first.len());
        assert_eq!(read_first.last().unwrap().0, "lost");
        assert_eq!(read(&mut watch), []);
        assert_eq!(role("10.0.1.200"), Some(HostRole::Own));
        // What comes afterwards arrives, perhaps beside an address of IPv6 that is ready by now.
        set_socket_recv_buffer_size(&watch, 1 << 16).unwrap();
        ip(&["addr del 10.0.1.200/32 dev d0"]);
        let changes = read(&mut watch);
        let removed = change("removed", "10.0.1.200", "d0");
        assert!(changes.contains(&removed), "{changes:?}");
    });
}

#[test]
fn nobody_but_the_kernel_is_believed() {
    isolated(|| {
        let mut watch = watch();
        let own = rustix::net::getsockname(&watch).unwrap();
        let own = SocketAddrNetlink::try_from(own).unwrap();
        let forger = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None, // NETLINK_ROUTE is 0
        )
        .unwrap();
        // RTM_DELADDR without NLM_F_REQUEST, which the kernel itself does not act upon: 127.0.0.1 of the first device.
        let mut forged = Vec::new();
        forged.extend(32_u32.to_ne_bytes());
        forged.extend(21_u16.to_ne_bytes());
        forged.extend([0; 10]);
        forged.extend([2, 8, 0x80, 254, 1, 0, 0, 0]);
        forged.extend([8, 0, 2, 0, 127, 0, 0, 1]);
        let send = |to| rustix::net::sendto(&forger, &forged, SendFlags::empty(), &to);
        let to_its_port = SocketAddrNetlink::new(own.pid(), 0);
        assert_eq!(send(to_its_port), Err(Errno::CONNREFUSED));
        assert_eq!(own.groups(), 0x110, "it listens to both families");
        assert_eq!(send(SocketAddrNetlink::new(0, own.groups())), Ok(32));
        assert!(is_readable(&watch), "to the group it came");
        assert_eq!(read(&mut watch), [], "and was no event");
    });
}

#[test]
fn each_watch_hears_of_the_namespace_it_was_opened_in_and_of_no_other() {
    isolated(|| {
        devices();
        let other = Namespace::fresh();
        let mut here = watch();
        let mut there = other.run(|| {
            devices();
            watch()
        });
        other.run(|| ip(&["addr add 198.51.100.7/24 dev d0"]));
        assert_eq!(read(&mut here), []);
        assert_eq!(read(&mut there), [change("added", "198.51.100.7", "d0")]);
        ip(&["addr add 198.51.100.8/24 dev d1"]);
        assert_eq!(read(&mut there), []);
        assert_eq!(read(&mut here), [change("added", "198.51.100.8", "d1")]);
    });
}

#[test]
fn a_change_of_addresses_or_default_routes_is_noticed_without_waiting_for_it() {
    isolated(|| {
        devices();
        let mut watch = HostWatch::open().unwrap();
        assert!(!watch.has_changed().unwrap());
        ip(&["addr add 198.51.100.1/24 dev d0"]);
        assert!(watch.has_changed().unwrap());
        assert!(!watch.has_changed().unwrap());
        ip(&["route add 203.0.113.0/24 via 198.51.100.7"]);
        assert!(!watch.has_changed().unwrap(), "it is no default route");
        ip(&["route add default via 198.51.100.254"]);
        assert!(watch.has_changed().unwrap());
        ip(&["route del default"]);
        assert!(watch.has_changed().unwrap());
        ip(&["addr del 198.51.100.1/24 dev d0"]);
        assert!(watch.has_changed().unwrap());

        set_socket_recv_buffer_size(&watch, 1).unwrap();
        let route = |number| format!("route add 203.0.113.{number}/32 dev d0");
        let routes: Vec<_> = (0..200).map(route).collect();
        ip(&routes.iter().map(|it| &**it).collect::<Vec<_>>());
        assert!(watch.has_changed().unwrap(), "nobody knows what was lost");
        assert!(!watch.has_changed().unwrap());
    });
}
