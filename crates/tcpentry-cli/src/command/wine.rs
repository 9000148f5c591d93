//! `tcpentry wine`: `SetTcpEntry` for Windows programs in a prefix of Wine.

use std::env;
use std::path::Path;

use tcpentry_wine::pe::Machine;
use tcpentry_wine::setup::{
    self, CopyAge, DllOverride, FolderStatus, Installed, Parts, ProgramRights, SetupError, Status,
    Wine,
};

use super::finding::{self, Finding};
use crate::args::line::for_shell;
use crate::args::{WineArgs, WineCommand, WineStatusArgs};
use crate::exit::Exit;
use crate::message::{exit_after, notice, print_error, print_hint, sentence};

/// Runs the command, and returns the exit code.
pub(crate) fn run(args: &WineArgs) -> Exit {
    let place = match &args.command {
        WineCommand::Install(args) => &args.place,
        WineCommand::Status(args) => &args.place,
        WineCommand::Remove(args) => &args.place,
    };
    let prefix = match &place.prefix {
        Some(prefix) => Ok(prefix.clone()),
        None => setup::default_prefix(),
    };
    let done = prefix.and_then(|prefix| match &args.command {
        WineCommand::Install(args) => install(&prefix, args.table),
        WineCommand::Status(args) => status(&prefix, args),
        WineCommand::Remove(_) => remove(&prefix),
    });
    done.unwrap_or_else(|error| {
        print_error(&sentence(error.to_string().as_bytes()));
        if let Some(hint) = error.hint() {
            print_hint(&sentence(hint.as_bytes()));
        }
        if error.is_denied() {
            Exit::Denied
        } else {
            Exit::Failed
        }
    })
}

fn install(prefix: &Path, with_tables: bool) -> Result<Exit, SetupError> {
    let parts = parts()?;
    setup::install(prefix, &parts, &Wine::find()?, with_tables)?;
    notice(&format!(
        "installed in {}; programs that start from now on use it",
        sentence(prefix.to_string_lossy().as_bytes())
    ));
    Ok(Exit::Done)
}

fn remove(prefix: &Path) -> Result<Exit, SetupError> {
    let removed = setup::remove(prefix, &Wine::find()?)?;
    let prefix = sentence(prefix.to_string_lossy().as_bytes());
    notice(&if removed {
        format!("removed from {prefix}; what was there before is there again")
    } else {
        format!("nothing is installed in {prefix}")
    });
    Ok(Exit::Done)
}

fn status(prefix: &Path, args: &WineStatusArgs) -> Result<Exit, SetupError> {
    let parts = parts();
    let wine = Wine::find();
    let status = setup::status(prefix, parts.as_ref().ok(), wine.as_ref())?;
    let exit = if status.is_current() {
        Exit::Done
    } else {
        Exit::Nothing
    };
    let findings = findings(&status, &parts, &wine);
    Ok(exit_after(finding::print(&findings, &args.output), exit))
}

/// Finds what belongs to this program.
fn parts() -> Result<Parts, SetupError> {
    Parts::of(&env::current_exe().unwrap_or_default())
}

fn findings(
    status: &Status,
    parts: &Result<Parts, SetupError>,
    wine: &Result<Wine, SetupError>,
) -> Vec<Finding> {
    let prefix = status.prefix.display().to_string();
    let again = format!("tcpentry wine install {}", for_shell(&prefix));
    let mut findings = vec![Finding::note("prefix", prefix)];
    findings.push(match wine {
        Ok(wine) => Finding::note("wine", wine.version()),
        Err(error) => missing("wine", error),
    });
    let folders = status.folders.iter();
    findings.extend(folders.map(|folder| of_folder(folder, &again)));
    findings.push(match &status.dll_override {
        Ok(DllOverride::Ours) => Finding::ok("override", "iphlpapi=native,builtin"),
        Ok(DllOverride::Missing) if status.is_installed() => Finding::missing(
            "override",
            "none: programs use Wine's own iphlpapi.dll",
            again,
        ),
        Ok(DllOverride::Missing) => Finding::note("override", "none"),
        Ok(DllOverride::Other(value)) => Finding::missing(
            "override",
            format!("iphlpapi={value}, which somebody else has set"),
            "winecfg, \"Libraries\"",
        ),
        Err(error) => missing("override", error),
    });
    findings.push(match parts {
        Ok(parts) => of_rights(parts),
        Err(error) => missing("rights", error),
    });
    findings
}

fn missing(check: &'static str, error: &SetupError) -> Finding {
    let hint = error.hint().unwrap_or("see tcpentry(1), WINE");
    Finding::missing(check, error.to_string(), hint)
}

fn of_folder(folder: &FolderStatus, again: &str) -> Finding {
    let Some((machine, installed)) = &folder.installed else {
        return Finding::note(
            folder.name,
            "no iphlpapi.dll: such programs do not run here",
        );
    };
    let bits = match machine {
        Machine::X86_64 => 64,
        Machine::I686 => 32,
    };
    let (wine, age, tables) = match installed {
        Installed::No => {
            let detail = format!(
                "not installed: SetTcpEntry of {bits}-bit programs returns 0 and does nothing"
            );
            return Finding::missing(folder.name, detail, again);
        }
        Installed::Damaged(cause) => return Finding::missing(folder.name, cause, again),
        Installed::Yes {
            wine,
            copy,
            has_tables,
        } => (wine, copy, if *has_tables { ", with tables" } else { "" }),
    };
    let text = format!("installed for {bits}-bit programs{tables}, from Wine {wine}");
    match age {
        CopyAge::Current => Finding::ok(folder.name, text),
        CopyAge::Unknown => Finding::note(
            folder.name,
            format!("{text}; Wine's own DLL is not found, so whether that is current is not known"),
        ),
        CopyAge::OlderThanWine => Finding::missing(
            folder.name,
            format!("{text}; Wine has another iphlpapi.dll by now"),
            again,
        ),
        CopyAge::OlderThanOurs => Finding::missing(
            folder.name,
            format!("{text}; this tcpentry has another tcpentry.dll"),
            again,
        ),
    }
}

fn of_rights(parts: &Parts) -> Finding {
    let program = parts.program().display();
    match parts.rights() {
        ProgramRights::Everybody => Finding::ok(
            "rights",
            format!("programs can delete every connection: {program} may"),
        ),
        ProgramRights::Own => Finding::note(
            "rights",
            format!(
                "programs can delete the connections of your own processes: {program} has no capability"
            ),
        ),
        ProgramRights::Nothing => Finding::missing(
            "rights",
            format!("programs can delete nothing: you may not run {program}"),
            format!("become a member of its group: ls -l {program}"),
        ),
    }
}
