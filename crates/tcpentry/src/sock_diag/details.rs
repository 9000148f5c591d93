//! The rest of what the kernel says of a socket, which no listing reads: its timer, and the attributes that only a
//! question for all asks for.

use std::time::Duration;

use super::attribute::{
    INET_DIAG_INFO, INET_DIAG_SHUTDOWN, INET_DIAG_ULP_INFO, next_attribute, upper_layer,
};
use super::message::Malformed;
use super::reader::Reader;
use super::tcp_info::counters;
use crate::connection::Connection;
use crate::connection::details::{Details, Memory, Shutdown, Timer, TimerKind};

/// Reads the rest of a socket whose row has been read from the same bytes.
pub(crate) fn read_details(bytes: &[u8], connection: Connection) -> Result<Details, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut details = Details::of(connection);
    details.timer = timer(&mut reader).ok_or(Malformed)?;
    while let Some((number, value)) = next_attribute(&mut reader)? {
        let mut value_reader = Reader::new(value);
        match number {
            INET_DIAG_INFO => details.counters = counters(value, details.connection.state),
            INET_DIAG_CONG => details.congestion_control = text(value),
            INET_DIAG_TOS => details.tos = value_reader.u8(),
            INET_DIAG_TCLASS => details.traffic_class = value_reader.u8(),
            INET_DIAG_SKMEMINFO => details.memory = memory(value),
            INET_DIAG_SHUTDOWN => details.shutdown = value_reader.u8().map(shutdown),
            INET_DIAG_CLASS_ID => details.class = value_reader.u32(),
            INET_DIAG_ULP_INFO => details.upper_layer = upper_layer(value)?.and_then(text),
            _ => continue,
        }
        // The row kept it as one that is not read.
        let attributes = &mut details.connection.attributes;
        attributes.retain(|attribute| attribute.number != number);
    }
    Ok(details)
}

/// Reads the timer of `struct inet_diag_msg`.
#[allow(
    clippy::option_option,
    reason = "too short, no timer, and a timer are three things"
)]
fn timer(reader: &mut Reader<'_>) -> Option<Option<Timer>> {
    let bytes: [u8; 72] = reader.array()?;
    let [_family, _state, kind, retransmits, ..] = bytes;
    let expires = Reader::new(&bytes[52..]).i32()?;
    let timer = |kind| Timer {
        kind,
        // Before 5.5 Linux wrote what is overdue as a negative number.
        expires: Duration::from_millis(u64::try_from(expires).unwrap_or(0)),
        retransmits,
    };
    Some(TimerKind::from_kernel(kind).map(timer))
}

/// Reads `SK_MEMINFO_*`: words in this order, as many as the kernel has.
fn memory(value: &[u8]) -> Option<Memory> {
    let mut words = Reader::new(value);
    Some(Memory {
        receive: words.u32()?,
        receive_limit: words.u32()?,
        transmit: words.u32()?,
        send_limit: words.u32()?,
        forward: words.u32()?,
        send: words.u32()?,
        options: words.u32()?,
        backlog: words.u32()?,
        drops: words.u32(),
    })
}

fn shutdown(bits: u8) -> Shutdown {
    Shutdown {
        receive: bits & RCV_SHUTDOWN != 0,
        send: bits & SEND_SHUTDOWN != 0,
    }
}

/// Reads a name of the kernel, up to its NUL.
fn text(value: &[u8]) -> Option<String> {
    let name = value.split(|&byte| byte == 0).next()?;
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

const INET_DIAG_CONG: u16 = 4;
const INET_DIAG_TOS: u16 = 5;
const INET_DIAG_TCLASS: u16 = 6;
const INET_DIAG_SKMEMINFO: u16 = 7;
/// It comes with `INET_DIAG_TCLASS`, having no bit of its own.
const INET_DIAG_CLASS_ID: u16 = 17;

const RCV_SHUTDOWN: u8 = 1;
const SEND_SHUTDOWN: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::attribute::{INET_DIAG_SKV6ONLY, read_socket};
    use super::super::fake::pair;
    use super::super::message::testing;
    use super::*;
    use crate::connection::details::Measure;

    /// Returns a socket as it stands in a message, with these attributes.
    fn socket(attributes: &[u8]) -> Vec<u8> {
        let ends = pair("10.0.0.1:80 10.0.0.2:5000");
        testing::socket(1, &ends, 1, 7, 0, attributes).split_off(16)
    }

    fn read(bytes: &[u8]) -> Result<Details, Malformed> {
        read_details(bytes, read_socket(bytes, true)?)
    }

    #[test]
    fn each_attribute_is_read_and_what_is_unknown_is_kept() {
        let words = |words: &[u32]| -> Vec<u8> {
            let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
            bytes.collect()
        };
        let mut info = [0; 104];
        info[100..].copy_from_slice(&5_u32.to_ne_bytes());
        let attributes = [
            testing::attribute(INET_DIAG_INFO, &info),
            testing::attribute(INET_DIAG_CONG, b"cubic\0"),
            testing::attribute(INET_DIAG_TOS, &[0x10]),
            testing::attribute(INET_DIAG_TCLASS, &[0x20]),
            testing::attribute(INET_DIAG_SKMEMINFO, &words(&[1, 2, 3, 4, 5, 6, 7, 8, 9])),
            testing::attribute(INET_DIAG_SHUTDOWN, &[SEND_SHUTDOWN]),
            testing::attribute(INET_DIAG_CLASS_ID, &words(&[6])),
            testing::attribute(INET_DIAG_SKV6ONLY, &[1]),
            testing::attribute(INET_DIAG_ULP_INFO, &testing::attribute(1, b"tls\0")),
            testing::attribute(99, b"new"),
        ];
        let details = read(&socket(&attributes.concat())).unwrap();
        let memory = Memory {
            receive: 1,
            receive_limit: 2,
            transmit: 3,
            send_limit: 4,
            forward: 5,
            send: 6,
            options: 7,
            backlog: 8,
            drops: Some(9),
        };
        assert_eq!(details.memory, Some(memory));
        assert_eq!(details.congestion_control.as_deref(), Some("cubic"));
        assert_eq!(details.upper_layer.as_deref(), Some("tls"));
        assert_eq!((details.tos, details.traffic_class), (Some(16), Some(32)));
        assert_eq!((details.class, details.v6only), (Some(6), Some(true)));
        let shutdown = details.shutdown.unwrap();
        assert_eq!((shutdown.receive, shutdown.send), (false, true));
        assert_eq!(details.counter("total_retrans"), Some(Measure::Count(5)));
        assert_eq!(details.counter("bytes_acked"), None, "it is an old kernel");
        let unknown = details.connection.attributes;
        assert_eq!(unknown.len(), 1);
        assert_eq!(unknown[0].number, 99);
    }

    #[test]
    fn of_a_socket_without_attributes_nothing_is_made_up() {
        let bytes = socket(&[]);
        let row = read_socket(&bytes, true).unwrap();
        assert_eq!(read(&bytes).unwrap(), Details::of(row));
    }

    #[test]
    fn a_timer_that_is_overdue_goes_off_now() {
        let timer = |number, expires: i32| {
            let mut bytes = socket(&[]);
            bytes[2..4].copy_from_slice(&[number, 3]);
            bytes[52..56].copy_from_slice(&expires.to_ne_bytes());
            read(&bytes).unwrap().timer
        };
        assert_eq!(timer(0, 100), None);
        for (number, kind) in [
            (1, TimerKind::Retransmit),
            (2, TimerKind::Keepalive),
            (3, TimerKind::TimeWait),
            (4, TimerKind::Probe),
            (5, TimerKind::DelayedAck),
            (6, TimerKind::Unknown(6)),
        ] {
            for (expires, millis) in [(7_200_000, 7_200_000), (0, 0), (-20, 0)] {
                let expected = Timer {
                    kind,
                    expires: Duration::from_millis(millis),
                    retransmits: 3,
                };
                assert_eq!(timer(number, expires), Some(expected));
            }
        }
    }

    #[test]
    fn fewer_words_of_memory_than_any_kernel_has_are_none() {
        assert_eq!(memory(&[0; 31]), None);
        assert_eq!(memory(&[0; 32]), Some(Memory::default()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, number in 0..30_u16, value: Vec<u8>, behind: Vec<u8>) {
            let _ = read(&bytes);
            let _ = read(&socket(&[testing::attribute(number, &value), behind].concat()));
        }
    }
}
