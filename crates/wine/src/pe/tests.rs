use proptest::prelude::*;

use super::exports::{Exports, Function};
use super::headers::{Headers, Machine};
use super::sample::dll;
use super::{PeError, forward_exports, forwarded_exports, is_forwarded, machine, note};

const NAMES: &[(&str, u16)] = &[("GetTcpTable", 0), ("SetTcpEntry", 2), ("Other", 1)];
const FUNCTIONS: &[Option<&str>] = &[None, Some("kernel32.Other"), None, None];

fn exports(image: &[u8]) -> Exports {
    Exports::read(image, &Headers::read(image).unwrap()).unwrap()
}

fn edited(image: &[u8]) -> Result<Vec<u8>, PeError> {
    forward_exports(image, "tcpentry", &["SetTcpEntry"], "a note")
}

#[test]
fn only_the_named_export_changes() {
    for kind in [Machine::X86_64, Machine::I686] {
        let image = dll(kind, FUNCTIONS, NAMES);
        let edited = edited(&image).unwrap();
        assert_eq!(machine(&edited), Ok(kind));
        let mut expected = exports(&image);
        expected.functions[2] = Function::Forwarder(b"tcpentry.SetTcpEntry".to_vec());
        assert_eq!(exports(&edited), expected);
        assert!(is_forwarded(&edited) && !is_forwarded(&image));
        assert_eq!(
            forwarded_exports(&edited, "tcpentry").unwrap(),
            ["SetTcpEntry"]
        );
        assert_eq!(note(&edited).unwrap(), "a note");
        assert_eq!(edited[0x40..0x50], [0; 16], "counts as native");
        assert_eq!(edited[0x400..image.len()], image[0x400..], "sections stay");
    }
}

#[test]
fn what_can_not_be_edited_is_refused() {
    let image = dll(Machine::X86_64, FUNCTIONS, NAMES);
    let changed = |at: usize, bytes: &[u8]| {
        let mut image = image.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        edited(&image).unwrap_err()
    };
    let table = 0x80 + 24 + 240;
    assert_eq!(changed(0, b"ZM"), PeError::NotPe);
    assert_eq!(changed(0x40, b"Wine placeholder"), PeError::NotWine);
    assert_eq!(changed(0x84, &[0x64, 0xaa]), PeError::OtherMachine(0xaa64));
    assert_eq!(changed(table + 40, b"x"), PeError::NoRoom);
    let headers_end = u32::try_from(table + 79).unwrap().to_le_bytes();
    assert_eq!(changed(0x80 + 24 + 60, &headers_end), PeError::NoRoom);
    assert_eq!(changed(0x80 + 24 + 112 + 36, &[1]), PeError::Signed);
    let twice = edited(&edited(&image).unwrap());
    assert_eq!(twice, Err(PeError::Edited));
    let without = dll(Machine::I686, FUNCTIONS, &NAMES[..1]);
    let missing = PeError::NoSuchExport("SetTcpEntry".to_owned());
    assert_eq!(edited(&without), Err(missing));
    let names = [("SetTcpEntry", 2), ("Second", 2)];
    let shared = PeError::Shared("SetTcpEntry".to_owned(), "Second".to_owned());
    assert_eq!(edited(&dll(Machine::I686, FUNCTIONS, &names)), Err(shared));
}

#[test]
fn no_truncated_file_is_edited() {
    let image = dll(Machine::I686, FUNCTIONS, NAMES);
    for length in 0..image.len() {
        assert!(edited(&image[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn other_exports_stay(
        names in prop::collection::btree_set("[A-Za-z]{1,12}", 0..20),
        is_64_bit in any::<bool>(),
    ) {
        let mut names: Vec<&str> = names.iter().map(String::as_str).filter(|it| *it != "SetTcpEntry").collect();
        names.push("SetTcpEntry");
        let functions: Vec<_> = names.iter().map(|name| (name.len() % 3 == 0).then_some("a.b")).collect();
        let names: Vec<_> = names.into_iter().zip(0..).collect();
        let kind = if is_64_bit { Machine::X86_64 } else { Machine::I686 };
        let image = dll(kind, &functions, &names);
        let mut expected = exports(&image);
        let last = expected.functions.last_mut().unwrap();
        *last = Function::Forwarder(b"tcpentry.SetTcpEntry".to_vec());
        prop_assert_eq!(exports(&edited(&image).unwrap()), expected);
    }

    #[test]
    fn damaged_files_are_no_panic(damage in prop::collection::vec((0..0x500_usize, any::<u8>()), 1..8)) {
        let mut image = dll(Machine::X86_64, FUNCTIONS, NAMES);
        for (at, byte) in damage {
            if let Some(place) = image.get_mut(at) {
                *place = byte;
            }
        }
        crate::fuzz::dll(&image);
    }
}
