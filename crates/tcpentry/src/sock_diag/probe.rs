//! Probes of the kernel and of the caller's rights, which do nothing.

use rustix::io::Errno;

use super::bytecode::{Check, Condition, Program};
use super::diag::{Diag, Reply};
use super::dump::DumpError;
use super::message::{DumpRequest, Extent, Families, Protocol, Request};
use super::scope::Scope;
use crate::connection::Cookie;
use crate::connection::endpoint::Pair;
use crate::connection::state::States;

impl Diag {
    /// Returns true where the kernel runs programs, and doesn't just take them: a dump by one that rejects all.
    ///
    /// For those who have to believe a program, because no row shows what it decides. Costs a dump.
    pub(crate) fn runs_programs(&mut self, states: States) -> Result<bool, DumpError> {
        let mut dump = self.dump(Scope {
            states,
            info: false,
            ports: (0, 0),
            program: Program::of(&Condition::NEVER),
            half: None,
        })?;
        Ok(dump.next().transpose()?.is_none() && !dump.is_unfiltered())
    }

    /// Returns true where there are connections of MPTCP in this namespace; `ENOENT` where the kernel can't list them.
    ///
    /// 60 microseconds, whatever the number of TCP sockets (Linux 6.18). To be asked since Linux 5.9.
    pub(crate) fn has_mptcp(&mut self) -> Result<bool, Errno> {
        for families in [Families::V4, Families::V6] {
            self.ask(Request::DumpMptcp(families))?;
            // Whatever comes instead of its end.
            self.unfinished = true;
            match self.answer()? {
                Reply::Done => self.unfinished = false,
                Reply::Socket(_) => return Ok(true),
                Reply::Acknowledged => return Err(Errno::PROTO),
            }
        }
        Ok(false)
    }

    /// Probes the kernel's TCP part of `sock_diag`: a dump of no state.
    ///
    /// `ENOENT` when the module `tcp_diag` is neither loaded nor to be loaded from here.
    pub(crate) fn probe(&mut self) -> Result<(), Errno> {
        self.dump_of_nothing(Families::V4, None)
    }

    /// Probes a dump of both families in one.
    pub(crate) fn probe_one_dump(&mut self) -> Result<(), Errno> {
        self.dump_of_nothing(Families::Both, None)
    }

    /// Probes `CAP_NET_ADMIN` over the socket's namespace without doing anything:
    /// a filter by mark needs it, exactly as `SOCK_DESTROY` does. `EPERM` when not.
    pub(crate) fn probe_right(&mut self) -> Result<(), Errno> {
        let by_mark = Program::of(&Check::Mark { value: 1, mask: 1 }.into());
        self.dump_of_nothing(Families::V4, by_mark)
    }

    /// Probes `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`) without destroying anything:
    /// for a cookie that no socket has. `EOPNOTSUPP` when not.
    pub(crate) fn probe_destroy(&mut self, pair: &Pair) -> Result<(), Errno> {
        let nobody =
            Cookie::new(0).expect("0 is a value like others, which the kernel never gives");
        match self.destroy(pair, nobody) {
            Err(Errno::NOENT) => Ok(()),
            other => other,
        }
    }

    fn dump_of_nothing(
        &mut self,
        families: Families,
        program: Option<Program>,
    ) -> Result<(), Errno> {
        self.ask(Request::Dump(&DumpRequest {
            protocol: Protocol::Tcp,
            families,
            states: States::NONE,
            extent: Extent::Plain,
            ports: (0, 0),
            program,
        }))?;
        self.answer().map(|_| ())
    }
}
