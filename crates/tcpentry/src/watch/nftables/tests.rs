use std::time::Duration;

use proptest::prelude::*;
use rustix::io::Errno;

use super::change::{Decoder, SetChange};
use super::set::{SetContent, SetInfo, SetName, TableFamily};
use crate::error::{ErrorKind, Reason};
use crate::netlink::{Conversation, Queue, Subscription};
use crate::sock_diag::testing::acknowledged;
use crate::sock_diag::{Channel, Datagram};
use crate::watch::testing::hex;

/// The datagrams of a session, as Linux 6.18 sent them to nft 1.0.6.
mod captured {
    /// `nft add set inet t p { type ipv4_addr; flags timeout; }`
    pub(super) const ADD_SET: &str = "78000000090a0004010000005e7b000001000003060001007400000006000200700000000c00100000000000000000010800030000000010080004000000000708000500000000040a000d000004020000000000040009001700130030786666666666666666383235303766343000000800140000000000";
    /// `nft add element inet t p { 10.0.0.1 , 10.0.0.2 timeout 1m }`
    pub(super) const ADD_ELEMENTS: &str = "380000000c0a000400000000607b0000010000040600010074000000060002007000000014000300100001000c000100080001000a000001500000000c0a000400000000607b000001000004060001007400000006000200700000002c000300280001000c000100080001000a0000020c000400000000000000ea600c000500000000000000ea60";
    /// `nft add set inet t i { type ipv6_addr; flags interval; }`
    pub(super) const ADD_INTERVAL_SET: &str = "78000000090a000401000000647b000001000005060001007400000006000200690000000c00100000000000000000020800030000000004080004000000000808000500000000100a000d000004020000000000040009001700130030786666666666666666383235303830653000000800140000000000";
    /// `nft add element inet t i { 2001:db8::/32, ff00::/8 }`
    pub(super) const ADD_INTERVALS: &str = "4c0000000c0a000400000000677b0000010000060600010074000000060002006900000028000300240001001800010014000100000000000000000000000000000000000800030000000001440000000c0a000400000000677b00000100000606000100740000000600020069000000200003001c000100180001001400010020010db80000000000000000000000004c0000000c0a000400000000677b000001000006060001007400000006000200690000002800030024000100180001001400010020010db90000000000000000000000000800030000000001500000000c0a000400000000677b000001000006060001007400000006000200690000002c000300280001001800010014000100ff0000000000000000000000000000000a0006000104010000000000";
    /// `nft delete element inet t i { 2001:db8::/32 }`
    pub(super) const DELETE_INTERVAL: &str = "440000000e0a000000000000707b00000100000706000100740000000600020069000000200003001c000100180001001400010020010db80000000000000000000000004c0000000e0a000000000000707b00000100000706000100740000000600020069000000280003002400010018000100140001002001 0db90000000000000000000000000800030000000001";
    /// `nft add map inet t m { type ipv4_addr : verdict ; }`
    pub(super) const ADD_MAP: &str = "94000000090a000401000000747b0000010000080600010074000000060002006d0000000c001000000000000000000308000300000000080800040000000007080005000000000408000600ffffff00080007000000001016000d000004020000000104000000000604000000000000040009001700130030786666666666666666383235303766343000000800140000000000";
    /// `nft add set inet t c { type ipv4_addr . inet_service ; }`
    pub(super) const ADD_CONCATENATION: &str = "78000000090a000401000000787b000001000009060001007400000006000200630000000c001000000000000000000408000400000001cd080005000000000814000d00000400000000030800040d0000000100040009001700130030786666666666666666383235303766343000000800140000000000";
    /// `nft add set inet t n { type inet_service ; }`
    pub(super) const ADD_PORTS: &str = "70000000090a0004010000007f7b00000100000a0600010074000000060002006e0000000c0010000000000000000005080004000000000d08000500000000020a000d000004020000000000040009001700130030786666666666666666383235303830323000000800140000000000";
    /// `nft delete set inet t n`
    pub(super) const DELETE_SET: &str = "300000000b0a000001000000877b00000100000b0600010074000000060002006e0000000c0010000000000000000005";
    /// The end of each transaction.
    pub(super) const END: &str =
        "2c0000000f0a000001000000547b00000000000208000100000000020800020000007b54080003006e667400";

    pub(super) const ALL: [&str; 10] = [
        ADD_SET,
        ADD_ELEMENTS,
        ADD_INTERVAL_SET,
        ADD_INTERVALS,
        DELETE_INTERVAL,
        ADD_MAP,
        ADD_CONCATENATION,
        ADD_PORTS,
        DELETE_SET,
        END,
    ];
}
use captured::{
    ADD_CONCATENATION, ADD_ELEMENTS, ADD_INTERVAL_SET, ADD_INTERVALS, ADD_MAP, ADD_PORTS, ADD_SET,
    DELETE_INTERVAL, DELETE_SET, END,
};

/// Yields these datagrams, then nothing; answers no question.
struct Recorded(Vec<Vec<u8>>);

impl Channel for Recorded {
    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        if self.0.is_empty() {
            return Err(Errno::AGAIN);
        }
        let bytes = self.0.remove(0);
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Datagram {
            length: bytes.len(),
            from_kernel: true,
        })
    }
}

fn decode(decoder: &mut Decoder, datagrams: Vec<Vec<u8>>) -> (Queue, Vec<SetChange>) {
    let mut subscription = Subscription::over(Recorded(datagrams));
    let queue = subscription.drain(|kind, body| decoder.message(kind, body));
    (queue.unwrap(), decoder.take())
}

/// Shows changes in one line each.
fn changes(decoder: &mut Decoder, datagrams: &[&str]) -> Vec<String> {
    let datagrams = datagrams.iter().map(|it| hex(it)).collect();
    let (queue, changes) = decode(decoder, datagrams);
    assert_eq!(queue, Queue::Empty);
    let shown = changes.iter().map(|change| match change {
        SetChange::Created(SetInfo {
            name,
            content,
            is_filled_by_rules,
        }) => format!("created {name} {content:?} {is_filled_by_rules}"),
        SetChange::Added { set, elements } | SetChange::Removed { set, elements } => {
            let elements = elements.iter().map(|it| match it.expires_in {
                None => format!(" {}", it.prefix),
                Some(rest) => format!(" {} {rest:?}", it.prefix),
            });
            let is_removal = matches!(change, SetChange::Removed { .. });
            let verb = if is_removal { "removed" } else { "added" };
            format!("{verb} {set}{}", elements.collect::<String>())
        }
        SetChange::Deleted { set } => format!("deleted {set}"),
        SetChange::Unclear { set } => format!("unclear {set}"),
        SetChange::Lost => "lost".to_owned(),
    });
    shown.collect()
}

#[test]
fn a_transaction_is_read_as_nft_writes_it() {
    let mut decoder = Decoder::default();
    let mut read = |datagrams: &[&str]| changes(&mut decoder, datagrams);
    assert_eq!(
        read(&[ADD_SET, END]),
        ["created inet t p Ipv4 true"],
        "rules may add to a set with timeouts"
    );
    assert_eq!(read(&[ADD_ELEMENTS]), [""; 0], "it is not over");
    assert_eq!(read(&[END]), ["added inet t p 10.0.0.1 10.0.0.2 60s"]);
    assert_eq!(
        read(&[ADD_INTERVAL_SET, END]),
        ["created inet t i Ipv6 false"]
    );
    // ff00::/8 has no end.
    assert_eq!(
        read(&[ADD_INTERVALS, END]),
        ["added inet t i 2001:db8::/32", "unclear inet t i"]
    );
    assert_eq!(
        read(&[DELETE_INTERVAL, END]),
        ["removed inet t i 2001:db8::/32"]
    );
    assert_eq!(
        read(&[ADD_MAP, ADD_CONCATENATION, ADD_PORTS, END]),
        [
            r#"created inet t m Unsupported("it is a map") false"#,
            r#"created inet t c Unsupported("its elements are concatenations") false"#,
            r#"created inet t n Unsupported("its elements are not addresses") false"#
        ]
    );
    assert_eq!(read(&[DELETE_SET, END]), ["deleted inet t n"]);
}

/// Each message about elements has the kind that its set had when it was sent.
#[test]
fn elements_of_another_kind_are_never_taken_for_addresses() {
    // The set of the same name, of marks, which have four bytes, too.
    let of_marks = ADD_SET.replace("0800040000000007", "0800040000000013");
    let delete = hex(DELETE_SET);
    let deleted: Vec<u8> = delete
        .iter()
        .map(|it| if *it == b'n' { b'p' } else { *it })
        .collect();
    let mut decoder = Decoder::default();
    let datagrams = [ADD_ELEMENTS, &of_marks, ADD_ELEMENTS, END]
        .map(hex)
        .to_vec();
    let (_, read) = decode(&mut decoder, datagrams);
    let set = SetName::new(TableFamily::Inet, "t", "p");
    assert_eq!(
        read[0],
        SetChange::Unclear { set: set.clone() },
        "nothing is known of it yet"
    );
    let SetChange::Created(info) = &read[1] else {
        panic!("{read:?}");
    };
    assert!(matches!(info.content, SetContent::Unsupported(_)));
    assert_eq!(read.len(), 2);
    let datagrams = vec![deleted, hex(ADD_SET), hex(ADD_ELEMENTS), hex(END)];
    let (_, read) = decode(&mut decoder, datagrams);
    assert_eq!(read[0], SetChange::Deleted { set: set.clone() });
    let SetChange::Added { elements, .. } = &read[2] else {
        panic!("{read:?}");
    };
    let rest: Vec<_> = elements.iter().map(|it| it.expires_in).collect();
    assert_eq!(rest, [None, Some(Duration::from_secs(60))]);
}

#[test]
fn an_anonymous_set_is_passed_over() {
    let anonymous = ADD_SET.replace("0800030000000010", "0800030000000003");
    let mut decoder = Decoder::default();
    let read = changes(&mut decoder, &[&anonymous, ADD_ELEMENTS, END]);
    assert_eq!(read, [""; 0]);
}

#[test]
fn a_message_of_another_subsystem_is_none() {
    let mut decoder = Decoder::default();
    let _ = changes(&mut decoder, &[ADD_SET]);
    let other = ADD_ELEMENTS.replace("0c0a", "0c01");
    assert_eq!(changes(&mut decoder, &[&other, END]), [""; 0]);
}

#[test]
fn a_kernel_without_nf_tables_is_said_to_have_none() {
    let asked = |errno: Errno| {
        let answer = acknowledged(1, errno.raw_os_error());
        let mut conversation = Conversation::over(Recorded(vec![answer]));
        super::dump_sets(&mut conversation).unwrap_err()
    };
    for errno in [Errno::INVAL, Errno::OPNOTSUPP] {
        let error = asked(errno);
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert_eq!(error.reason(), Some(Reason::NoNfTables));
        assert_eq!(
            error.to_string(),
            "cannot read the sets of nftables: this kernel has no nf_tables"
        );
        assert!(error.hint().unwrap().contains("modprobe"));
    }
    let denied = asked(Errno::PERM);
    assert_eq!(denied.reason(), Some(Reason::NoNetAdmin));
    assert_eq!(denied.outcome().to_string(), "denied");
    assert!(denied.hint().is_some());
    let missing = super::failed("open a socket of nfnetlink", Errno::PROTONOSUPPORT);
    assert_eq!(missing.reason(), Some(Reason::NoNfTables));
}

#[test]
fn a_set_that_can_not_be_is_not_asked_for() {
    let mut conversation = Conversation::over(Recorded(Vec::new()));
    let long = "x".repeat(70_000);
    for set in ["a\0b", &*long] {
        let name = SetName::new(TableFamily::Ip, "t", set);
        let error = super::find_set(&mut conversation, &name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

/// A datagram that is cut off, or has a changed byte, is skipped or read as something else, and nothing panics.
#[test]
fn every_cut_is_survived() {
    for message in captured::ALL {
        let whole = hex(message);
        for length in 0..whole.len() {
            let mut decoder = Decoder::default();
            let _ = changes(&mut decoder, &[ADD_SET, ADD_INTERVAL_SET]);
            let (queue, _) = decode(&mut decoder, vec![whole[..length].to_vec(), hex(END)]);
            let is_whole = length == 0 || length == first_message(&whole);
            if whole.len() < 0x60 && !is_whole {
                assert_eq!(queue, Queue::Overrun, "a cut is a loss: {length}");
            }
        }
    }
}

fn first_message(datagram: &[u8]) -> usize {
    u32::from_ne_bytes(datagram[..4].try_into().unwrap()) as usize
}

proptest! {
    #[test]
    fn every_change_of_bytes_is_survived(
        which in 0..captured::ALL.len(),
        changed in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut datagram = hex(captured::ALL[which]);
        for (at, byte) in changed {
            let at = at.index(datagram.len());
            datagram[at] = byte;
        }
        let mut decoder = Decoder::default();
        let _ = changes(&mut decoder, &[ADD_SET, ADD_INTERVAL_SET]);
        let _ = decode(&mut decoder, vec![datagram, hex(END)]);
    }
}
