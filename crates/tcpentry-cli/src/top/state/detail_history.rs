//! The course of the connection whose details are open: what was read of it since, as far back as is kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::message::DetailReading;

/// A value that is charted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChartKind {
    RoundTrip,
    CongestionWindow,
    /// The kernel's measure, while something is delivered.
    DeliveryRate,
    Sent,
    Received,
    SendQueue,
    RecvQueue,
    /// Of a listener: the connections that are not accepted yet.
    AcceptQueue,
}

impl ChartKind {
    pub(crate) const ALL: [Self; 8] = [
        Self::RoundTrip,
        Self::CongestionWindow,
        Self::DeliveryRate,
        Self::Sent,
        Self::Received,
        Self::SendQueue,
        Self::RecvQueue,
        Self::AcceptQueue,
    ];

    /// Returns true where a reading has the counters of it.
    const fn is_in(self, reading: &DetailReading) -> bool {
        match self {
            Self::RoundTrip => reading.rtt.is_some(),
            Self::CongestionWindow => reading.congestion_window.is_some(),
            Self::DeliveryRate => reading.delivery_rate.is_some(),
            Self::Sent => reading.bytes_acked.is_some(),
            Self::Received => reading.bytes_received.is_some(),
            Self::SendQueue => reading.send_queue.is_some(),
            Self::RecvQueue => reading.recv_queue.is_some(),
            Self::AcceptQueue => reading.accept_queue.is_some(),
        }
    }
}

/// The values of a kind, each `None` where it is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    /// The largest value in each step of time, the latest last.
    pub(crate) steps: Vec<Option<f32>>,
    /// The value of the last reading.
    pub(crate) now: Option<f32>,
    /// The largest value that is kept.
    pub(crate) largest: Option<f32>,
}

/// The readings since the details were opened, as many as are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct DetailHistory {
    points: VecDeque<Point>,
    /// The last reading, from which rates are taken.
    last: Option<DetailReading>,
    /// The time at which steps begin; it stays, so that a chart moves on without changing its shape.
    base: Option<Instant>,
    /// The kinds of which a reading had the counters.
    is_read: [bool; ChartKind::ALL.len()],
    /// The time between readings.
    interval: Duration,
    /// Older ones were dropped.
    pub(crate) is_cut: bool,
    /// It could not be read last.
    pub(crate) has_ended: bool,
}

/// The values of the time between two readings.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// The time of the reading before; `None` where nobody looked for a while.
    from: Option<Instant>,
    at: Instant,
    values: [Option<f32>; ChartKind::ALL.len()],
}

impl DetailHistory {
    /// Adds a reading, of which there is one in each interval; `None` where the connection could not be read.
    pub(super) fn add(&mut self, reading: Option<DetailReading>, interval: Duration) {
        self.has_ended = reading.is_none();
        let Some(reading) = reading else { return };
        // Of a replay the same frame can be shown again, and there may be more text to the same reading.
        if self.last == Some(reading) {
            return;
        }
        // A replay can go back.
        while self.points.back().is_some_and(|it| it.at >= reading.at) {
            self.points.pop_back();
            self.last = None;
        }
        let longest = MISSED * interval.max(self.interval);
        self.interval = interval;
        self.base.get_or_insert(reading.at);
        let before = self.points.back().map(|it| it.at);
        let from = before.filter(|before| reading.at - *before <= longest);
        for kind in ChartKind::ALL {
            self.is_read[kind as usize] |= kind.is_in(&reading);
        }
        let values = values(&reading, self.last.as_ref().filter(|_| from.is_some()));
        self.points.push_back(Point {
            from,
            at: reading.at,
            values,
        });
        self.last = Some(reading);
        if self.points.len() > MAX_POINTS {
            self.points.pop_front();
            self.is_cut = true;
        }
    }

    /// Returns the time from the first reading that is kept to the last.
    pub(crate) fn span(&self) -> Duration {
        match (self.points.front(), self.points.back()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => Duration::ZERO,
        }
    }

    /// Returns the values of a kind in so many steps of time; `None` where the counters of it are not read.
    pub(crate) fn series(&self, kind: ChartKind, count: usize) -> Option<Series> {
        let last = self.points.back().filter(|_| self.is_read[kind as usize])?;
        let base = self.base?;
        let value = |point: &Point| point.values[kind as usize];
        let known = self.points.iter().filter_map(value);
        let largest = known.fold(None, |most: Option<f32>, it| {
            Some(most.map_or(it, |most| most.max(it)))
        });
        let step = self.step(count);
        let place = |at: Instant| at.saturating_duration_since(base).as_nanos() / step.as_nanos();
        let end = place(last.at);
        let mut steps = vec![None; count];
        for point in &self.points {
            let to = place(point.at);
            // It stands for all of the time since the reading before.
            let from = point.from.map_or(to, |from| (place(from) + 1).min(to));
            for at in from..=to {
                let back = usize::try_from(end - at).unwrap_or(usize::MAX);
                let Some(at) = count.checked_sub(back.saturating_add(1)) else {
                    continue;
                };
                steps[at] = match (steps[at], value(point)) {
                    (Some(one), Some(other)) => Some(f32::max(one, other)),
                    (one, other) => one.or(other),
                };
            }
        }
        Some(Series {
            steps,
            now: value(last),
            largest,
        })
    }

    /// Returns the time of a step, in which all that is kept has room: a whole number of intervals.
    fn step(&self, count: usize) -> Duration {
        let interval = self.interval.max(Duration::from_millis(1));
        // The first one and the last may be there only in part.
        let room = count.saturating_sub(1).max(1) as u128;
        let intervals = self.span().as_nanos().div_ceil(interval.as_nanos() * room);
        interval.saturating_mul(u32::try_from(intervals.max(1)).unwrap_or(u32::MAX))
    }
}

/// Returns the values of a reading; `before` is the one before it, if nothing was missed in between.
fn values(
    reading: &DetailReading,
    before: Option<&DetailReading>,
) -> [Option<f32>; ChartKind::ALL.len()] {
    #[expect(clippy::cast_precision_loss, reason = "it is drawn in a few dots")]
    let number = |value: Option<u64>| value.map(|value| value as f32);
    let since = before.map(|before| (reading.at - before.at).as_secs_f32());
    let moved = |of: fn(&DetailReading) -> Option<u64>| of(reading)?.checked_sub(of(before?)?);
    let rate = |of| Some(number(moved(of))? / since?);
    ChartKind::ALL.map(|kind| match kind {
        // It is measured where something is acknowledged, and kept by the kernel as long as nothing is.
        ChartKind::RoundTrip => {
            let is_measured = moved(|it| it.bytes_acked).is_some_and(|bytes| bytes > 0);
            let rtt = reading.rtt.filter(|_| is_measured);
            rtt.map(|rtt| rtt.as_secs_f32())
        }
        ChartKind::CongestionWindow => number(reading.congestion_window),
        // The kernel keeps the last measure for ever.
        ChartKind::DeliveryRate => match moved(|it| it.bytes_acked) {
            None => None,
            Some(0) => reading.delivery_rate.map(|_| 0.0),
            Some(_) => number(reading.delivery_rate),
        },
        ChartKind::Sent => rate(|it| it.bytes_acked),
        ChartKind::Received => rate(|it| it.bytes_received),
        ChartKind::SendQueue => number(reading.send_queue),
        ChartKind::RecvQueue => number(reading.recv_queue),
        ChartKind::AcceptQueue => number(reading.accept_queue),
    })
}

/// The number of readings that are kept: five minutes at the usual interval.
const MAX_POINTS: usize = 300;
/// The number of intervals without a reading that are a gap.
const MISSED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns a reading after so many milliseconds.
    fn reading(base: Instant, millis: u64, acked: u64, queue: u64) -> DetailReading {
        DetailReading {
            at: base + Duration::from_millis(millis),
            rtt: Some(Duration::from_millis(queue)),
            congestion_window: None,
            delivery_rate: Some(9_000),
            bytes_acked: Some(acked),
            bytes_received: None,
            send_queue: Some(queue),
            recv_queue: Some(0),
            accept_queue: None,
        }
    }

    /// Returns the history of readings: their milliseconds, the bytes acknowledged so far, and the queue.
    fn history(base: Instant, readings: &[(u64, u64, u64)]) -> DetailHistory {
        let mut history = DetailHistory::default();
        for (millis, acked, queue) in readings {
            history.add(Some(reading(base, *millis, *acked, *queue)), SECOND);
        }
        history
    }

    fn steps(history: &DetailHistory, kind: ChartKind, count: usize) -> Vec<Option<f32>> {
        history.series(kind, count).unwrap().steps
    }

    #[test]
    fn each_reading_has_a_step_and_rates_are_those_in_between() {
        let readings = [
            (0, 0, 5),
            (1_040, 500, 7),
            (2_070, 500, 6),
            (3_100, 1_530, 0),
        ];
        let history = history(Instant::now(), &readings);
        assert_eq!(history.span(), Duration::from_millis(3_100));
        let queue = history.series(ChartKind::SendQueue, 6).unwrap();
        assert_eq!(
            queue.steps,
            [None, None, Some(5.0), Some(7.0), Some(6.0), Some(0.0)]
        );
        assert_eq!((queue.now, queue.largest), (Some(0.0), Some(7.0)));
        let sent = steps(&history, ChartKind::Sent, 6).split_off(2);
        assert_eq!(
            (sent[0], sent[2]),
            (None, Some(0.0)),
            "the first is unknown"
        );
        assert!((sent[3].unwrap() - 1_000.0).abs() < 1.0, "{sent:?}");
        // The kernel's measure of long ago is none of now.
        let delivery = steps(&history, ChartKind::DeliveryRate, 6);
        assert_eq!(
            delivery[2..],
            [None, Some(9_000.0), Some(0.0), Some(9_000.0)]
        );
        // Nor is the round trip of the last acknowledgement.
        let trip = history.series(ChartKind::RoundTrip, 6).unwrap();
        assert_eq!(
            trip.steps[2..]
                .iter()
                .map(Option::is_some)
                .collect::<Vec<_>>(),
            [false, true, false, true]
        );
        let first = self::history(Instant::now(), &readings[..1]);
        let trip = first.series(ChartKind::RoundTrip, 1).unwrap();
        assert_eq!((trip.now, trip.largest), (None, None), "not measured since");
        for unknown in [ChartKind::CongestionWindow, ChartKind::Received] {
            assert_eq!(history.series(unknown, 6), None, "{unknown:?}");
        }
    }

    #[test]
    fn readings_that_come_late_leave_no_gap_and_a_pause_does() {
        let base = Instant::now();
        // One step has two of them, and the next one none.
        let late = [(0, 0, 1), (1_000, 0, 2), (1_990, 0, 3), (3_010, 0, 4)];
        assert_eq!(
            steps(&history(base, &late), ChartKind::SendQueue, 6)[2..],
            [Some(1.0), Some(3.0), Some(4.0), Some(4.0)]
        );
        let paused = [(0, 0, 1), (1_000, 0, 2), (6_000, 10, 3), (7_000, 20, 4)];
        let paused = history(base, &paused);
        assert_eq!(
            steps(&paused, ChartKind::SendQueue, 10)[2..],
            [
                Some(1.0),
                Some(2.0),
                None,
                None,
                None,
                None,
                Some(3.0),
                Some(4.0)
            ]
        );
        let sent = steps(&paused, ChartKind::Sent, 2);
        assert_eq!(sent, [Some(0.0), Some(10.0)], "none over the gap");
    }

    #[test]
    fn what_has_no_room_is_drawn_closer_and_the_largest_stays() {
        let readings: Vec<_> = (0..100)
            .map(|n| (n * 1_000, 0, u64::from(n == 41)))
            .collect();
        let history = history(Instant::now(), &readings);
        for count in [1, 2, 3, 10, 50, 99, 100, 1_000] {
            let series = history.series(ChartKind::SendQueue, count).unwrap();
            assert_eq!(series.steps.len(), count);
            assert_eq!(series.largest, Some(1.0));
            if count >= 10 {
                assert!(series.steps.contains(&Some(1.0)), "{count}");
            }
        }
        assert_eq!(history.series(ChartKind::SendQueue, 0).unwrap().steps, []);
    }

    #[test]
    fn so_many_readings_are_kept() {
        let base = Instant::now();
        let mut history = DetailHistory::default();
        for number in 0..=MAX_POINTS as u64 {
            assert!(!history.is_cut);
            history.add(Some(reading(base, number * 1_000, 0, number)), SECOND);
        }
        assert!(history.is_cut);
        assert_eq!(history.points.len(), MAX_POINTS);
        assert_eq!(history.span(), 299 * SECOND);
        history.add(None, SECOND);
        assert!(history.has_ended);
        assert_eq!(history.span(), 299 * SECOND);
    }

    #[test]
    fn what_is_shown_again_counts_once() {
        let base = Instant::now();
        let mut history = history(base, &[(0, 0, 1), (1_000, 10, 2), (2_000, 20, 3)]);
        history.add(Some(reading(base, 1_000, 10, 2)), SECOND);
        assert_eq!(
            steps(&history, ChartKind::SendQueue, 3),
            [None, Some(1.0), Some(2.0)]
        );
        history.add(Some(reading(base, 0, 0, 7)), SECOND);
        assert_eq!(steps(&history, ChartKind::SendQueue, 1), [Some(7.0)]);
    }
}
