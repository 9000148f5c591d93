//! The kernel's counters of a connection in groups, by names and with units that need no knowledge of `struct tcp_info`.

use tcpentry::connection::{Counter, Measure};

use super::super::message::Section;
use crate::output::amount::{count, measure};

/// A counter: the kernel's name without `tcpi_`, and its value.
pub(super) type NamedCounter = (&'static str, Measure);

/// Returns the counters with their names.
pub(super) fn named(counters: &[Counter]) -> Vec<NamedCounter> {
    let counters = counters.iter();
    counters
        .map(|counter| (counter.name, counter.value))
        .collect()
}

/// Returns the counters in groups. One that has no group here, as of a later kernel, is in the last.
pub(super) fn grouped(counters: &[NamedCounter]) -> Vec<Section> {
    let groups = GROUPS.iter().map(|group| Section {
        title: group.title,
        lines: of_group(group, counters),
    });
    let is_other = |(name, _): &&NamedCounter| {
        let mut fields = GROUPS.iter().flat_map(|group| group.fields);
        !fields.any(|field| field.counter == *name)
    };
    let others = counters.iter().filter(is_other);
    let others = Section {
        title: "other counters of this kernel",
        lines: others
            .map(|(name, value)| ((*name).to_owned(), measure(*value)))
            .collect(),
    };
    let all = groups.chain([others]);
    all.filter(|section| !section.lines.is_empty()).collect()
}

/// Returns the counters by the kernel's names, with all digits.
pub(super) fn by_kernel_names(counters: &[NamedCounter]) -> Section {
    let name = |name: &str| match name.strip_prefix("opt_") {
        Some(option) => format!("TCPI_OPT_{}", option.to_uppercase()),
        None => format!("tcpi_{name}"),
    };
    let counters = counters.iter();
    Section {
        title: "counters (struct tcp_info)",
        lines: counters
            .map(|(it, value)| (name(it), value.to_string()))
            .collect(),
    }
}

fn of_group(group: &CounterGroup, counters: &[NamedCounter]) -> Vec<(String, String)> {
    let fields = group.fields.iter().filter_map(|field| {
        let value = find(counters, field.counter)?;
        Some((field.name.to_owned(), text(field.form, value, counters)))
    });
    fields.collect()
}

fn find(counters: &[NamedCounter], name: &str) -> Option<Measure> {
    let counter = counters.iter().find(|(it, _)| *it == name);
    counter.map(|(_, value)| *value)
}

fn text(form: ValueForm, value: Measure, counters: &[NamedCounter]) -> String {
    match (form, value) {
        (ValueForm::Segments, Measure::Count(1)) => "1 segment".to_owned(),
        (ValueForm::Segments, Measure::Count(number)) => format!("{} segments", count(number)),
        // What has not been measured yet is 0.
        (ValueForm::Measured, Measure::BytesPerSecond(0)) => "not measured yet".to_owned(),
        (ValueForm::Measured, Measure::Time(time)) if time.is_zero() => {
            "not measured yet".to_owned()
        }
        (ValueForm::OfBusy, Measure::Time(time)) => {
            let text = measure(value);
            match find(counters, "busy_time") {
                Some(Measure::Time(busy)) if !busy.is_zero() => {
                    let percent = 100.0 * time.as_secs_f64() / busy.as_secs_f64();
                    format!("{text}, {percent:.0}% of that")
                }
                _ => text,
            }
        }
        (ValueForm::Ago, Measure::Time(_)) => format!("{} ago", measure(value)),
        _ => measure(value),
    }
}

struct CounterGroup {
    title: &'static str,
    fields: &'static [GroupField],
}

struct GroupField {
    /// The kernel's name without `tcpi_`.
    counter: &'static str,
    name: &'static str,
    form: ValueForm,
}

/// The form in which a value is written.
#[derive(Clone, Copy)]
enum ValueForm {
    /// By what it measures.
    Own,
    Segments,
    Measured,
    /// As a part of the time in which there was something to send.
    OfBusy,
    /// As the time since.
    Ago,
}

const fn own(counter: &'static str, name: &'static str) -> GroupField {
    of(counter, name, ValueForm::Own)
}

const fn segments(counter: &'static str, name: &'static str) -> GroupField {
    of(counter, name, ValueForm::Segments)
}

const fn of(counter: &'static str, name: &'static str, form: ValueForm) -> GroupField {
    GroupField {
        counter,
        name,
        form,
    }
}

/// All counters of Linux 6.18.
const GROUPS: &[CounterGroup] = &[
    CounterGroup {
        title: "time and path",
        fields: &[
            of("rtt", "round trip, smoothed", ValueForm::Measured),
            of("rttvar", "its variation", ValueForm::Measured),
            of(
                "min_rtt",
                "shortest round trip of late",
                ValueForm::Measured,
            ),
            own("rto", "retransmission timeout"),
            own("ato", "delayed acknowledgement after"),
            own("pmtu", "path MTU"),
            own("snd_mss", "segment size, sending"),
            own("rcv_mss", "segment size, receiving"),
            own("advmss", "segment size, announced"),
        ],
    },
    CounterGroup {
        title: "sending",
        fields: &[
            segments("snd_cwnd", "congestion window"),
            segments("snd_ssthresh", "slow start up to"),
            own("ca_state", "congestion state"),
            segments("unacked", "under way"),
            own("notsent_bytes", "waits, not yet sent"),
            own("snd_wnd", "window of the peer"),
            of(
                "delivery_rate",
                "delivery rate, last measured",
                ValueForm::Measured,
            ),
            own(
                "delivery_rate_app_limited",
                "then limited by the application",
            ),
            own("pacing_rate", "pacing rate"),
            own("max_pacing_rate", "pacing rate, at most"),
        ],
    },
    CounterGroup {
        title: "loss",
        fields: &[
            segments("total_retrans", "sent again"),
            own("bytes_retrans", "sent again, bytes"),
            segments("retrans", "sent again and under way"),
            own("retransmits", "retries of what waits now"),
            segments("lost", "taken for lost now"),
            segments("sacked", "acknowledged out of order now"),
            own("dsack_dups", "arrived twice (DSACK)"),
            segments("reordering", "reordering allowed for"),
            own("reord_seen", "reorderings seen"),
            own("total_rto", "timeouts"),
            own("total_rto_recoveries", "recoveries from timeouts"),
            own("total_rto_time", "time in timeouts"),
            own("rehash", "other paths tried"),
        ],
    },
    CounterGroup {
        title: "receiving",
        fields: &[
            own("rcv_wnd", "window open to the peer"),
            own("rcv_space", "buffer space by the rate (rcv_space)"),
            own("rcv_ssthresh", "window at most for now"),
            of(
                "rcv_rtt",
                "round trip, as the receiver",
                ValueForm::Measured,
            ),
            segments("rcv_ooopack", "came out of order"),
        ],
    },
    CounterGroup {
        title: "limits",
        fields: &[
            own("busy_time", "had something to send for"),
            of(
                "rwnd_limited",
                "held up by the peer's window",
                ValueForm::OfBusy,
            ),
            of(
                "sndbuf_limited",
                "held up by the send buffer",
                ValueForm::OfBusy,
            ),
        ],
    },
    CounterGroup {
        title: "timers",
        fields: &[
            own("probes", "unanswered probes"),
            own("backoff", "timeout doubled, times"),
            of("last_data_sent", "data sent", ValueForm::Ago),
            of("last_data_recv", "data received", ValueForm::Ago),
            of("last_ack_recv", "acknowledgement received", ValueForm::Ago),
        ],
    },
    CounterGroup {
        title: "totals",
        fields: &[
            own("bytes_sent", "sent, with what was sent again"),
            own("bytes_acked", "sent and acknowledged"),
            own("bytes_received", "received"),
            own("segs_out", "segments out"),
            own("segs_in", "segments in"),
            own("data_segs_out", "segments out, with data"),
            own("data_segs_in", "segments in, with data"),
            segments("delivered", "delivered"),
            segments("delivered_ce", "delivered, marked (ECN CE)"),
            segments("received_ce", "received, marked (ECN CE)"),
            own("delivered_e1_bytes", "delivered as ECT(1)"),
            own("delivered_e0_bytes", "delivered as ECT(0)"),
            own("delivered_ce_bytes", "delivered as CE"),
            own("received_e1_bytes", "received as ECT(1)"),
            own("received_e0_bytes", "received as ECT(0)"),
            own("received_ce_bytes", "received as CE"),
        ],
    },
    CounterGroup {
        title: "agreed at the start",
        fields: &[
            own("opt_timestamps", "timestamps"),
            own("opt_sack", "selective acknowledgement (SACK)"),
            own("opt_wscale", "window scaling"),
            own("snd_wscale", "bits of scaling, peer's window"),
            own("rcv_wscale", "bits of scaling, own window"),
            own("opt_ecn", "ECN"),
            own("opt_ecn_seen", "ECN seen"),
            own("opt_syn_data", "data in the SYN"),
            own("opt_usec_ts", "timestamps in microseconds"),
            own("opt_tfo_child", "Fast Open"),
            own("fastopen_client_fail", "Fast Open failed by"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn millis(millis: u64) -> Measure {
        Measure::Time(Duration::from_millis(millis))
    }

    #[test]
    fn counters_stand_in_their_groups_with_units() {
        let counters = [
            ("total_retrans", Measure::Count(1)),
            ("rtt", millis(24)),
            ("min_rtt", millis(0)),
            ("snd_cwnd", Measure::Count(1_234)),
            ("snd_ssthresh", Measure::Unlimited),
            ("busy_time", millis(4_000)),
            ("rwnd_limited", millis(3_000)),
            ("last_data_sent", millis(1_500)),
            ("opt_sack", Measure::Flag(true)),
            ("of_a_later_kernel", Measure::Bytes(7)),
        ];
        let shown: Vec<_> = grouped(&counters)
            .into_iter()
            .flat_map(|section| {
                let lines = section.lines.into_iter();
                let lines = lines.map(|(name, value)| format!("{name}: {value}"));
                [section.title.to_owned()].into_iter().chain(lines)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "time and path",
                "round trip, smoothed: 24.0 ms",
                "shortest round trip of late: not measured yet",
                "sending",
                "congestion window: 1,234 segments",
                "slow start up to: no limit",
                "loss",
                "sent again: 1 segment",
                "limits",
                "had something to send for: 4.00 s",
                "held up by the peer's window: 3.00 s, 75% of that",
                "timers",
                "data sent: 1.50 s ago",
                "agreed at the start",
                "selective acknowledgement (SACK): yes",
                "other counters of this kernel",
                "of_a_later_kernel: 7 B",
            ]
        );
        let kernel = by_kernel_names(&counters);
        assert_eq!(kernel.lines[1], ("tcpi_rtt".to_owned(), "24ms".to_owned()));
        assert_eq!(kernel.lines[8].0, "TCPI_OPT_SACK");
        assert_eq!(kernel.lines.len(), counters.len());
    }

    #[test]
    fn each_counter_has_one_place() {
        let mut seen = std::collections::HashSet::new();
        for field in GROUPS.iter().flat_map(|group| group.fields) {
            assert!(seen.insert(field.counter), "{}", field.counter);
        }
    }
}
