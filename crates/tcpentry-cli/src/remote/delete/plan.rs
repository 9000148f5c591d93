//! `delete FILTER` on other hosts where all of it has to be known before: shown or counted first, and then exactly that.

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;

use tcpentry::{Identity, Outcome};

use super::identities::Routed;
use super::{FleetDeletion, harmless_task, interrupted};
use crate::command::delete::confirm;
use crate::exit::{Exit, Tally};
use crate::message::{notice, print_error, print_hint};
use crate::output::{Cells, Columns, Shape};
use crate::remote::fleet::{self, HostEvent, Stopped};
use crate::remote::input::SetInputs;
use crate::remote::object::RemoteObject;
use crate::remote::report::{FleetReport, Reported};
use crate::remote::rows::{RowForm, RowKind};
use crate::remote::verdict::{HostVerdict, judge};
use crate::remote::words::remote_words;
use crate::stream::Stderr;

/// The answer of a host in the dry run of one connection.
enum Planned {
    /// It would be deleted: its identity, and its row for the question.
    Would(Identity, Box<Cells>),
    /// It would, but can't be named.
    Nameless,
    /// It would not, and why.
    WouldNot(Box<Reported>),
}

/// The answers of all hosts.
#[derive(Default)]
struct FleetPlan {
    routed: Routed,
    /// The first rows.
    preview: Vec<Cells>,
    count: u64,
    hosts: Vec<PlanOfHost>,
}

/// The answers of one host.
struct PlanOfHost {
    would_not: Vec<Reported>,
    /// Those that are counted only, for there are too many.
    others: Vec<Outcome>,
    nameless: u64,
    verdict: HostVerdict,
}

impl Default for PlanOfHost {
    fn default() -> Self {
        Self {
            would_not: Vec::new(),
            others: Vec::new(),
            nameless: 0,
            // Until its end is known.
            verdict: HostVerdict::Failed,
        }
    }
}

impl FleetDeletion<'_> {
    /// Finds out what the filter selects on all hosts, and deletes exactly that if `--max` and the answer allow it.
    pub(super) fn by_plan(&self, sets: &SetInputs) -> Exit {
        let mut plan = match self.plan(sets) {
            Ok(plan) => plan,
            Err(exit) => return exit,
        };
        let mut report = FleetReport::new(self.args, &self.form());
        if let Err(refusal) = self.allow(&plan) {
            if refusal != Exit::Guarded {
                return refusal;
            }
            // A host that could not be asked is worse.
            report.refuse();
            for of_host in &plan.hosts {
                report.end_host("", of_host.failure());
            }
            return report.end();
        }
        let mut next = 0;
        let hosts = &mut plan.hosts;
        let mut until = |report: &mut FleetReport, end: usize| {
            while next < end {
                let mut of_host = std::mem::take(&mut hosts[next]);
                self.report_left_alone(next, &mut of_host, report);
                report.end_host(&self.hosts[next], of_host.failure());
                next += 1;
            }
        };
        let deleted = self.delete_identities(&plan.routed, true, &mut report, |report, host| {
            until(report, host + 1);
        });
        until(&mut report, self.hosts.len());
        match deleted {
            Ok(()) => report.end(),
            Err(exit) => interrupted(report, exit),
        }
    }

    /// Runs the dry run on all hosts.
    fn plan(&self, sets: &SetInputs) -> Result<FleetPlan, Exit> {
        let mut options = ["--json", "--dry-run", "--yes"].map(str::to_owned).to_vec();
        options.extend(sets.option());
        options.extend(self.options(&PACE));
        let words = remote_words("delete", options, &self.line.texts());
        let tasks = self
            .hosts
            .iter()
            .map(|host| harmless_task(host, &words, sets.as_input()));
        let form = self.form();
        let preview = self.preview_form();
        let make: fleet::Make<Planned> = Arc::new(move |host, line| {
            let object = RemoteObject::parse(line)?;
            Some(match (object.outcome()?, object.identity()) {
                (Outcome::Deleted, Some(identity)) => {
                    Planned::Would(identity, Box::new(preview.cells(host, &object)))
                }
                (Outcome::Deleted, None) => Planned::Nameless,
                _ => Planned::WouldNot(Box::new(Reported::new(&form, host, &object, line)?)),
            })
        });
        let mut plan = FleetPlan::default();
        plan.hosts
            .resize_with(self.hosts.len(), PlanOfHost::default);
        let mut held = 0;
        let done = fleet::run(
            &self.ssh,
            tasks.collect(),
            &make,
            &|| self.interrupt.is_set(),
            |index, event| {
                match event {
                    HostEvent::Some(all) => {
                        for planned in all {
                            plan.add(index, planned, &mut held);
                        }
                    }
                    HostEvent::Ended(end) => {
                        let verdict = judge(&self.hosts[index], &end, &self.ssh);
                        plan.end(index, verdict);
                    }
                }
                if plan.count <= MOST_PLANNED {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        );
        match done {
            Ok(()) => Ok(plan),
            Err(Stopped::Interrupted) => {
                notice("interrupted: nothing was deleted");
                Err(self.interrupt.exit())
            }
            Err(Stopped::Enough) => {
                print_error(&format!(
                    "refused: more than {MOST_PLANNED} connections match; nothing was deleted"
                ));
                print_hint("--yes without --max deletes them without counting them first");
                Err(Exit::Guarded)
            }
        }
    }

    /// Applies `--max`, and asks.
    fn allow(&self, plan: &FleetPlan) -> Result<(), Exit> {
        let count = plan.count;
        let matching = describe_matching(count, plan.routed.len());
        if let Some(max) = self.args.max.filter(|max| count > *max) {
            notice(&format!(
                "refused: {matching}, more than --max {max}; nothing was deleted"
            ));
            return Err(Exit::Guarded);
        }
        if self.args.yes || count == 0 {
            return Ok(());
        }
        if let Some(stream) = confirm::not_a_terminal() {
            print_error(&format!(
                "not confirmed: {matching}, and {stream} is not a terminal"
            ));
            print_hint("-n shows them without deleting; --yes deletes them without asking");
            return Err(Exit::Guarded);
        }
        self.show(plan);
        let question = match count {
            1 => "Delete this connection?".to_owned(),
            _ => format!(
                "Delete these {count} connections on {}?",
                describe_hosts(plan.routed.len())
            ),
        };
        if confirm::confirm(&question, &self.interrupt) {
            Ok(())
        } else if self.interrupt.is_set() {
            Err(self.interrupt.exit())
        } else {
            print_error("not confirmed: nothing was deleted");
            Err(Exit::Guarded)
        }
    }

    /// Shows the first of what would be deleted on standard error: standard output is for the outcomes.
    fn show(&self, plan: &FleetPlan) {
        let form = self.preview_form();
        let header = !self.args.output.no_header;
        let mut out = Columns::new(BufWriter::new(Stderr), form.shape, form.columns(), header);
        // Where standard error can't be written, nobody can confirm either.
        let _ = plan
            .preview
            .iter()
            .try_for_each(|cells| out.row(cells))
            .and_then(|()| out.flush());
        if let Some(more @ 1..) = plan.count.checked_sub(plan.preview.len() as u64) {
            let _ = writeln!(Stderr, "... and {more} more");
        }
    }

    /// Reports what was not to be deleted on a host.
    fn report_left_alone(&self, host: usize, plan: &mut PlanOfHost, report: &mut FleetReport) {
        plan.would_not.drain(..).for_each(|it| report.add(it));
        plan.others
            .iter()
            .for_each(|outcome| report.count(*outcome));
        let host = &self.hosts[host];
        if !plan.others.is_empty() {
            print_error(&format!(
                "{host}: {} more were not deleted, which are not shown",
                plan.others.len()
            ));
        }
        for _ in 0..plan.nameless {
            report.count(Outcome::Failed);
        }
        if plan.nameless > 0 {
            print_error(&format!(
                "{host}: {} have no identity there, so that they can't be deleted after a question; --yes deletes them",
                plan.nameless
            ));
        }
    }

    fn preview_form(&self) -> RowForm {
        RowForm {
            kind: RowKind::Preview,
            shape: Shape::Human { color: false },
            ..self.form()
        }
    }
}

impl FleetPlan {
    fn add(&mut self, host: usize, planned: Planned, held: &mut usize) {
        let of_host = &mut self.hosts[host];
        match planned {
            Planned::Would(identity, cells) => {
                self.count += 1;
                self.routed.entry(host).or_default().push(identity);
                if self.preview.len() < PREVIEW_ROWS {
                    self.preview.push(*cells);
                }
            }
            Planned::Nameless => of_host.nameless += 1,
            Planned::WouldNot(reported) if *held < MOST_HELD => {
                *held += 1;
                of_host.would_not.push(*reported);
            }
            Planned::WouldNot(reported) => of_host.others.push(reported.outcome),
        }
    }

    /// Notes the end of a host. One that has not said everything takes no part: what it has said may be half of it.
    fn end(&mut self, host: usize, verdict: HostVerdict) {
        self.hosts[host].verdict = verdict;
        if verdict == HostVerdict::Failed {
            let left_out = self.routed.remove(&host).unwrap_or_default();
            self.count -= left_out.len() as u64;
        }
    }
}

impl PlanOfHost {
    /// Returns what counts of the dry run: its failure, and not the code that it expects.
    fn failure(&self) -> HostVerdict {
        match self.verdict {
            HostVerdict::Ended(Exit::Done | Exit::Mixed) => {
                HostVerdict::Ended(Tally::default().exit())
            }
            verdict => verdict,
        }
    }
}

fn describe_matching(count: u64, hosts: usize) -> String {
    let hosts = describe_hosts(hosts);
    match count {
        1 => format!("1 connection matches on {hosts}"),
        _ => format!("{count} connections match on {hosts}"),
    }
}

fn describe_hosts(count: usize) -> String {
    match count {
        1 => "1 host".to_owned(),
        many => format!("{many} hosts"),
    }
}

/// The options of the pace, which a dry run does not keep.
const PACE: [&str; 2] = ["--rate", "--spread"];
/// The number of connections whose identities are kept.
const MOST_PLANNED: u64 = 1_000_000;
/// The number of rows of connections that would not be deleted.
const MOST_HELD: usize = 50_000;
const PREVIEW_ROWS: usize = 20;
