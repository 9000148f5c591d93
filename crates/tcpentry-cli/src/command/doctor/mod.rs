//! `tcpentry doctor`: what can be deleted here, by which method and right, and what is missing.

mod checks;
mod finding;

use std::io::{self, Write as _};

use tcpentry::TcpTable;
use tcpentry::support::Support;

use crate::args::{DoctorArgs, Need};
use crate::exit::Exit;
use crate::message::{exit_after, print_failure};
use crate::output::{Cells, ColumnSpec, Columns, Shape, line, stdout};
use finding::Finding;

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
    exit_after(print(&findings, args), exit)
}

/// Prints the findings as a table or as JSON.
fn print(findings: &[Finding], args: &DoctorArgs) -> io::Result<()> {
    let shape = Shape::of(&args.output);
    let mut out = stdout();
    if shape == Shape::Json {
        findings
            .iter()
            .try_for_each(|finding| line(&mut out, finding))?;
        return out.flush();
    }
    let names = ["STATUS", "CHECK", "DETAIL"];
    let columns = names.map(ColumnSpec::left);
    let mut columns = Columns::new(out, shape, columns.to_vec(), !args.output.no_header);
    let mut cells = Cells::default();
    for finding in findings {
        let (word, style) = finding.status.word();
        let detail = match &finding.fix {
            Some(fix) => format!("{} -> {fix}", finding.detail),
            None => finding.detail.clone(),
        };
        cells.clear();
        cells.styled(word, style);
        cells.put(finding.check);
        cells.put(detail);
        columns.row(&cells)?;
    }
    columns.flush()
}
