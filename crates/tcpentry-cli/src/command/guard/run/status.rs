//! Reports about the service: to its manager, in the file of metrics, and to who asks for its status.

use std::path::Path;
use std::time::{Instant, SystemTime};

use super::Service;
use crate::command::guard::rules::{self, Trigger};
use crate::command::guard::service::journal::Priority;
use crate::command::guard::service::metrics;
use crate::command::guard::service::status::{GuardStatus, RuleStatus};

impl Service {
    /// Reports to the manager and in the file of metrics what has changed, at most once a second.
    pub(super) fn report(&mut self, now: Instant) {
        if !self.reports.may_begin(now) {
            return;
        }
        let summary = self.summary();
        if self.reports.summary.replace(&summary) {
            self.notifier.status(&summary);
            self.reports.pause(now);
        }
        let Some(path) = self.guard.metrics.clone() else {
            self.reports.end_metrics();
            return;
        };
        let text = metrics::text(&self.status(now));
        if !self.reports.may_write_metrics(&path, &text, now) {
            return;
        }
        self.reports.pause(now);
        let written = metrics::write_file(&path, &text);
        let written = written.map_err(|error| {
            let path = path.display();
            format!("{path}: {error}: the metrics can't be written there")
        });
        if let Some(error) = self.reports.metrics_written(written, now) {
            self.say(Priority::Error, &error);
        }
    }

    /// Returns the line about the service that its manager shows.
    pub(super) fn summary(&self) -> String {
        let rules = self.guard.states();
        let deleted: u64 = rules.iter().map(|it| it.counts.deleted).sum();
        let mut text = match rules.len() {
            1 => "1 rule".to_owned(),
            count => format!("{count} rules"),
        };
        if deleted > 0 {
            text = format!("{text}, {deleted} deleted");
        }
        if self.guard.is_paused() {
            text.push_str(", paused");
        }
        if self.last_reload_error.is_some() {
            text.push_str("; the new configuration is wrong");
        }
        text
    }

    /// Returns what has failed and is tried again.
    fn failures(&self) -> Vec<String> {
        let of_sources = self.sources.failures();
        let of_files = [self.kept_bans.failures(), self.reports.failures()].concat();
        of_sources.cloned().chain(of_files).collect()
    }

    /// Returns the status of the service and of each rule.
    pub(super) fn status(&mut self, now: Instant) -> GuardStatus {
        let unix = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap_or_default().as_secs()
        };
        let mut known = std::mem::take(&mut self.event_times);
        for rule in self.guard.states() {
            let Some((last, _)) = &rule.last_event else {
                continue;
            };
            let known = known
                .remove(&rule.id)
                .filter(|(instant, _)| instant == last);
            let time = known.unwrap_or_else(|| {
                let ago = now.saturating_duration_since(*last);
                (*last, unix(SystemTime::now()).saturating_sub(ago.as_secs()))
            });
            self.event_times.insert(rule.id, time);
        }
        let rules = self.guard.states().iter().map(|it| RuleStatus {
            name: it.rule.name.clone(),
            trigger: it.rule.trigger.text(),
            enabled: it.rule.enabled,
            paused: it.is_paused || self.guard.is_paused(),
            dry_run: it.is_dry_run,
            last_event: self.event_times.get(&it.id).map(|(_, time)| *time),
            last_event_text: it.last_event.as_ref().map(|(_, text)| text.clone()),
            counts: it.counts,
            waiting: it.waiting() as u64,
            bans: (it.rule.trigger == Trigger::Ban).then(|| it.bans.len() as u64),
        });
        GuardStatus {
            pid: std::process::id(),
            started: unix(self.started),
            dry_run: self.guard.is_dry_run(),
            paused: self.guard.is_paused(),
            config: vec![
                self.config
                    .as_deref()
                    .unwrap_or(Path::new(rules::FOLDER))
                    .display()
                    .to_string(),
            ],
            last_reload_error: self.last_reload_error.clone(),
            lost_log_records: self.log.lost(),
            failures: self.failures(),
            rules: rules.collect(),
        }
    }
}
