//! The tables that a call reads: that of the caller's network namespace, of another one by its name, or of all.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tcpentry::netns::{Namespace, Namespaces};
use tcpentry::{Error, Reason, TcpTable};

use crate::connection::Home;

/// The network namespaces that were asked for.
pub(crate) enum Scope {
    Own,
    Named(String),
    All,
}

impl Scope {
    /// Reads the two arguments that say it.
    pub(crate) fn read(all_netns: bool, netns: Option<String>) -> PyResult<Self> {
        match (all_netns, netns) {
            (false, None) => Ok(Self::Own),
            (false, Some(name)) => Ok(Self::Named(name)),
            (true, None) => Ok(Self::All),
            (true, Some(_)) => Err(PyTypeError::new_err("either all_netns or netns, not both")),
        }
    }
}

/// The table of one network namespace.
pub(crate) struct Site {
    pub(crate) table: TcpTable,
    pub(crate) home: Arc<Home>,
}

/// The tables that could be opened, and why others could not.
pub(crate) struct Sites {
    pub(crate) opened: Vec<Site>,
    /// Sentences about what is left out.
    pub(crate) left_out: Vec<String>,
}

impl Sites {
    /// Opens the tables. Of all namespaces, those that can't be entered are left out.
    pub(crate) fn open(scope: &Scope) -> Result<Self, Error> {
        let mut sites = Self {
            opened: Vec::new(),
            left_out: Vec::new(),
        };
        match scope {
            Scope::Own => sites.push(TcpTable::open()?, None)?,
            Scope::Named(name) => {
                let table = TcpTable::open_in(&Namespace::named(name)?)?;
                sites.push(table, Some(name.clone()))?;
            }
            Scope::All => sites.open_all()?,
        }
        Ok(sites)
    }

    fn open_all(&mut self) -> Result<(), Error> {
        let all = Namespaces::all()?;
        let mut refusal = None;
        for namespace in &all.found {
            match TcpTable::open_in(namespace) {
                Ok(table) => self.push(table, Some(namespace.label()))?,
                // It may be entered, but this process can't hold it: a partial answer would be wrong.
                Err(error) if error.reason() == Some(Reason::OutOfResources) => return Err(error),
                Err(error) => {
                    self.left_out.push(format!("{}: left out", error.cause()));
                    refusal = Some(error);
                }
            }
        }
        if let (true, Some(error)) = (self.opened.is_empty(), refusal) {
            return Err(error);
        }
        if !all.hidden.is_empty() {
            self.left_out.push(format!(
                "the network namespaces of {} processes are hidden; connections there may be left out",
                all.hidden.len()
            ));
        }
        if all.withheld {
            self.left_out.push(
                "processes of other users are not visible (hidepid); their network namespaces may be left out"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn push(&mut self, mut table: TcpTable, name: Option<String>) -> Result<(), Error> {
        let origin = table.origin()?;
        let home = Arc::new(Home { origin, name });
        self.opened.push(Site { table, home });
        Ok(())
    }
}
