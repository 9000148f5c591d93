//! `tcpentry doctor`: what can be deleted here, by which method and right, and what is missing.

mod checks;

use tcpentry::TcpTable;
use tcpentry::support::Support;

use super::finding;
use crate::args::{DoctorArgs, Need};
use crate::exit::Exit;
use crate::message::{exit_after, print_failure};

/// Runs the command, and returns the exit code.
pub(crate) fn run(args: &DoctorArgs) -> Exit {
    let examined = TcpTable::open().and_then(|mut table| Ok((Support::probe(&mut table)?, table)));
    let (found, mut table) = match examined {
        Ok(examined) => examined,
        Err(error) => {
            print_failure(&error);
            return Exit::of_deletion(&error);
        }
    };
    let (mut findings, elsewhere) = checks::examine(&found, &mut table);
    let (result, mut exit) = checks::verdict(&found);
    findings.push(result);
    if args.need != Need::Mine {
        let (need, exit_of_need) = checks::need(args.need, &found, elsewhere);
        findings.push(need);
        exit = exit_of_need;
    }
    exit_after(finding::print(&findings, &args.output), exit)
}
