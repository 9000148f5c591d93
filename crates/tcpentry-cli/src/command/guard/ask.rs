//! `guard status`, `pause` and `resume`: what is asked of the running service.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::service::control::{self, ControlReply, RequestKind};
use super::service::metrics;
use super::service::status::{GuardStatus, warnings, write_status};
use crate::args::{GuardStatusArgs, OutputArgs};
use crate::exit::Exit;
use crate::message::{exit_after, notice, print_error, print_hint};
use crate::output::{Shape, stdout};

/// Prints what the rules have done, and returns the exit code.
pub(super) fn status(args: &GuardStatusArgs) -> Exit {
    match ask(&RequestKind::Status) {
        Ok(ControlReply::Status(status)) => exit_after(print(args, &status), Exit::Done),
        Ok(_) => Exit::Failed,
        Err(exit) => exit,
    }
}

/// Pauses or resumes a rule, or all, and returns the exit code.
pub(super) fn change(request: &RequestKind) -> Exit {
    match ask(request) {
        Ok(ControlReply::Done(text)) => {
            notice(&text);
            Exit::Done
        }
        Ok(_) => Exit::Failed,
        Err(exit) => exit,
    }
}

fn print(args: &GuardStatusArgs, status: &GuardStatus) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = stdout();
    if args.metrics {
        out.write_all(metrics::text(status).as_bytes())?;
        return out.flush();
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let output = OutputArgs {
        json: args.json,
        ..OutputArgs::default()
    };
    let shape = Shape::of(&output);
    // Where the table is for a program, a person reads this.
    if !shape.is_human() && !args.json {
        for warning in warnings(status) {
            print_error(&warning);
        }
        if status.dry_run {
            notice("dry run: nothing is deleted");
        }
        if status.paused {
            notice("all rules are paused");
        }
    }
    write_status(status, shape, true, now.unwrap_or_default().as_secs(), out)
}

fn ask(request: &RequestKind) -> Result<ControlReply, Exit> {
    control::ask(Path::new(control::SOCKET), request, LIMIT).map_err(|error| {
        print_error(&error.to_string());
        if let Some(hint) = error.hint() {
            print_hint(&hint);
        }
        error.exit()
    })
}

/// The service answers between two turns of its loop.
const LIMIT: Duration = Duration::from_secs(5);
