//! The extended statistics of a connection (`TCP_ESTATS_TYPE`): the kernel's `struct tcp_info` in the structures of Windows.
//!
//! What Linux does not keep, or does not tell, is 0. The manual, `GetPerTcpConnectionEStats(3)`, lists it.

use std::time::Duration;

use tcpentry::connection::{Details, Measure};
use tcpentry::{Error, ErrorKind, Pair, State, TcpTable};

use crate::code::Code;
use crate::family::Family;
use crate::image::Image;

/// A kind of statistics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EstatsKind {
    SynOpts,
    Data,
    SndCong,
    Path,
    SendBuff,
    Rec,
    ObsRec,
    Bandwidth,
    FineRtt,
}

/// The three structures of a kind; an empty one is none.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Structures {
    /// Read and write: the switches of the collection.
    pub(crate) rw: Vec<u8>,
    /// Read-only and static.
    pub(crate) ros: Vec<u8>,
    /// Read-only and dynamic.
    pub(crate) rod: Vec<u8>,
}

impl EstatsKind {
    /// Converts the number of a `TCP_ESTATS_TYPE`.
    pub(crate) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::SynOpts,
            1 => Self::Data,
            2 => Self::SndCong,
            3 => Self::Path,
            4 => Self::SendBuff,
            5 => Self::Rec,
            6 => Self::ObsRec,
            7 => Self::Bandwidth,
            8 => Self::FineRtt,
            _ => return None,
        })
    }

    /// Returns the switches of the collection, all on: Linux collects always.
    pub(crate) fn switches(self) -> Vec<u8> {
        match self {
            Self::SynOpts => Vec::new(),
            Self::Bandwidth => [ENABLED.to_ne_bytes(), ENABLED.to_ne_bytes()].concat(),
            _ => vec![1],
        }
    }

    /// Checks the switches that a caller wants to set: on, or left as they are.
    pub(crate) fn check_switches(self, rw: &[u8]) -> Result<(), Code> {
        let values: Vec<i32> = match self {
            Self::SynOpts => return Err(Code::INVALID_PARAMETER),
            Self::Bandwidth => {
                let words = rw.chunks_exact(4).filter_map(|word| word.try_into().ok());
                words.map(i32::from_ne_bytes).collect()
            }
            _ => rw
                .iter()
                .map(|&byte| i8::from_ne_bytes([byte]).into())
                .collect(),
        };
        for value in values {
            match value {
                ENABLED | UNCHANGED => {}
                DISABLED => return Err(Code::NOT_SUPPORTED),
                _ => return Err(Code::INVALID_PARAMETER),
            }
        }
        Ok(())
    }

    /// Returns its structures, of which the numbers come from the kernel's report on a connection.
    fn structures(self, of: &Numbers<'_>) -> Structures {
        let (mut ros, mut rod) = (Image::default(), Image::default());
        match self {
            Self::SynOpts => syn_opts(of, &mut ros),
            Self::Data => data(of, &mut rod),
            Self::SndCong => {
                // LimCwnd
                ros.u32(0);
                snd_cong(of, &mut rod);
            }
            Self::Path => path(of, &mut rod),
            Self::SendBuff => send_buff(of, &mut rod),
            Self::Rec => rec(of, &mut rod),
            Self::ObsRec => obs_rec(of, &mut rod),
            Self::Bandwidth => bandwidth(of, &mut rod),
            Self::FineRtt => fine_rtt(of, &mut rod),
        }
        Structures {
            rw: self.switches(),
            ros: ros.0,
            rod: rod.0,
        }
    }
}

/// Reads the statistics of the connection that has these ends now.
pub(crate) fn read(pair: Result<Pair, Error>, kind: EstatsKind) -> Result<Structures, Code> {
    let details = find(pair)?;
    Ok(kind.structures(&Numbers(&details)))
}

/// Finds a connection; "not found" too for a listener, and for what is left of a connection (TIME_WAIT), which have none.
pub(crate) fn find(pair: Result<Pair, Error>) -> Result<Details, Code> {
    let find = || {
        let pair = pair?;
        let mut table = TcpTable::open()?;
        let connection = table.find(&pair.into())?;
        table.details(&connection)
    };
    let details = find().map_err(|error: Error| match error.kind() {
        ErrorKind::NotFound => Code::NOT_FOUND,
        _ => Code::from(error),
    })?;
    let state = details.connection.state;
    let is_connection = !matches!(state, State::Listening | State::BoundInactive);
    if is_connection && !details.counters.is_empty() {
        Ok(details)
    } else {
        Err(Code::NOT_FOUND)
    }
}

/// Checks that this system has the family of a row.
pub(crate) fn require(family: Family) -> Result<(), Code> {
    family.require()
}

/// The numbers of the kernel's report, 0 for those that this kernel does not have.
struct Numbers<'d>(&'d Details);

impl Numbers<'_> {
    fn get(&self, name: &str) -> u64 {
        match self.0.counter(name) {
            Some(
                Measure::Count(number) | Measure::Bytes(number) | Measure::BytesPerSecond(number),
            ) => number,
            Some(Measure::Unlimited) => u64::MAX,
            _ => 0,
        }
    }

    /// Returns a number for a field of 32 bits, which ends at the highest.
    fn ulong(&self, name: &str) -> u32 {
        ulong(self.get(name))
    }

    fn time(&self, name: &str) -> Duration {
        match self.0.counter(name) {
            Some(Measure::Time(time)) => time,
            _ => Duration::ZERO,
        }
    }

    fn millis(&self, name: &str) -> u32 {
        millis(self.time(name))
    }

    fn micros(&self, name: &str) -> u32 {
        u32::try_from(self.time(name).as_micros()).unwrap_or(u32::MAX)
    }

    /// Returns the bytes of a number of segments.
    fn segments(&self, name: &str) -> u32 {
        ulong(self.get(name).saturating_mul(self.get("snd_mss")))
    }
}

fn ulong(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn zeros(image: &mut Image, words: usize) {
    for _ in 0..words {
        image.u32(0);
    }
}

fn size_t(image: &mut Image, value: u64) {
    image.align(size_of::<usize>());
    let value = usize::try_from(value).unwrap_or(usize::MAX);
    image.0.extend(value.to_ne_bytes());
}

/// Appends `TCP_ESTATS_SYN_OPTS_ROS_v0`
fn syn_opts(of: &Numbers<'_>, image: &mut Image) {
    // ActiveOpen, and what the peer's SYN said: not in tcp_info.
    zeros(image, 2);
    image.u32(of.ulong("advmss"));
}

/// Appends `TCP_ESTATS_DATA_ROD_v0`
fn data(of: &Numbers<'_>, image: &mut Image) {
    for name in [
        "bytes_sent",
        "data_segs_out",
        "bytes_received",
        "data_segs_in",
        "segs_out",
        "segs_in",
    ] {
        image.u64(of.get(name));
    }
    // SoftErrors, SoftErrorReason, SndUna, SndNxt, SndMax
    zeros(image, 5);
    image.align(8);
    image.u64(of.get("bytes_acked"));
    // RcvNxt
    zeros(image, 1);
    image.align(8);
    image.u64(of.get("bytes_received"));
}

/// Appends `TCP_ESTATS_SND_CONG_ROD_v0`
fn snd_cong(of: &Numbers<'_>, image: &mut Image) {
    let (busy, by_peer, by_sender) = (
        of.time("busy_time"),
        of.time("rwnd_limited"),
        of.time("sndbuf_limited"),
    );
    // What is left of the time in which there was something to send.
    let by_congestion = busy.saturating_sub(by_peer).saturating_sub(by_sender);
    for limited in [by_peer, by_congestion, by_sender] {
        // Transitions; time; bytes.
        zeros(image, 1);
        image.u32(millis(limited));
        size_t(image, 0);
    }
    // SlowStart, CongAvoid, OtherReductions
    zeros(image, 3);
    image.u32(of.segments("snd_cwnd"));
    // MaxSsCwnd, MaxCaCwnd
    zeros(image, 2);
    image.u32(of.segments("snd_ssthresh"));
    // MaxSsthresh, MinSsthresh
    zeros(image, 2);
    image.align(size_of::<usize>());
}

/// Appends `TCP_ESTATS_PATH_ROD_v0`
fn path(of: &Numbers<'_>, image: &mut Image) {
    let (timeouts, recoveries) = (of.ulong("total_rto"), of.ulong("total_rto_recoveries"));
    let fields = [
        0,          // FastRetran
        recoveries, // Timeouts: the first of each series
        timeouts.saturating_sub(recoveries),
        of.ulong("retransmits"), // CurTimeoutCount
        0,                       // AbruptTimeouts
        of.ulong("total_retrans"),
        of.ulong("bytes_retrans"),
        0,                        // DupAcksIn
        0,                        // SacksRcvd
        0,                        // SackBlocksRcvd
        0,                        // CongSignals
        0,                        // PreCongSumCwnd
        0,                        // PreCongSumRtt
        0,                        // PostCongSumRtt
        0,                        // PostCongCountRtt
        0,                        // EcnSignals
        of.ulong("delivered_ce"), // EceRcvd
        0,                        // SendStall
        0,                        // QuenchRcvd
        of.ulong("reordering"),   // RetranThresh
        0,                        // SndDupAckEpisodes
        0,                        // SumBytesReordered
        0,                        // NonRecovDa
        0,                        // NonRecovDaEpisodes
        0,                        // AckAfterFr
        of.ulong("dsack_dups"),
        0, // SampleRtt
        of.millis("rtt"),
        of.millis("rttvar"),
        0, // MaxRtt
        of.millis("min_rtt"),
        0, // SumRtt
        0, // CountRtt
        of.millis("rto"),
        0, // MaxRto
        0, // MinRto
        of.ulong("snd_mss"),
        0, // MaxMss
        0, // MinMss
        0, // SpuriousRtoDetections
    ];
    for field in fields {
        image.u32(field);
    }
}

/// Appends `TCP_ESTATS_SEND_BUFF_ROD_v0`
fn send_buff(of: &Numbers<'_>, image: &mut Image) {
    let (queue, unsent) = (of.0.connection.send_queue, of.get("notsent_bytes"));
    size_t(image, u64::from(queue).saturating_sub(unsent));
    size_t(image, 0);
    size_t(image, unsent);
    size_t(image, 0);
}

/// Appends `TCP_ESTATS_REC_ROD_v0`
fn rec(of: &Numbers<'_>, image: &mut Image) {
    image.u32(of.ulong("rcv_wnd"));
    // MaxRwinSent, MinRwinSent, LimRwin, DupAckEpisodes, DupAcksOut
    zeros(image, 5);
    image.u32(of.ulong("received_ce"));
    // EcnSent, EcnNoncesRcvd, CurReasmQueue, MaxReasmQueue
    zeros(image, 4);
    size_t(image, of.0.connection.recv_queue.into());
    size_t(image, 0);
    image.u8(shift(of, "rcv_wscale"));
    image.align(size_of::<usize>());
}

/// Appends `TCP_ESTATS_OBS_REC_ROD_v0`
fn obs_rec(of: &Numbers<'_>, image: &mut Image) {
    image.u32(of.ulong("snd_wnd"));
    // MaxRwinRcvd, MinRwinRcvd
    zeros(image, 2);
    image.u8(shift(of, "snd_wscale"));
    image.align(4);
}

fn shift(of: &Numbers<'_>, name: &str) -> u8 {
    u8::try_from(of.get(name)).unwrap_or(0)
}

/// Appends `TCP_ESTATS_BANDWIDTH_ROD_v0`, in bits per second.
fn bandwidth(of: &Numbers<'_>, image: &mut Image) {
    image.u64(of.get("delivery_rate").saturating_mul(8));
    for _ in 0..3 {
        image.u64(0);
    }
    // OutboundBandwidthPeaked, InboundBandwidthPeaked
    image.u8(0);
    image.u8(0);
    image.align(8);
}

/// Appends `TCP_ESTATS_FINE_RTT_ROD_v0`, in microseconds.
fn fine_rtt(of: &Numbers<'_>, image: &mut Image) {
    image.u32(of.micros("rttvar"));
    // MaxRtt
    zeros(image, 1);
    image.u32(of.micros("min_rtt"));
    // SumRtt
    zeros(image, 1);
}

/// `TCP_BOOLEAN_OPTIONAL`
const DISABLED: i32 = 0;
const ENABLED: i32 = 1;
const UNCHANGED: i32 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_always_on_can_be_switched_on() {
        let both = |one: i32, other: i32| [one.to_ne_bytes(), other.to_ne_bytes()].concat();
        for (kind, rw, expected) in [
            (EstatsKind::Data, vec![1], Ok(())),
            (EstatsKind::Path, vec![0xff], Ok(())),
            (EstatsKind::FineRtt, vec![0], Err(Code::NOT_SUPPORTED)),
            (EstatsKind::Rec, vec![2], Err(Code::INVALID_PARAMETER)),
            (EstatsKind::SynOpts, vec![], Err(Code::INVALID_PARAMETER)),
            (EstatsKind::Bandwidth, both(1, -1), Ok(())),
            (EstatsKind::Bandwidth, both(1, 0), Err(Code::NOT_SUPPORTED)),
        ] {
            assert_eq!(kind.check_switches(&rw), expected, "{kind:?} {rw:?}");
        }
    }
}
