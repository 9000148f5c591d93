//! The capabilities of the program: it drops all that its command does not need before it does anything else.
//!
//! What it reads comes from outside (names of processes, of units, of users), and most often root runs it.
//! Capabilities belong to a thread, so this comes before there is a second one.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::args::{Args, Command, GuardCommand, NetnsArgs};
use crate::message::print_error;
#[cfg(feature = "tui")]
use crate::sudo::SudoUser;

/// Drops the capabilities that the command does not need.
///
/// Where a sandbox refuses that, it is only reported: there is still a connection to be ended.
pub(crate) fn drop_for(args: &Args) {
    if args.on_hosts().is_some() {
        let files = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::DAC_OVERRIDE);
        drop_for_others(files.union(of_caller(args)));
        return;
    }
    // Wine runs what its user's prefix has started, and those programs keep their rights.
    if let Some(Command::Wine(_)) = &args.command {
        drop_for_others(CapabilitySet::empty());
        return;
    }
    let needed = match &args.command {
        None => TABLE.union(of_namespaces(&args.list.netns)),
        Some(Command::List(args)) => TABLE.union(of_namespaces(&args.netns)),
        Some(Command::Delete(args)) => TABLE.union(of_namespaces(&args.netns)),
        Some(Command::Why(args)) => TABLE.union(of_namespaces(&args.netns)),
        Some(Command::Ban(args)) if args.own_netns_only => TABLE,
        // A list may be handed over.
        Some(Command::Ban(args)) if args.stdin || args.file.is_some() => {
            TABLE.union(CapabilitySet::SYS_ADMIN).union(ASK)
        }
        Some(Command::Ban(_)) => TABLE.union(CapabilitySet::SYS_ADMIN),
        Some(Command::Guard(args)) => match args.command {
            // A rule may be about other namespaces; where none is, the service drops it when it has read them.
            GuardCommand::Check(_) | GuardCommand::Run(_) => TABLE.union(CapabilitySet::SYS_ADMIN),
            GuardCommand::Status(_) | GuardCommand::Pause(_) | GuardCommand::Resume(_) => ASK,
        },
        // One key shows all namespaces.
        #[cfg(feature = "tui")]
        Some(Command::Top(_)) => TABLE.union(CapabilitySet::SYS_ADMIN).union(of_caller(args)),
        // It tries which other namespaces can be entered.
        Some(Command::Doctor(_)) => TABLE.union(CapabilitySet::SYS_ADMIN),
        Some(Command::Demo(_)) => TABLE,
        Some(Command::Wine(_)) => CapabilitySet::empty(),
    };
    if let Err(errno) = keep(needed) {
        print_error(&format!(
            "cannot drop the capabilities that are not needed ({}); continuing with them",
            std::io::Error::from(errno)
        ));
    }
}

/// Drops the capability to enter other network namespaces, and returns true if this process had it. Threads that exist keep
/// theirs.
pub(crate) fn drop_namespaces() -> bool {
    let Ok(held) = rustix::thread::capabilities(None) else {
        return false;
    };
    let namespaces = CapabilitySet::SYS_ADMIN;
    // As in `kept`: who borrows by having as many has to keep all.
    held.effective.contains(CapabilitySet::SYS_PTRACE)
        && held.permitted.contains(namespaces)
        && set(held.effective - namespaces, held.permitted - namespaces).is_ok()
}

/// Drops all capabilities: the demo's peers only talk to each other. Where that is refused they are no worse off.
pub(crate) fn drop_all() {
    let _ = rustix::thread::set_no_new_privs(true);
    let _ = set(CapabilitySet::empty(), CapabilitySet::empty());
}

/// Drops all capabilities but these (to read a file that is to be sent), where another program is run that may need others:
/// ssh, Wine. Neither it nor what it starts is restricted: root's programs have all again, and those of other users may gain
/// theirs.
fn drop_for_others(kept: CapabilitySet) {
    let dropped = rustix::thread::capabilities(None).and_then(|held| {
        let kept = |set: CapabilitySet| set.intersection(kept);
        set(kept(held.effective), kept(held.permitted))
    });
    // This program itself does nothing with them.
    let _ = dropped;
}

/// Returns the capabilities to become the user who called sudo: as that user `top` saves the log, records, and keeps settings.
fn of_caller(args: &Args) -> CapabilitySet {
    match &args.command {
        #[cfg(feature = "tui")]
        Some(Command::Top(args))
            if (!args.once || args.record.is_some()) && SudoUser::find().is_some() =>
        {
            SudoUser::CAPABILITIES
        }
        _ => CapabilitySet::empty(),
    }
}

fn of_namespaces(args: &NetnsArgs) -> CapabilitySet {
    if args.all_netns || !args.netns.is_empty() {
        CapabilitySet::SYS_ADMIN
    } else {
        CapabilitySet::empty()
    }
}

fn keep(needed: CapabilitySet) -> Result<(), Errno> {
    // A program that is run from here can't gain them again. Only the demo runs any.
    rustix::thread::set_no_new_privs(true)?;
    let held = rustix::thread::capabilities(None)?;
    let Some(kept) = kept(needed, held.effective) else {
        return Ok(());
    };
    if held.permitted.union(held.inheritable) == held.permitted.intersection(kept) {
        return Ok(());
    }
    set(
        held.effective.intersection(kept),
        held.permitted.intersection(kept),
    )
}

/// Sets the capabilities, without inheritable ones: with those go the ambient ones.
fn set(effective: CapabilitySet, permitted: CapabilitySet) -> Result<(), Errno> {
    let inheritable = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective,
        permitted,
        inheritable,
    };
    rustix::thread::set_capabilities(None, sets)
}

/// Returns the capabilities to keep; `None` for all that are held.
fn kept(needed: CapabilitySet, held: CapabilitySet) -> Option<CapabilitySet> {
    // Without this one the kernel lends a descriptor only to a process that has at least the capabilities of its
    // owner: in a container root borrows from root by having as many.
    if !held.contains(CapabilitySet::SYS_PTRACE) {
        return None;
    }
    // Docker grants the larger one and not the smaller.
    let reads_all = held.contains(CapabilitySet::DAC_READ_SEARCH);
    let instead = if needed.contains(CapabilitySet::DAC_READ_SEARCH) && !reads_all {
        CapabilitySet::DAC_OVERRIDE
    } else {
        CapabilitySet::empty()
    };
    Some(needed.union(instead))
}

/// The capabilities to destroy sockets and see their marks, to borrow descriptors, and to find their owners.
const TABLE: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH);
/// The capability by which root connects to the socket of a service that runs as another user: that takes the right to write.
const ASK: CapabilitySet = CapabilitySet::DAC_OVERRIDE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dac_override_is_kept_where_it_is_the_only_right_to_read() {
        assert_eq!(kept(TABLE, CapabilitySet::all()), Some(TABLE));
        let docker = CapabilitySet::DAC_OVERRIDE | CapabilitySet::SYS_PTRACE;
        let with_override = TABLE.union(CapabilitySet::DAC_OVERRIDE);
        assert_eq!(kept(TABLE, docker), Some(with_override));
    }

    #[test]
    fn a_process_that_borrows_without_sys_ptrace_keeps_all() {
        assert_eq!(kept(TABLE, CapabilitySet::CHOWN), None);
    }
}
