//! The kernel's `struct tcp_info`, whole: what stands where, and in which unit.
//!
//! It has only ever grown at its end, so its length says what a kernel has. A listing reads its few fields by themselves,
//! in `attribute.rs`, for speed.

use std::time::Duration;

use super::reader::Reader;
use crate::connection::details::{Counter, Measure};
use crate::connection::state::State;

/// Returns the fields that this kernel has sent of a socket in this state.
pub(super) fn counters(info: &[u8], state: State) -> Vec<Counter> {
    let fields = FIELDS.iter();
    fields
        .filter(|field| state != State::Listening || OF_LISTENERS.contains(&field.name))
        .filter_map(|field| {
            let value = field.unit.measure(field.raw(info)?)?;
            let name = field.name;
            Some(Counter { name, value })
        })
        .collect()
}

struct Field {
    name: &'static str,
    /// The offset in bytes.
    offset: usize,
    width: Width,
    unit: FieldUnit,
}

#[derive(Clone, Copy)]
enum Width {
    U8,
    U16,
    U32,
    U64,
    /// A bit of a byte, by its value: this power of two.
    Bit(u32),
    /// A bit-field of a byte: the first of its bits, counted as they are declared, and how many.
    Bits(u32, u32),
}

#[derive(Clone, Copy)]
enum FieldUnit {
    Count,
    /// A count of which `TCP_INFINITE_SSTHRESH` is no limit.
    Threshold,
    Bytes,
    /// A rate of which all bits set is no limit.
    BytesPerSecond,
    /// A time of which 32 bits set say that it has not been measured yet.
    Micros,
    Millis,
    Flag,
    Words(&'static [&'static str]),
    /// It says nothing, or what is said elsewhere.
    Nothing,
}

const fn field(name: &'static str, offset: usize, width: Width, unit: FieldUnit) -> Field {
    Field {
        name,
        offset,
        width,
        unit,
    }
}

impl Field {
    fn raw(&self, info: &[u8]) -> Option<u64> {
        let mut reader = Reader::new(info.get(self.offset..)?);
        match self.width {
            Width::U8 => reader.u8().map(u64::from),
            Width::U16 => reader.u16().map(u64::from),
            Width::U32 => reader.u32().map(u64::from),
            Width::U64 => reader.u64(),
            Width::Bit(power) => Some(u64::from((reader.u8()? >> power) & 1)),
            Width::Bits(first, count) => {
                // The first one declared is the lowest, or the highest, as in the order of bytes.
                let shift = if cfg!(target_endian = "little") {
                    first
                } else {
                    8 - first - count
                };
                let bits = u32::from(reader.u8()?) >> shift;
                Some(u64::from(bits & ((1 << count) - 1)))
            }
        }
    }
}

impl FieldUnit {
    fn measure(self, raw: u64) -> Option<Measure> {
        Some(match self {
            Self::Threshold if raw >= TCP_INFINITE_SSTHRESH => Measure::Unlimited,
            Self::Count | Self::Threshold => Measure::Count(raw),
            Self::Bytes => Measure::Bytes(raw),
            Self::BytesPerSecond if raw == u64::MAX => Measure::Unlimited,
            Self::BytesPerSecond => Measure::BytesPerSecond(raw),
            Self::Micros if raw == u64::from(u32::MAX) => return None,
            Self::Micros => Measure::Time(Duration::from_micros(raw)),
            Self::Millis => Measure::Time(Duration::from_millis(raw)),
            Self::Flag => Measure::Flag(raw != 0),
            Self::Words(words) => match usize::try_from(raw).ok().and_then(|n| words.get(n)) {
                Some(word) => Measure::Word(word),
                None => Measure::Count(raw),
            },
            Self::Nothing => return None,
        })
    }
}

/// The fields that a listener has: its others are 0, or say something else (`unacked` and `sacked`, its queue and the limit).
const OF_LISTENERS: [&str; 4] = ["snd_cwnd", "reordering", "pacing_rate", "max_pacing_rate"];

const TCP_INFINITE_SSTHRESH: u64 = 0x7fff_ffff;

/// `enum tcp_ca_state`
const CA_STATES: &[&str] = &["open", "disorder", "cwr", "recovery", "loss"];
/// `enum tcp_fastopen_client_fail`
const FASTOPEN_FAILURES: &[&str] = &[
    "unspec",
    "cookie-unavailable",
    "data-not-acked",
    "syn-retransmitted",
];

use FieldUnit::{Bytes, BytesPerSecond, Count, Flag, Micros, Millis, Nothing, Threshold, Words};
use Width::{Bit, Bits, U8, U16, U32, U64};

/// Linux 6.18, field by field. Its last word, `accecn_fail_mode` and `accecn_opt_seen`, is left out: in Linux 7.0 the same
/// four bytes are other bits.
const FIELDS: &[Field] = &[
    // `Connection::state`
    field("state", 0, U8, Nothing),
    field("ca_state", 1, U8, Words(CA_STATES)),
    field("retransmits", 2, U8, Count),
    field("probes", 3, U8, Count),
    field("backoff", 4, U8, Count),
    // `tcpi_options`
    field("opt_timestamps", 5, Bit(0), Flag),
    field("opt_sack", 5, Bit(1), Flag),
    field("opt_wscale", 5, Bit(2), Flag),
    field("opt_ecn", 5, Bit(3), Flag),
    field("opt_ecn_seen", 5, Bit(4), Flag),
    field("opt_syn_data", 5, Bit(5), Flag),
    field("opt_usec_ts", 5, Bit(6), Flag),
    field("opt_tfo_child", 5, Bit(7), Flag),
    field("snd_wscale", 6, Bits(0, 4), Count),
    field("rcv_wscale", 6, Bits(4, 4), Count),
    field("delivery_rate_app_limited", 7, Bits(0, 1), Flag),
    field(
        "fastopen_client_fail",
        7,
        Bits(1, 2),
        Words(FASTOPEN_FAILURES),
    ),
    field("", 7, Bits(3, 5), Nothing),
    field("rto", 8, U32, Micros),
    field("ato", 12, U32, Micros),
    field("snd_mss", 16, U32, Bytes),
    field("rcv_mss", 20, U32, Bytes),
    field("unacked", 24, U32, Count),
    field("sacked", 28, U32, Count),
    field("lost", 32, U32, Count),
    field("retrans", 36, U32, Count),
    // Always 0 since Linux 4.15.
    field("fackets", 40, U32, Nothing),
    field("last_data_sent", 44, U32, Millis),
    // "Not remembered, sorry": always 0.
    field("last_ack_sent", 48, U32, Nothing),
    field("last_data_recv", 52, U32, Millis),
    field("last_ack_recv", 56, U32, Millis),
    field("pmtu", 60, U32, Bytes),
    field("rcv_ssthresh", 64, U32, Bytes),
    field("rtt", 68, U32, Micros),
    field("rttvar", 72, U32, Micros),
    field("snd_ssthresh", 76, U32, Threshold),
    field("snd_cwnd", 80, U32, Count),
    field("advmss", 84, U32, Bytes),
    field("reordering", 88, U32, Count),
    field("rcv_rtt", 92, U32, Micros),
    field("rcv_space", 96, U32, Bytes),
    field("total_retrans", 100, U32, Count),
    // Linux 3.15
    field("pacing_rate", 104, U64, BytesPerSecond),
    field("max_pacing_rate", 112, U64, BytesPerSecond),
    // 4.1
    field("bytes_acked", 120, U64, Bytes),
    field("bytes_received", 128, U64, Bytes),
    // 4.2
    field("segs_out", 136, U32, Count),
    field("segs_in", 140, U32, Count),
    // 4.6
    field("notsent_bytes", 144, U32, Bytes),
    field("min_rtt", 148, U32, Micros),
    field("data_segs_in", 152, U32, Count),
    field("data_segs_out", 156, U32, Count),
    // 4.9
    field("delivery_rate", 160, U64, BytesPerSecond),
    // 4.10
    field("busy_time", 168, U64, Micros),
    field("rwnd_limited", 176, U64, Micros),
    field("sndbuf_limited", 184, U64, Micros),
    // 4.18
    field("delivered", 192, U32, Count),
    field("delivered_ce", 196, U32, Count),
    // 4.19
    field("bytes_sent", 200, U64, Bytes),
    field("bytes_retrans", 208, U64, Bytes),
    field("dsack_dups", 216, U32, Count),
    field("reord_seen", 220, U32, Count),
    // 5.4
    field("rcv_ooopack", 224, U32, Count),
    field("snd_wnd", 228, U32, Bytes),
    // 6.2
    field("rcv_wnd", 232, U32, Bytes),
    field("rehash", 236, U32, Count),
    // 6.7
    field("total_rto", 240, U16, Count),
    field("total_rto_recoveries", 242, U16, Count),
    field("total_rto_time", 244, U32, Millis),
    // 6.18
    field("received_ce", 248, U32, Count),
    field("delivered_e1_bytes", 252, U32, Bytes),
    field("delivered_e0_bytes", 256, U32, Bytes),
    field("delivered_ce_bytes", 260, U32, Bytes),
    field("received_e1_bytes", 264, U32, Bytes),
    field("received_e0_bytes", 268, U32, Bytes),
    field("received_ce_bytes", 272, U32, Bytes),
];

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use proptest::prelude::*;

    use super::super::attribute::tcp_info;
    use super::*;

    fn of(info: &[u8], name: &str) -> Option<Measure> {
        let counters = counters(info, State::Established);
        let counter = counters.iter().find(|counter| counter.name == name);
        counter.map(|counter| counter.value)
    }

    impl Width {
        fn bits(self) -> usize {
            match self {
                U8 => 8,
                U16 => 16,
                U32 => 32,
                U64 => 64,
                Bit(_) => 1,
                Bits(_, count) => count as usize,
            }
        }
    }

    #[test]
    fn the_table_has_no_gap() {
        let mut end = 0;
        for field in FIELDS {
            let within = match field.width {
                Bit(first) | Bits(first, _) => first as usize,
                _ => 0,
            };
            assert_eq!(field.offset * 8 + within, end, "{}", field.name);
            end += field.width.bits();
        }
        assert_eq!(end, 276 * 8);
    }

    #[test]
    fn its_fields_stand_where_another_library_has_them() {
        macro_rules! offsets {
            ($($name:ident),* $(,)?) => {
                [$((
                    stringify!($name).trim_start_matches("tcpi_"),
                    offset_of!(libc::tcp_info, $name),
                )),*]
            };
        }
        for (name, offset) in offsets![
            tcpi_ca_state,
            tcpi_retransmits,
            tcpi_probes,
            tcpi_backoff,
            tcpi_rto,
            tcpi_ato,
            tcpi_snd_mss,
            tcpi_rcv_mss,
            tcpi_unacked,
            tcpi_sacked,
            tcpi_lost,
            tcpi_retrans,
            tcpi_fackets,
            tcpi_last_data_sent,
            tcpi_last_ack_sent,
            tcpi_last_data_recv,
            tcpi_last_ack_recv,
            tcpi_pmtu,
            tcpi_rcv_ssthresh,
            tcpi_rtt,
            tcpi_rttvar,
            tcpi_snd_ssthresh,
            tcpi_snd_cwnd,
            tcpi_advmss,
            tcpi_reordering,
            tcpi_rcv_rtt,
            tcpi_rcv_space,
            tcpi_total_retrans,
            tcpi_pacing_rate,
            tcpi_max_pacing_rate,
            tcpi_bytes_acked,
            tcpi_bytes_received,
            tcpi_segs_out,
            tcpi_segs_in,
            tcpi_notsent_bytes,
            tcpi_min_rtt,
            tcpi_data_segs_in,
            tcpi_data_segs_out,
            tcpi_delivery_rate,
            tcpi_busy_time,
            tcpi_rwnd_limited,
            tcpi_sndbuf_limited,
            tcpi_delivered,
            tcpi_delivered_ce,
            tcpi_bytes_sent,
            tcpi_bytes_retrans,
            tcpi_dsack_dups,
            tcpi_reord_seen,
            tcpi_rcv_ooopack,
            tcpi_snd_wnd,
            tcpi_rcv_wnd,
            tcpi_rehash,
            tcpi_total_rto,
            tcpi_total_rto_recoveries,
            tcpi_total_rto_time,
            tcpi_received_ce,
            tcpi_delivered_e1_bytes,
            tcpi_delivered_e0_bytes,
            tcpi_delivered_ce_bytes,
            tcpi_received_e1_bytes,
            tcpi_received_e0_bytes,
            tcpi_received_ce_bytes,
        ] {
            let field = FIELDS.iter().find(|field| field.name == name).unwrap();
            assert_eq!(field.offset, offset, "{name}");
        }
    }

    #[test]
    fn what_a_kernel_does_not_send_is_left_out() {
        let all = counters(&[1; 280], State::Established);
        let longer = counters(&[1; 400], State::Established);
        assert_eq!(all, longer);
        assert!(all.iter().all(|counter| !counter.name.is_empty()));
        let count = |length| counters(&vec![1; length], State::Established).len();
        assert_eq!(count(248), all.len() - 7);
        assert_eq!(count(247), all.len() - 8, "a half is none");
        assert_eq!(count(0), 0);
        let last = |length| {
            let counters = counters(&vec![1; length], State::Established);
            counters.last().unwrap().name
        };
        assert_eq!(last(104), "total_retrans");
        assert_eq!(last(232), "snd_wnd");
        assert_eq!(last(240), "rehash");
    }

    #[test]
    fn what_means_none_is_no_number() {
        let all = [0xff; 280];
        for (name, value) in [
            ("pacing_rate", Some(Measure::Unlimited)),
            ("max_pacing_rate", Some(Measure::Unlimited)),
            ("snd_ssthresh", Some(Measure::Unlimited)),
            ("min_rtt", None),
            ("ca_state", Some(Measure::Count(255))),
        ] {
            assert_eq!(of(&all, name), value, "{name}");
        }
        let mut info = [0; 280];
        info[76..80].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
        info[148..152].copy_from_slice(&25_u32.to_ne_bytes());
        assert_eq!(of(&info, "snd_ssthresh"), Some(Measure::Unlimited));
        let min_rtt = Measure::Time(Duration::from_micros(25));
        assert_eq!(of(&info, "min_rtt"), Some(min_rtt));
        assert_eq!(of(&info, "pacing_rate"), Some(Measure::BytesPerSecond(0)));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn bits_are_taken_apart() {
        let mut info = [0; 280];
        info[5] = 0b1000_0010;
        info[6] = 0xa7;
        info[7] = 0b1111_1101;
        for (name, value) in [
            ("opt_timestamps", Measure::Flag(false)),
            ("opt_sack", Measure::Flag(true)),
            ("opt_tfo_child", Measure::Flag(true)),
            ("snd_wscale", Measure::Count(7)),
            ("rcv_wscale", Measure::Count(10)),
            ("delivery_rate_app_limited", Measure::Flag(true)),
            ("fastopen_client_fail", Measure::Word("data-not-acked")),
            ("ca_state", Measure::Word("open")),
        ] {
            assert_eq!(of(&info, name), Some(value), "{name}");
        }
    }

    #[test]
    fn a_listener_has_what_a_listener_has() {
        let counters = counters(&[1; 280], State::Listening);
        let names: Vec<_> = counters.iter().map(|counter| counter.name).collect();
        assert_eq!(names, OF_LISTENERS);
    }

    proptest! {
        /// A listing reads its few fields by offsets of its own.
        #[test]
        fn a_listing_reads_the_same(info in prop::collection::vec(any::<u8>(), 0..300)) {
            let Some(listed) = tcp_info(&info) else {
                prop_assert!(info.len() < 104);
                return Ok(());
            };
            let count = |n: u32| Some(Measure::Count(n.into()));
            let micros = |time: Duration| {
                let measured = time.as_micros() != u128::from(u32::MAX);
                measured.then_some(Measure::Time(time))
            };
            prop_assert_eq!(of(&info, "retransmits"), count(listed.retransmits.into()));
            prop_assert_eq!(of(&info, "total_retrans"), count(listed.total_retransmits));
            prop_assert_eq!(of(&info, "snd_cwnd"), count(listed.congestion_window));
            prop_assert_eq!(of(&info, "rtt"), micros(listed.rtt));
            prop_assert_eq!(of(&info, "rttvar"), micros(listed.rtt_variation));
            for (name, time) in [
                ("last_data_sent", listed.last_data_sent),
                ("last_data_recv", listed.last_data_received),
                ("last_ack_recv", listed.last_ack_received),
            ] {
                prop_assert_eq!(of(&info, name), Some(Measure::Time(time)));
            }
            for (name, bytes) in [
                ("bytes_acked", listed.bytes_acked),
                ("bytes_received", listed.bytes_received),
            ] {
                let told = of(&info, name).unwrap_or(Measure::Bytes(0));
                prop_assert_eq!(told, Measure::Bytes(bytes));
            }
        }
    }
}
