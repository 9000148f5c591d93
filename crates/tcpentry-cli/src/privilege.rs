//! The rights that the program keeps: it gives up all that its command does not need before it does anything.
//!
//! What it reads comes from outside (names of processes, of units, of users), and most often root runs it. Rights
//! belong to a thread, so this comes before there is a second one.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::args::{Args, Command, NetnsArgs};
use crate::message::print_error;

/// Gives up what these words do not need.
///
/// Where that is refused (by a sandbox) it is said and no more: the program holds what it was given, and a
/// connection is still to be ended.
pub(crate) fn drop_for(args: &Args) {
    let needed = match &args.command {
        None => TABLE.union(of_namespaces(&args.list.netns)),
        Some(Command::List(args)) => TABLE.union(of_namespaces(&args.netns)),
        Some(Command::Delete(args)) => TABLE.union(of_namespaces(&args.netns)),
        // All namespaces are one key away.
        #[cfg(feature = "tui")]
        Some(Command::Top(_)) => TABLE.union(CapabilitySet::SYS_ADMIN),
        // It tries which other namespaces can be entered.
        Some(Command::Doctor(_)) => TABLE.union(CapabilitySet::SYS_ADMIN),
        Some(Command::Demo(_)) => TABLE,
    };
    if let Err(errno) = keep(needed) {
        print_error(&format!(
            "cannot give up the rights that are not needed ({}): going on with them",
            std::io::Error::from(errno)
        ));
    }
}

/// Gives up all: the demo's peers only talk to each other. Where that is refused they are no worse off.
pub(crate) fn drop_all() {
    let _ = rustix::thread::set_no_new_privs(true);
    let _ = set(CapabilitySet::empty(), CapabilitySet::empty());
}

fn of_namespaces(args: &NetnsArgs) -> CapabilitySet {
    if args.all_netns || !args.netns.is_empty() {
        CapabilitySet::SYS_ADMIN
    } else {
        CapabilitySet::empty()
    }
}

fn keep(needed: CapabilitySet) -> Result<(), Errno> {
    // What is given up stays so, also for what would be run from here. Nothing is, but by the demo.
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

/// Inheritable ones are for programs to be run, and with them go the ambient ones.
fn set(effective: CapabilitySet, permitted: CapabilitySet) -> Result<(), Errno> {
    let inheritable = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective,
        permitted,
        inheritable,
    };
    rustix::thread::set_capabilities(None, sets)
}

/// What is worth keeping of what is held; `None` where all is.
fn kept(needed: CapabilitySet, held: CapabilitySet) -> Option<CapabilitySet> {
    // Without this right the kernel lends a descriptor only to who has at least the capabilities of its owner:
    // in a container root borrows from root by having as many.
    if !held.contains(CapabilitySet::SYS_PTRACE) {
        return None;
    }
    // Docker gives the one that can more, and not the other.
    let reads_all = held.contains(CapabilitySet::DAC_READ_SEARCH);
    let instead = if needed.contains(CapabilitySet::DAC_READ_SEARCH) && !reads_all {
        CapabilitySet::DAC_OVERRIDE
    } else {
        CapabilitySet::empty()
    };
    Some(needed.union(instead))
}

/// To destroy sockets and to see their marks; to borrow descriptors; to read whose they are.
const TABLE: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_reading_takes_the_larger_right_that_one_stays() {
        assert_eq!(kept(TABLE, CapabilitySet::all()), Some(TABLE));
        let docker = CapabilitySet::DAC_OVERRIDE | CapabilitySet::SYS_PTRACE;
        let with_override = TABLE.union(CapabilitySet::DAC_OVERRIDE);
        assert_eq!(kept(TABLE, docker), Some(with_override));
    }

    #[test]
    fn who_borrows_by_having_as_much_as_the_owner_keeps_it() {
        assert_eq!(kept(TABLE, CapabilitySet::CHOWN), None);
    }
}
