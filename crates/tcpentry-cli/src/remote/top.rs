//! `top --on HOST`: the terminal is handed to an ssh.

use std::path::Path;

use super::check;
use super::input::SetInputs;
use super::ssh::Ssh;
use super::words::{options_without, quoted, remote_words};
use crate::args::line::{Line, for_shell};
use crate::args::{HostList, TopArgs};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// Becomes the ssh that shows one host; returns only where that can't be.
pub(super) fn run(args: &TopArgs, line: &Line, hosts: &HostList) -> Exit {
    let [host] = hosts.names() else {
        print_error(&format!(
            "top shows one host, but --on names {}",
            hosts.names().len()
        ));
        print_hint(
            "`tcpentry --on HOST,HOST list` shows several; for each one, `tcpentry --on HOST top` runs in a terminal of its own",
        );
        return Exit::Usage;
    };
    if let Err(exit) = refuse_files(args, host) {
        return exit;
    }
    if !args.select.sets.is_empty() {
        print_error(
            "--in can't be sent to top on another host: its standard input is the terminal",
        );
        print_hint("`tcpentry --on HOST list --in NAME=FILE` sends it");
        return Exit::Usage;
    }
    if let Err(exit) = check::filter(&args.filter, &SetInputs::default()) {
        return exit;
    }
    let options = options_without(line, &["--on"], false);
    let remote = quoted(&remote_words("top", options, &line.texts()));
    let ssh = Ssh::of_environment();
    let error = if args.once || args.record.is_some() {
        ssh.become_pipe(host, &remote)
    } else {
        ssh.become_terminal(host, &remote)
    };
    print_error(&format!("cannot run {}: {error}", ssh.program()));
    Exit::Failed
}

/// Refuses files that would be those of the other host; standard output is that of here.
fn refuse_files(args: &TopArgs, host: &str) -> Result<(), Exit> {
    if args.replay.is_some() {
        print_error("--replay shows a file of this host, and asks no other");
        print_hint("leave out --on");
        return Err(Exit::Usage);
    }
    let file = args
        .record
        .as_deref()
        .filter(|file| *file != Path::new("-"));
    if let Some(file) = file {
        print_error("--record with --on would make a file on the other host");
        let file = for_shell(&file.to_string_lossy());
        print_hint(&format!(
            "`tcpentry --on {host} top --record - > {file}` makes it here"
        ));
        return Err(Exit::Usage);
    }
    Ok(())
}
