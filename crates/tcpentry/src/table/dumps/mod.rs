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

    /// Reads the next row into [`row`](Self::row); `false` at the end, and after an error.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        loop {
            let Some(dump) = &mut self.dump else {
                return Ok(false);
            };
            match dump.advance() {
                Ok(true) => {
                    if !dump.is_unfiltered() {
                        dump.row().autobound = self.autobound;
                    }
                    return Ok(true);
                }
                Ok(false) => {}
                Err(error) => {
                    // Nothing comes after an error.
                    self.passes = Vec::new().into_iter();
                    return Err(dump_error(error));
                }
            }
            // A pass whose program the kernel refused has yielded everything.
            if dump.is_unfiltered() {
                return Ok(false);
            }
            let Some(scope) = self.next_pass() else {
                return Ok(false);
            };
            if let Some(dump) = &mut self.dump {
                dump.go_on(scope).map_err(dump_error)?;
            }
        }
    }

    /// Returns the last row.
    pub(crate) fn row(&mut self) -> Option<&mut Connection> {
        self.dump.as_mut().map(Dump::row)
    }

    /// Returns the number of the datagram that the last row came with: see [`Dump::datagram`].
    pub(crate) fn datagram(&self) -> u64 {
        self.dump.as_ref().map_or(0, Dump::datagram)
    }
}

impl Iterator for Dumps<'_> {
    type Item = Result<Connection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => self.dump.as_mut().map(|dump| Ok(dump.take_row())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests;
