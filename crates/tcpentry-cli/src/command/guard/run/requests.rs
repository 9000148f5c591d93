//! Requests of `guard status`, `pause`, `resume`, and of `ban`.

use std::time::Instant;

use super::Service;
use crate::command::bans::BanChange;
use crate::command::guard::rules::Trigger;
use crate::command::guard::service::control::{ControlReply, ControlRequest, RequestKind};
use crate::command::guard::service::journal::{LogField, LogRecord, Priority};
use crate::command::guard::state::Event;
use crate::command::guard::state::rule::RuleState;

impl Service {
    /// Answers a request.
    pub(super) fn serve(&mut self, request: ControlRequest, now: Instant) {
        let reply = match request.kind {
            RequestKind::Status => ControlReply::Status(Box::new(self.status(now))),
            RequestKind::Pause(ref rule) => self.pause(rule.as_deref(), true, &request),
            RequestKind::Resume(ref rule) => self.pause(rule.as_deref(), false, &request),
            RequestKind::Ban(changes) => self.ban(changes, now),
        };
        self.control.reply(&request.reply, &reply, now);
    }

    fn pause(
        &mut self,
        rule: Option<&str>,
        pauses: bool,
        request: &ControlRequest,
    ) -> ControlReply {
        if !self.guard.pause(rule, pauses) {
            let name = rule.unwrap_or_default();
            return ControlReply::Error(format!("there is no rule `{name}`"));
        }
        let verb = if pauses { "paused" } else { "resumed" };
        let mut text = match rule {
            Some(rule) => format!("{verb} the rule {rule}"),
            None => format!("{verb} all rules"),
        };
        let mut states = self.guard.states().iter();
        let named = states.find(|it| rule == Some(&*it.rule.name));
        if let Some(named) = named.filter(|_| !pauses) {
            if !named.rule.enabled {
                text.push_str(", which the configuration does not enable");
            } else if self.guard.is_paused() {
                text.push_str("; all rules are paused (tcpentry guard resume)");
            }
        }
        let record = LogRecord::new(Priority::Notice, text.clone())
            .with_some(LogField::Rule, rule)
            .with_some(LogField::CallerPid, request.caller.pid)
            .with_some(LogField::CallerUid, request.caller.uid);
        self.log.write(&record);
        ControlReply::Done(text)
    }

    fn ban(&mut self, changes: Vec<BanChange>, now: Instant) -> ControlReply {
        let takes_bans = |it: &RuleState| it.rule.enabled && it.rule.trigger == Trigger::Ban;
        if !self.guard.states().iter().any(takes_bans) {
            return ControlReply::Unwanted("no rule has `when = \"ban\"`".to_owned());
        }
        let count = changes.len();
        self.hear(now);
        if self.sources.is_host_unread() {
            return ControlReply::Error(
                "the addresses of this host can't be read, which a ban must not be of: try again"
                    .to_owned(),
            );
        }
        self.guard.apply(Event::Bans(changes), now);
        self.kept_bans.changed();
        ControlReply::Done(match count {
            1 => "1 change of the bans was taken".to_owned(),
            _ => format!("{count} changes of the bans were taken"),
        })
    }
}
