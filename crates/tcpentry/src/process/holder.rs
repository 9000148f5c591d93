//! The holders of a socket with their descriptor numbers, one at a time.

use std::num::NonZeroI32;
use std::ops::ControlFlow;

use rustix::io::Errno;

use super::pid::Process;
use super::proc::{Descriptor, Opened, Proc, is_denied};
use super::table_limits::TableLimits;
use crate::connection::Inode;

/// A process that holds a socket, and the descriptor by which it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Holder {
    pub(crate) process: Process,
    pub(crate) descriptor: Descriptor,
}

impl Holder {
    /// Returns the id of the thread in whose table the descriptor is, which may be the process's pid.
    pub(crate) fn table(&self) -> i32 {
        let thread = self.descriptor.thread.map(NonZeroI32::get);
        thread.unwrap_or(self.process.pid())
    }
}

/// Calls with each descriptor of a socket, until one breaks it off, and collects the processes
/// whose descriptors may not be seen.
pub(crate) fn each_holder<B>(
    wanted: Inode,
    hidden: &mut Vec<Process>,
    mut visit: impl FnMut(Holder) -> ControlFlow<B>,
) -> Result<Option<B>, Errno> {
    let (mut room, mut stat_room) = (Vec::new(), Vec::new());
    let mut limits = TableLimits::new();
    each_process(|process| {
        let opened = match process {
            Ok(opened) => opened,
            Err(process) => {
                hidden.push(process);
                return Ok(ControlFlow::Continue(()));
            }
        };
        // Most processes hold none of them: asked for with the first.
        let mut known = None;
        let looked = opened.each_socket(&mut room, &mut limits, |descriptor, inode| {
            if inode != wanted {
                return ControlFlow::Continue(());
            }
            let process = match known {
                Some(process) => process,
                None => match opened.stat(&mut stat_room) {
                    Ok(stat) => *known.insert(stat.process),
                    Err(errno) => return ControlFlow::Break(Err(errno)),
                },
            };
            let holder = Holder {
                process,
                descriptor,
            };
            visit(holder).map_break(Ok)
        });
        match looked {
            Ok(None) => {
                if limits.has_left_out() {
                    hidden.push(opened.stat(&mut stat_room)?.process);
                }
                Ok(ControlFlow::Continue(()))
            }
            Ok(Some(result)) => result.map(ControlFlow::Break),
            Err(errno) if is_denied(errno) => {
                hidden.push(opened.stat(&mut stat_room)?.process);
                Ok(ControlFlow::Continue(()))
            }
            Err(errno) => Err(errno),
        }
    })
}

/// Calls `look` with every process that `/proc` shows, opened or, where that is not permitted, by its pid.
///
/// Skips a process that has ended meanwhile.
fn each_process<B>(
    mut look: impl FnMut(Result<Opened, Process>) -> Result<ControlFlow<B>, Errno>,
) -> Result<Option<B>, Errno> {
    let proc = Proc::open()?;
    proc.each_pid(&mut Vec::new(), |pid| {
        super::proc::look(&proc, pid, &mut look)
    })
}
