//! The rounds of a run: one, or one after the other with `--for` and `--until-quiet`.

use std::time::Instant;

use super::run::Run;
use super::stop::Stop;
use crate::pace::pause_after;

impl Run<'_> {
    /// Runs all rounds.
    pub(super) fn all_rounds(&mut self) -> Result<(), Stop> {
        self.first_round()?;
        if self.repeats() && !self.args.dry_run {
            self.further_rounds()?;
        }
        Ok(())
    }

    fn first_round(&mut self) -> Result<(), Stop> {
        // Where nothing has to be shown, counted or refused first, nothing has to be held.
        let at_once = self.args.yes && !self.is_fixed_first() && !self.args.dry_run;
        if at_once && !self.selector.may_be_hidden()? {
            // A dump among sockets that come and go can miss one that stays; so does another, but hardly the same.
            self.sweep(MAX_SWEEPS)?;
            return Ok(());
        }
        let matches = self.find_all()?;
        self.allow(&matches)?;
        self.delete(matches)
    }

    /// Returns true where a round is about the connections that match at its start, which are counted, drawn from or waited for.
    const fn is_fixed_first(&self) -> bool {
        self.args.max.is_some() || self.pacer.is_some() || self.sampler.is_some()
    }

    /// Runs rounds until the time is over or nothing has matched for long enough.
    fn further_rounds(&mut self) -> Result<(), Stop> {
        // A round at a pace is long.
        let start = self.begun.unwrap_or_else(Instant::now);
        let mut last_match = Instant::now();
        loop {
            let round = Instant::now();
            self.selector.forget();
            self.report.forget();
            self.selector.refresh_namespaces(&mut self.report)?;
            if self.further_round()? {
                last_match = Instant::now();
            }
            let now = Instant::now();
            let limits = [
                (self.args.period, start),
                (self.args.until_quiet, last_match),
            ];
            let left = limits.into_iter().filter_map(|(limit, since)| {
                Some(limit?.saturating_sub(now.duration_since(since)))
            });
            let left = left.min().unwrap_or_default();
            if left.is_zero() {
                return Ok(());
            }
            self.wait(pause_after(now - round).min(left))?;
        }
    }

    /// Runs one more round. Returns true when there was anything new.
    fn further_round(&mut self) -> Result<bool, Stop> {
        if !self.is_fixed_first() && !self.selector.may_be_hidden()? {
            return self.sweep(1);
        }
        let matches = self.find_all()?;
        self.refuse_too_many(&matches)?;
        let anything = !matches.rows.is_empty() || !matches.protected.is_empty();
        self.delete(matches)?;
        Ok(anything)
    }
}

/// The dumps of one table until nothing more is found; clients that reconnect that fast take `--for`.
const MAX_SWEEPS: usize = 3;
