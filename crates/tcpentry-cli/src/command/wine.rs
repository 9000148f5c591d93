//! `tcpentry wine`: `SetTcpEntry` for Windows programs in a prefix of Wine.

use std::env;
use std::path::{Path, PathBuf};

use tcpentry_wine::pe::Machine;
use tcpentry_wine::setup::{
    self, CopyAge, DllOverride, FolderStatus, Installed, Parts, ProgramRights, Removal, SetupError,
    SetupHint, Status, Wine,
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
            print_hint(&sentence(hint_text(hint).as_bytes()));
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
    let done = setup::remove(prefix, &Wine::find()?)?;
    report_removal(prefix, &done);
    Ok(if done.left.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn report_removal(prefix: &Path, done: &Removal) {
    let shown = sentence(prefix.to_string_lossy().as_bytes());
    let is_whole = done.remarks.is_empty() && done.left_override.is_none();
    if !done.was_installed {
        notice(&format!("nothing is installed in {shown}"));
    } else if !done.left.is_empty() {
        print_error(&format!("not all of it could be removed from {shown}"));
    } else if is_whole {
        notice(&format!(
            "removed from {shown}; what was there before is there again"
        ));
    } else {
        notice(&format!("removed from {shown}"));
    }
    for remark in &done.remarks {
        notice(&sentence(remark.as_bytes()));
    }
    if let Some(left) = &done.left_override {
        let text = sentence(left.text().as_bytes());
        notice(&format!(
            "the override {text} is left as it is: it may be somebody else's"
        ));
        let delete = command(&absolute(prefix), &left.words_to_delete());
        print_hint(&sentence(format!("`{delete}` deletes it").as_bytes()));
    }
    for path in &done.left {
        let path = sentence(path.as_bytes());
        print_error(&format!(
            "{path} stays: what was there before is not kept, and Wine's own is not found"
        ));
        print_hint("set WINELOADER to Wine's program, then remove again");
    }
}

/// Returns a path that Wine takes.
fn absolute(prefix: &Path) -> PathBuf {
    std::path::absolute(prefix).unwrap_or_else(|_| prefix.to_owned())
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
    findings.extend(folders.map(|folder| of_folder(folder, &status.prefix, &again)));
    findings.push(of_override(status, again));
    findings.push(match parts {
        Ok(parts) => of_rights(parts),
        Err(error) => missing("rights", error),
    });
    findings
}

fn of_override(status: &Status, again: String) -> Finding {
    let check = "override";
    let delete = |found: &DllOverride| command(&status.prefix, &found.words_to_delete());
    match &status.dll_override {
        Ok(DllOverride::Ours) if status.has_traces() => Finding::ok(check, setup::OUR_OVERRIDE),
        Ok(found @ DllOverride::Ours) => Finding::missing(
            check,
            format!(
                "{}, with nothing installed: it is left over, or somebody else's, and `install` refuses it",
                found.text()
            ),
            delete(found),
        ),
        Ok(DllOverride::Missing) if status.has_traces() => {
            Finding::missing(check, "none: programs use Wine's own iphlpapi.dll", again)
        }
        Ok(DllOverride::Missing) => Finding::note(check, "none"),
        Ok(found @ DllOverride::Other { text, .. }) => Finding::missing(
            check,
            format!("{text}, which somebody else has set, and `install` refuses it"),
            delete(found),
        ),
        Err(error) => missing(check, error),
    }
}

fn missing(check: &'static str, error: &SetupError) -> Finding {
    let hint = error.hint().map(hint_text);
    let hint = hint.unwrap_or_else(|| "see tcpentry(1), WINE".to_owned());
    Finding::missing(check, error.to_string(), hint)
}

/// Returns the way out in words.
fn hint_text(hint: &SetupHint) -> String {
    match hint {
        SetupHint::Text(text) => text.clone(),
        SetupHint::Command {
            prefix,
            words,
            effect,
        } => format!("`{}` {effect}", command(prefix, words)),
    }
}

/// Returns a command in a prefix, as it is typed into a shell.
fn command(prefix: &Path, words: &[&str]) -> String {
    let mut line = format!("WINEPREFIX={}", for_shell(&prefix.to_string_lossy()));
    for word in words {
        line.push(' ');
        line.push_str(&for_shell(word));
    }
    line
}

fn of_folder(folder: &FolderStatus, prefix: &Path, again: &str) -> Finding {
    let name = folder.name;
    let bits = |machine: &Machine| match machine {
        Machine::X86_64 => 64,
        Machine::I686 => 32,
    };
    let (text, age) = match &folder.installed {
        // Every prefix has this one.
        None if name == "system32" => {
            let fix = command(prefix, &["wineboot", "-u"]);
            return Finding::missing(name, "no iphlpapi.dll", fix);
        }
        None => return Finding::note(name, "no iphlpapi.dll: there is nothing to do here"),
        Some(Installed::No(machine)) => {
            let bits = bits(machine);
            let detail = format!(
                "not installed: SetTcpEntry of {bits}-bit programs returns 0 and does nothing"
            );
            return Finding::missing(name, detail, again);
        }
        Some(Installed::Damaged(cause)) => return Finding::missing(name, cause, again),
        Some(Installed::Blocked(cause)) => return missing(name, cause),
        Some(Installed::Yes {
            machine,
            wine,
            copy,
            has_tables,
        }) => {
            let (bits, tables) = (
                bits(machine),
                if *has_tables { ", with tables" } else { "" },
            );
            let text = format!("installed for {bits}-bit programs{tables}, from Wine {wine}");
            (text, copy)
        }
    };
    match age {
        CopyAge::Current => Finding::ok(name, text),
        CopyAge::Unknown => Finding::note(
            name,
            format!("{text}; Wine's own DLL is not found, so whether that is current is not known"),
        ),
        CopyAge::OlderThanWine => Finding::missing(
            name,
            format!("{text}; Wine has another iphlpapi.dll by now, or the copy was changed"),
            again,
        ),
        CopyAge::OlderThanOurs => Finding::missing(
            name,
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
            format!(
                "ls -l {} shows the group whose members may",
                for_shell(&program.to_string())
            ),
        ),
    }
}
