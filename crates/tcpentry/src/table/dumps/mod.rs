//! The dumps that a query takes, one after the other.

use std::vec;

use super::query::Query;
use super::refusal::dump_error;
use crate::connection::Connection;
use crate::error::Error;
use crate::sock_diag::{Diag, Dump, Pass, Scope};

/// The running dumps of one query.
pub(crate) struct Dumps<'t> {
    /// `None` where nothing can match, so that nothing is asked.
    dump: Option<Dump<'t>>,
    scope: Scope,
    /// The value of `autobound` for every socket of the running pass.
    autobound: Option<bool>,
    passes: vec::IntoIter<Pass>,
}

impl<'t> Dumps<'t> {
    pub(crate) fn start(dumper: &'t mut Diag, query: &Query) -> Result<Self, Error> {
        let mut passes = query.passes.clone();
        // No row shows what a pass says of all its sockets, so that the kernel has to be believed.
        if passes.iter().any(|pass| pass.autobound.is_some())
            && !dumper.runs_programs(query.states).map_err(dump_error)?
        {
            passes = vec![Pass::OVER_ALL];
        }
        let mut dumps = Self {
            dump: None,
            scope: Scope {
                states: query.states,
                info: query.info,
                ports: query.ports,
                program: None,
                half: query.half,
            },
            autobound: None,
            passes: passes.into_iter(),
        };
        if let Some(scope) = dumps.next_pass() {
            dumps.dump = Some(dumper.dump(scope).map_err(dump_error)?);
        }
        Ok(dumps)
    }

    fn next_pass(&mut self) -> Option<Scope> {
        let Pass { program, autobound } = self.passes.next()?;
        self.autobound = autobound;
        Some(Scope {
            program,
            ..self.scope.clone()
        })
    }

    /// Returns the number of the datagram that the last row came with: see [`Dump::datagram`].
    pub(crate) fn datagram(&self) -> u64 {
        self.dump.as_ref().map_or(0, Dump::datagram)
    }
}

impl Iterator for Dumps<'_> {
    type Item = Result<Connection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let dump = self.dump.as_mut()?;
            match dump.next() {
                Some(Ok(mut row)) => {
                    if !dump.is_unfiltered() {
                        row.autobound = self.autobound;
                    }
                    return Some(Ok(row));
                }
                Some(Err(error)) => {
                    // Nothing comes after an error.
                    self.passes = Vec::new().into_iter();
                    return Some(Err(dump_error(error)));
                }
                None => {}
            }
            // A pass whose program the kernel refused has yielded everything.
            if self.dump.as_ref()?.is_unfiltered() {
                return None;
            }
            let scope = self.next_pass()?;
            if let Err(error) = self.dump.as_mut()?.go_on(scope) {
                return Some(Err(dump_error(error)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
