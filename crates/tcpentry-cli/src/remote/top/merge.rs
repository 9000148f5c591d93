//! The rows of all hosts as one table.

use std::time::Instant;

use super::host::{HostFrame, Presence};
use crate::top::{Baseline, ForeignFrame, HostCount, IdentifiedRow};

/// News of a host.
#[derive(Debug)]
pub(super) struct HostNews {
    pub(super) presence: Presence,
    pub(super) frame: Option<HostFrame>,
}

/// The rows of all hosts, as they are shown.
#[derive(Debug, Default)]
pub(super) struct MergedTable {
    hosts: Vec<MergedHost>,
    has_shown: bool,
    /// It was not shown for a while.
    was_paused: bool,
}

#[derive(Debug, Default)]
struct MergedHost {
    name: String,
    is_shown: bool,
    rows: Vec<IdentifiedRow>,
    hidden: u64,
    notes: Vec<String>,
}

impl MergedTable {
    pub(super) fn new(names: &[String]) -> Self {
        let host = |name: &String| MergedHost {
            name: name.clone(),
            ..MergedHost::default()
        };
        Self {
            hosts: names.iter().map(host).collect(),
            ..Self::default()
        }
    }

    /// Goes on after a pause.
    pub(super) fn resume(&mut self) {
        self.was_paused = true;
    }

    /// Takes what is new of each host. Returns the next frame, if there is anything new, and messages about those that are
    /// missing.
    ///
    /// The rows of a host that is missing have not left: they are not known any more.
    pub(super) fn take(
        &mut self,
        news: Vec<HostNews>,
        now: Instant,
    ) -> (Option<ForeignFrame>, Vec<String>) {
        let mut is_reset = !self.has_shown;
        let mut is_new = is_reset;
        let mut missing = Vec::new();
        for (host, news) in self.hosts.iter_mut().zip(news) {
            if let Some(frame) = news.frame {
                is_new = true;
                is_reset |= host.is_shown && frame.is_reset;
                (host.rows, host.hidden, host.notes) = (frame.rows, frame.hidden, frame.notes);
            }
            let is_shown = news.presence == Presence::Shown;
            if is_shown != host.is_shown {
                (is_new, is_reset) = (true, true);
                host.is_shown = is_shown;
            }
            if let Presence::Missing(why) = news.presence {
                (host.rows, host.hidden, host.notes) = Default::default();
                missing.push(why);
            }
        }
        let notes = self.notes(&missing);
        if !is_new {
            return (None, notes);
        }
        self.has_shown = true;
        let was_paused = std::mem::take(&mut self.was_paused);
        let hosts = self.hosts.iter();
        let frame = ForeignFrame {
            rows: hosts.clone().flat_map(|host| &host.rows).cloned().collect(),
            baseline: match (is_reset, was_paused) {
                (true, _) => Baseline::Reset,
                (false, true) => Baseline::BeforePause,
                (false, false) => Baseline::Previous,
            },
            hidden: hosts.fold(0, |sum, host| sum.saturating_add(host.hidden)),
            notes: Vec::new(),
            read_time: std::time::Duration::ZERO,
            read_at: now,
            hosts: Some(HostCount {
                answering: self.hosts.len() - missing.len(),
                all: self.hosts.len(),
            }),
        };
        (Some(frame), notes)
    }

    /// Returns the messages about all hosts, of which a screen may show only the first.
    fn notes(&self, missing: &[String]) -> Vec<String> {
        let missing = match missing {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("{} hosts: {}", several.len(), several.join("; "))),
        };
        let of_host = |host: &MergedHost| {
            let notes = host.notes.iter();
            let named = notes.map(|note| format!("{}: {note}", host.name));
            named.collect::<Vec<_>>()
        };
        let of_hosts = self.hosts.iter().flat_map(of_host);
        missing.into_iter().chain(of_hosts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::testing_row;

    /// Returns what is new of a host which has sent these rows, or is missing.
    fn news(rows: Option<&[u64]>) -> HostNews {
        let rows = rows.map(|rows| rows.iter().map(|row| (testing_row(*row), None)).collect());
        HostNews {
            presence: match rows {
                Some(_) => Presence::Shown,
                None => Presence::Missing("b lost".to_owned()),
            },
            frame: rows.map(|rows| HostFrame {
                rows,
                ..HostFrame::default()
            }),
        }
    }

    fn quiet() -> HostNews {
        HostNews {
            presence: Presence::Shown,
            frame: None,
        }
    }

    fn cookies(frame: &ForeignFrame) -> Vec<u64> {
        let rows = frame.rows.iter();
        rows.map(|(row, _)| row.key.cookie.value()).collect()
    }

    #[test]
    fn rows_of_a_missing_host_have_not_left_and_those_of_the_others_stay() {
        let mut table = MergedTable::new(&["a".to_owned(), "b".to_owned()]);
        let now = Instant::now();
        let mut take = |news: Vec<HostNews>| {
            let (frame, notes) = table.take(news, now);
            let frame = frame.map(|it| (cookies(&it), it.baseline, it.hosts.unwrap().answering));
            (frame, notes.join("|"))
        };
        let none = String::new;
        assert_eq!(
            take(vec![news(Some(&[1])), news(None)]),
            (Some((vec![1], Baseline::Reset, 1)), "b lost".to_owned())
        );
        assert_eq!(
            take(vec![quiet(), news(Some(&[7, 8]))]),
            (Some((vec![1, 7, 8], Baseline::Reset, 2)), none()),
            "they were there before"
        );
        assert_eq!(take(vec![quiet(), quiet()]), (None, none()));
        assert_eq!(
            take(vec![news(Some(&[1, 2])), quiet()]),
            (Some((vec![1, 2, 7, 8], Baseline::Previous, 2)), none())
        );
        let lost = || news(None);
        assert_eq!(
            take(vec![quiet(), lost()]),
            (Some((vec![1, 2], Baseline::Reset, 1)), "b lost".to_owned())
        );
        assert_eq!(take(vec![quiet(), lost()]), (None, "b lost".to_owned()));
        assert_eq!(
            take(vec![news(Some(&[2])), lost()]),
            (Some((vec![2], Baseline::Previous, 1)), "b lost".to_owned())
        );
        let (frame, notes) = take(vec![lost(), lost()]);
        assert_eq!(frame, Some((vec![], Baseline::Reset, 0)));
        assert_eq!(notes, "2 hosts: b lost; b lost");
    }

    #[test]
    fn a_number_that_is_too_large_is_no_overflow() {
        let mut table = MergedTable::new(&["a".to_owned(), "b".to_owned()]);
        let hiding = |hidden| {
            let mut news = news(Some(&[1]));
            news.frame.as_mut().unwrap().hidden = hidden;
            news
        };
        let (frame, _) = table.take(vec![hiding(u64::MAX), hiding(1)], Instant::now());
        assert_eq!(frame.unwrap().hidden, u64::MAX);
    }

    #[test]
    fn messages_name_their_host_and_a_pause_is_known() {
        let mut table = MergedTable::new(&["a".to_owned()]);
        let now = Instant::now();
        table.take(vec![news(Some(&[1]))], now);
        table.resume();
        let mut noted = news(Some(&[1]));
        noted
            .frame
            .as_mut()
            .unwrap()
            .notes
            .push("x: gone".to_owned());
        let (frame, notes) = table.take(vec![noted], now);
        assert_eq!(frame.unwrap().baseline, Baseline::BeforePause);
        assert_eq!(notes, ["a: x: gone"]);
        let mut other = news(Some(&[1]));
        other.frame.as_mut().unwrap().is_reset = true;
        let (frame, _) = table.take(vec![other], now);
        assert_eq!(frame.unwrap().baseline, Baseline::Reset);
    }
}
