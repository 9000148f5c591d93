//! The program `tcpentry-wine`: it answers the requests of one Wine process, and ends with it.
//!
//! It takes no argument, no variable of the environment and no file, so that whoever may run it may delete rows, and no more:
//! a capability can be given to it for a group.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use iphlpapi::foreign::TableCall;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{CapabilitySet, CapabilitySets};
use tcpentry::set_entry::TcpRow;
use tcpentry::{Error, TcpTable};

use crate::channel::DllChannel;
use crate::protocol::{CallRequest, REQUEST, WindowsCall};

/// `ERROR_ACCESS_DENIED`
const ACCESS_DENIED: u32 = 5;

/// Runs the program.
pub fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        return refuse("takes no arguments");
    }
    drop_capabilities();
    let mut table = match TcpTable::open() {
        Ok(table) => table,
        Err(error) => return refuse(&error.to_string()),
    };
    let channel = match DllChannel::open(rustix::stdio::stdout(), &mut table) {
        Ok(channel) => channel,
        Err(cause) => return refuse(&cause),
    };
    if let Err(errno) = detach() {
        return refuse(&std::io::Error::from(errno).to_string());
    }
    serve(&channel, &mut table);
    ExitCode::SUCCESS
}

fn refuse(cause: &str) -> ExitCode {
    eprintln!(
        "tcpentry-wine: {cause}; Windows programs under Wine start it, see `tcpentry wine --help`"
    );
    ExitCode::from(2)
}

/// Drops the capabilities that a deletion does not need, where there are more. What is refused is kept.
fn drop_capabilities() {
    let needed = CapabilitySet::NET_ADMIN
        .union(CapabilitySet::SYS_PTRACE)
        .union(CapabilitySet::DAC_READ_SEARCH);
    let _ = rustix::thread::set_no_new_privs(true);
    let Ok(held) = rustix::thread::capabilities(None) else {
        return;
    };
    // Without this one a descriptor is lent only to a process that has at least the capabilities of its owner.
    if held.effective.contains(CapabilitySet::SYS_PTRACE) {
        let kept = CapabilitySets {
            effective: held.effective.intersection(needed),
            permitted: held.permitted.intersection(needed),
            inheritable: CapabilitySet::empty(),
        };
        let _ = rustix::thread::set_capabilities(None, kept);
    }
}

/// Leaves terminal, folder, listener and standard error: a Ctrl-C is the Windows program's, and it may take it without ending.
fn detach() -> rustix::io::Result<()> {
    // It fails for the leader of a group, which Wine does not start.
    let _ = rustix::process::setsid();
    rustix::process::chdir("/")?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    rustix::stdio::dup2_stdout(&null)
}

/// Answers until the DLL's end is closed, or says what this version does not know.
fn serve(channel: &DllChannel, table: &mut TcpTable) {
    let mut stream = &channel.stream;
    let mut bytes = [0; REQUEST];
    while stream.read_exact(&mut bytes).is_ok() {
        let Some(request) = CallRequest::parse(&bytes) else {
            return;
        };
        let (code, bytes) = match request.call {
            WindowsCall::Set(row) => (set(channel, table, &row), Vec::new()),
            WindowsCall::Table(call) => table_of(call),
        };
        if stream.write_all(&request.reply(code, &bytes)).is_err() {
            return;
        }
    }
}

/// Deletes the connection of a row, unless it is the channel's own, and returns the code.
fn set(channel: &DllChannel, table: &mut TcpTable, row: &TcpRow) -> u32 {
    if channel.is_between(&row.pair()) {
        return ACCESS_DENIED;
    }
    table
        .set_entry(row)
        .map_or_else(|error| Error::win32(&error), |_| 0)
}

/// Reads a table, and returns the code, and behind the size that the function stores the contents of the buffer.
fn table_of(call: TableCall) -> (u32, Vec<u8>) {
    let reply = call.answer();
    let size = reply.size.to_le_bytes();
    (reply.code, [&size[..], &reply.table].concat())
}
