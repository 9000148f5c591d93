//! `top` on other hosts: the terminal is handed to an ssh for one host; the rows of several are merged on a screen here.

mod deletion;
mod gate;
mod host;
mod merge;
mod opening;
mod problem;
mod several;
mod source;
mod stream;

use std::path::Path;

use super::check;
use super::input::SetInputs;
use super::ssh::Ssh;
use super::words::{options_without, quoted, remote_words};
use crate::args::line::{Line, for_shell};
use crate::args::{HostList, TopArgs};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// Shows the hosts, and returns the exit code.
pub(super) fn run(args: &TopArgs, line: &Line, hosts: &HostList) -> Exit {
    if args.replay.is_some() {
        print_error("--replay shows a file of this host, and asks no other");
        print_hint("leave out --on");
        return Exit::Usage;
    }
    match hosts.names() {
        [host] => on_one(args, line, host),
        hosts => several::run(args, line, hosts),
    }
}

/// Becomes the ssh that shows one host; returns only where that can't be.
fn on_one(args: &TopArgs, line: &Line, host: &str) -> Exit {
    if let Err(exit) = refuse_file(args, host) {
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

/// Refuses a file that would be one of the other host; standard output is that of here.
fn refuse_file(args: &TopArgs, host: &str) -> Result<(), Exit> {
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
