use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use rustix::io::Errno;
use tcpentry_testkit::isolated;
use tcpentry_testkit::user::without_capabilities;

use super::interpreter::{self, Entry};
use super::*;
use crate::sock_diag::message::{Body, next_message};
use crate::sock_diag::reader::Reader;
use crate::sock_diag::{NetlinkSocket, channel::Channel as _};

/// Evaluates a condition without any program.
fn holds(condition: &Condition, entry: &Entry, addresses: [IpAddr; 2]) -> bool {
    let index = |side| usize::from(side == Side::Peer);
    match condition {
        Condition::All(all) => all.iter().all(|one| holds(one, entry, addresses)),
        Condition::Any(any) => any.iter().any(|one| holds(one, entry, addresses)),
        Condition::Not(condition) => !holds(condition, entry, addresses),
        Condition::Check(check) => match *check {
            Check::Host { side, prefix, port } => {
                let address = addresses[index(side)];
                port.is_none_or(|port| port == entry.ports[index(side)])
                    && prefix.is_none_or(|(prefix, length)| begins(address, prefix, length))
            }
            Check::AtLeast(side, port) => entry.ports[index(side)] >= port,
            Check::AtMost(side, port) => entry.ports[index(side)] <= port,
            Check::Auto => entry.auto,
            Check::Device(index) => entry.interface == index,
            Check::Mark { value, mask } => entry.mark & mask == value,
            Check::Cgroup(id) => entry.cgroup == id,
        },
    }
}

fn begins(address: IpAddr, prefix: IpAddr, length: u8) -> bool {
    match (address, prefix) {
        (IpAddr::V4(address), IpAddr::V4(prefix)) => {
            let differing = address.to_bits() ^ prefix.to_bits();
            differing.leading_zeros() >= length.into()
        }
        (IpAddr::V6(address), IpAddr::V6(prefix)) => {
            let differing = address.to_bits() ^ prefix.to_bits();
            differing.leading_zeros() >= length.into()
        }
        (IpAddr::V6(address), prefix) => address
            .to_ipv4_mapped()
            .is_some_and(|address| begins(address.into(), prefix, length)),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    }
}

fn addresses() -> impl Strategy<Value = IpAddr> + Clone {
    let v4 = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 1, 0, 1], [0, 0, 0, 0]].map(Ipv4Addr::from);
    let mut all: Vec<IpAddr> = v4.map(IpAddr::V4).into();
    all.extend(v4.map(|address| IpAddr::V6(address.to_ipv6_mapped())));
    all.extend([Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST].map(IpAddr::V6));
    all.push("fe80::1".parse().unwrap());
    prop::sample::select(all)
}

fn ports() -> impl Strategy<Value = u16> + Clone {
    prop::sample::select(vec![0, 1, 79, 80, 81, 40000, 65534, 65535])
}

fn entries() -> impl Strategy<Value = (Entry, [IpAddr; 2])> {
    let family = |one: &(IpAddr, IpAddr)| one.0.is_ipv4() == one.1.is_ipv4();
    let pairs = (addresses(), addresses()).prop_filter("of one family", family);
    let rest = (0..3_u32, 0..4_u32, 0..3_u64, any::<bool>());
    (pairs, ports(), ports(), rest).prop_map(|(pair, local, peer, rest)| {
        let addresses = [pair.0, pair.1];
        let (interface, mark, cgroup, auto) = rest;
        let entry = Entry {
            interface,
            mark,
            cgroup,
            auto,
            ..Entry::new(addresses, [local, peer])
        };
        (entry, addresses)
    })
}

fn checks() -> impl Strategy<Value = Check> {
    let side = prop::sample::select(vec![Side::Local, Side::Peer]);
    let prefix = (
        addresses(),
        prop::sample::select(vec![0, 8, 31, 32, 96, 127, 128]),
    );
    let prefix = prefix.prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (address, length.min(longest))
    });
    prop_oneof![
        (
            side.clone(),
            prop::option::of(prefix),
            prop::option::of(ports())
        )
            .prop_map(|(side, prefix, port)| Check::Host { side, prefix, port }),
        (side.clone(), ports()).prop_map(|(side, port)| Check::AtLeast(side, port)),
        (side, ports()).prop_map(|(side, port)| Check::AtMost(side, port)),
        Just(Check::Auto),
        (0..3_u32).prop_map(Check::Device),
        (0..4_u32, 0..4_u32).prop_map(|(value, mask)| Check::Mark { value, mask }),
        (0..3_u64).prop_map(Check::Cgroup),
    ]
}

pub(crate) fn conditions() -> impl Strategy<Value = Condition> {
    checks()
        .prop_map(Condition::Check)
        .prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Condition::All),
                prop::collection::vec(inner.clone(), 0..5).prop_map(Condition::Any),
                inner.prop_map(|one| Condition::Not(Box::new(one))),
            ]
        })
}

/// Rebuilds the condition by the functions that simplify.
fn simplified(condition: &Condition) -> Condition {
    match condition {
        Condition::All(all) => Condition::all(all.iter().map(simplified)),
        Condition::Any(any) => Condition::any(any.iter().map(simplified)),
        Condition::Not(condition) => Condition::not(simplified(condition)),
        check @ Condition::Check(_) => check.clone(),
    }
}

proptest! {
    #[test]
    fn a_program_means_its_condition(
        condition in conditions(), sockets in prop::collection::vec(entries(), 8),
    ) {
        let simple = simplified(&condition);
        for condition in [&condition, &simple] {
            let program = Program::of(condition).map(|program| program.bytes());
            if let Some(program) = &program {
                prop_assert_eq!(interpreter::audit(program, true), Ok(()));
            }
            for (entry, addresses) in &sockets {
                let accepted = program.as_ref().is_none_or(|program| interpreter::run(program, entry));
                prop_assert_eq!(accepted, holds(condition, entry, *addresses));
            }
        }
    }

    #[test]
    fn a_program_within_a_half_means_both(
        condition in conditions(), sockets in prop::collection::vec(entries(), 8),
        ports: [(u16, u16); 8],
    ) {
        let program = Program::of(&condition);
        for half in [Half::First, Half::Second] {
            let within = Program::within(half, program.clone()).unwrap().bytes();
            prop_assert_eq!(interpreter::audit(&within, true), Ok(()));
            for ((entry, addresses), ports) in sockets.iter().zip(ports) {
                let entry = Entry { ports: [ports.0, ports.1], ..*entry };
                let meant = half.contains(ports) && holds(&condition, &entry, *addresses);
                prop_assert_eq!(interpreter::run(&within, &entry), meant);
            }
        }
    }

    #[test]
    fn what_is_simplified_is_constant_only_as_a_whole(condition in conditions()) {
        fn has_constant(condition: &Condition) -> bool {
            match condition {
                Condition::All(all) | Condition::Any(all) => {
                    all.len() < 2 || all.iter().any(has_constant)
                }
                Condition::Not(condition) => has_constant(condition),
                Condition::Check(_) => false,
            }
        }
        let condition = simplified(&condition);
        let constant = [Condition::ALWAYS, Condition::NEVER].contains(&condition);
        prop_assert!(constant || !has_constant(&condition));
    }
}

#[test]
fn nothing_to_judge_needs_no_program_and_never_is_one() {
    assert_eq!(Program::of(&Condition::ALWAYS), None);
    let never = Program::of(&Condition::NEVER).unwrap();
    assert_eq!(never.bytes(), [1, 4, 8, 0]);
}

/// Joins conditions on different addresses, so that none is simplified away.
fn many(count: usize) -> Condition {
    let address = |number| IpAddr::from(u32::to_be_bytes(number));
    let check = |number| Check::Host {
        side: Side::Peer,
        prefix: Some((address(number), 32)),
        port: None,
    };
    Condition::any((1..).take(count).map(|number| check(number).into()))
}

#[test]
fn a_program_that_fits_no_attribute_is_none() {
    // 16 bytes each and a jump of 4, which the last one does not need.
    let fitting = (LONGEST + 4) / 20;
    assert!(Program::of(&many(fitting)).is_some());
    assert_eq!(Program::of(&many(fitting + 1)), None);
    let longest = Program::of(&many(fitting));
    assert_eq!(Program::within(Half::First, longest), None);
}

#[test]
fn a_program_is_shown_operation_by_operation() {
    let host = |side, prefix: &str, length, port| Check::Host {
        side,
        prefix: Some((prefix.parse().unwrap(), length)),
        port,
    };
    let condition = Condition::all([
        Condition::any([
            host(Side::Peer, "10.0.0.0", 8, Some(80)).into(),
            host(Side::Peer, "fe80::", 10, None).into(),
            Condition::not(
                Check::Mark {
                    value: 1,
                    mask: 255,
                }
                .into(),
            ),
        ]),
        Condition::not(Check::AtMost(Side::Local, 1023).into()),
        Check::Auto.into(),
    ]);
    let shown = [
        "  0  D_COND       10.0.0.0/8:80  yes 1, no 2",
        "  1  JMP          6",
        "  2  D_COND       [fe80::]/10  yes 3, no 4",
        "  3  JMP          6",
        "  4  MARK_COND    0x1/0xff  yes 5, no 6",
        "  5  JMP          reject",
        "  6  S_LE         1023  yes 7, no 8",
        "  7  JMP          reject",
        "  8  AUTO         yes accept, no reject",
    ];
    let program = Program::of(&condition).unwrap().to_string();
    assert_eq!(program.lines().collect::<Vec<_>>(), shown);
}

/// Asks the kernel for a dump of nothing with these bytes as its program.
fn asked(program: &[u8], both: bool) -> Result<(), Errno> {
    let mut request = Vec::new();
    let kind: u16 = if both { 18 } else { 20 };
    request.extend(0_u32.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(0x301_u16.to_ne_bytes());
    request.extend([0; 8]);
    if both {
        request.extend([0; 4 + 48 + 4 + 4]);
    } else {
        request.extend([2, 6, 0, 0]);
        request.extend([0; 4 + 48]);
    }
    request.extend(u16::try_from(4 + program.len()).unwrap().to_ne_bytes());
    request.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
    request.extend(program);
    request.resize(request.len().next_multiple_of(4), 0);
    let length = u32::try_from(request.len()).unwrap();
    request[..4].copy_from_slice(&length.to_ne_bytes());
    let mut socket = NetlinkSocket::open().unwrap();
    socket.send(&request)?;
    let mut buffer = vec![0; 32768];
    let answer = socket.receive(&mut buffer)?;
    let message = next_message(&mut Reader::new(&buffer[..answer.length]));
    match message.unwrap().unwrap().body {
        Body::Done(result) | Body::Acknowledged(result) => result,
        _ => panic!("sockets in no state"),
    }
}

/// Generates values of a strategy, the same ones every time.
pub(crate) fn samples<T: std::fmt::Debug>(
    count: usize,
    strategy: &impl Strategy<Value = T>,
) -> Vec<T> {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sample = || strategy.new_tree(&mut runner).unwrap().current();
    (0..count).map(|_| sample()).collect()
}

#[test]
fn the_kernel_takes_every_program() {
    isolated(|| {
        for condition in samples(300, &conditions()) {
            if let Some(program) = Program::of(&condition) {
                let within = Program::within(Half::Second, Some(program.clone())).unwrap();
                for program in [program, within] {
                    for both in [true, false] {
                        assert_eq!(asked(&program.bytes(), both), Ok(()), "{program}");
                    }
                }
            }
        }
        let longest = Program::of(&many((LONGEST + 4) / 20)).unwrap();
        assert_eq!(asked(&longest.bytes(), true), Ok(()));
    });
}

/// The audit of these tests is the kernel's: also of programs that it refuses.
#[test]
fn the_kernel_refuses_what_the_audit_refuses() {
    isolated(|| {
        let damage = (
            any::<prop::sample::Index>(),
            prop_oneof![0..16_u8, any::<u8>()],
        );
        let damaged = (conditions(), damage, any::<bool>());
        let (mut taken, mut refused) = (0, 0);
        for (condition, (index, value), both) in samples(1000, &damaged) {
            let Some(program) = Program::of(&condition) else {
                continue;
            };
            let mut program = program.bytes();
            let at = index.index(program.len());
            program[at] = value;
            let expected = interpreter::audit(&program, true);
            *if expected.is_ok() {
                &mut taken
            } else {
                &mut refused
            } += 1;
            assert_eq!(asked(&program, both), expected, "{program:?}");
        }
        assert!(taken > 100 && refused > 100, "{taken} {refused}");
    });
}

#[test]
fn only_marks_take_a_right() {
    isolated(|| {
        let program = |check: Check| Program::of(&check.into()).unwrap().bytes();
        let mark = program(Check::Mark { value: 1, mask: 1 });
        let cgroup = program(Check::Cgroup(1));
        without_capabilities(|| {
            assert_eq!(asked(&mark, true), Err(Errno::PERM));
            assert_eq!(asked(&cgroup, true), Ok(()));
            assert_eq!(asked(&program(Check::Auto), true), Ok(()));
        });
        assert_eq!(asked(&mark, true), Ok(()));
    });
}
