//! The bans that go to the running service `tcpentry guard`, which keeps them and ends what they are about by its own rule.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::args::BanArgs;
use crate::command::bans::BanChange;
use crate::command::guard::service::control::{self, AskError, MAX_CHANGES, RequestKind};
use crate::message::{notice, print_error, print_hint};

/// The service as `ban` knows it.
pub(super) struct Handover {
    is_quiet: bool,
    /// The time before which the service is not asked again: it has failed, and that has been said.
    retry_after: Option<Instant>,
    has_said: bool,
}

impl Handover {
    /// Returns one where nothing is asked for that only this process can do: a rule of the service knows no options of `ban`.
    pub(super) fn of(args: &BanArgs) -> Option<Self> {
        let is_list = args.stdin || args.file.is_some();
        let is_plain = args.port.is_none()
            && args.except.is_empty()
            && args.linger.is_none()
            && !args.own_session
            && !args.own_netns_only
            && !args.dry_run;
        (is_list && is_plain).then_some(Self {
            is_quiet: args.report.quiet,
            retry_after: None,
            has_said: false,
        })
    }

    /// Returns true if it is worth asking the service: otherwise nobody has to know whose session is at stake.
    pub(super) fn may_take(&self, changes: &[BanChange]) -> bool {
        let is_failing = self.retry_after.is_some_and(|after| Instant::now() < after);
        !changes.is_empty() && !is_failing && Path::new(control::SOCKET).exists()
    }

    /// Hands these over; false where no service runs that has a rule for them, or it does not take them in time.
    pub(super) fn offer(&mut self, changes: &[BanChange]) -> bool {
        for part in changes.chunks(MAX_CHANGES) {
            let lines = u32::try_from(part.len()).unwrap_or(u32::MAX);
            let request = RequestKind::Ban(part.to_vec());
            match control::ask(
                Path::new(control::SOCKET),
                &request,
                LIMIT + PER_LINE * lines,
            ) {
                Ok(_) => {}
                Err(AskError::NotRunning(_) | AskError::Unwanted(_)) => return false,
                Err(error) => {
                    self.fail(&error);
                    return false;
                }
            }
        }
        (self.retry_after, self.has_said) = (None, false);
        let bans = changes.iter().filter(|it| matches!(it, BanChange::Add(..)));
        match bans.count() {
            0 => {}
            _ if self.is_quiet => {}
            1 => notice("handed over to tcpentry guard: 1 ban"),
            bans => notice(&format!("handed over to tcpentry guard: {bans} bans")),
        }
        true
    }

    fn fail(&mut self, error: &AskError) {
        self.retry_after = Instant::now().checked_add(RETRY);
        if std::mem::replace(&mut self.has_said, true) {
            return;
        }
        let outcome = match error {
            // Whether the service has them can't be known.
            AskError::Late(_) => "bans act here in any case",
            _ => "bans are not handed over, but act here",
        };
        print_error(&format!("{error}: {outcome}"));
        if let Some(hint) = error.hint() {
            print_hint(&hint);
        }
    }
}

/// The longest wait for the service: a ban daemon waits for `ban` to read on. Those of a long list have more.
const LIMIT: Duration = Duration::from_secs(1);
const PER_LINE: Duration = Duration::from_micros(100);
/// The time for which a service that has failed is left alone.
const RETRY: Duration = Duration::from_secs(30);
