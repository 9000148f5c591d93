//! `doctor()`: what can be deleted here, and what is missing.

use pyo3::prelude::*;
use tcpentry::TcpTable;
use tcpentry::netns::Namespace;
use tcpentry::support::{PtraceScope, Support as Found};

use crate::failure::Failure;

/// Abilities of the kernel and of the caller in a network namespace.
#[pyclass(frozen, module = "tcpentry")]
pub(crate) struct Support(Found);

#[pymethods]
impl Support {
    #[getter]
    fn tcp_diag(&self) -> bool {
        self.0.tcp_diag
    }

    #[getter]
    fn destroy(&self) -> bool {
        self.0.destroy
    }

    #[getter]
    fn net_admin(&self) -> bool {
        self.0.net_admin
    }

    #[getter]
    fn borrow(&self) -> bool {
        self.0.borrow
    }

    #[getter]
    fn sys_ptrace(&self) -> bool {
        self.0.sys_ptrace
    }

    #[getter]
    fn ptrace_scope(&self) -> &'static str {
        match self.0.ptrace_scope {
            PtraceScope::Classic => "classic",
            PtraceScope::Restricted => "restricted",
            PtraceScope::AdminOnly => "admin-only",
            PtraceScope::NoAttach => "no-attach",
            _ => "unknown",
        }
    }

    #[getter]
    fn kernel(&self) -> Option<(u32, u32)> {
        self.0.release
    }

    #[getter]
    fn deletable(&self) -> &'static str {
        if self.0.all() || self.0.from_all() {
            "all"
        } else if self.0.own() {
            "own"
        } else {
            "none"
        }
    }

    #[getter]
    fn hint(&self) -> Option<&'static str> {
        (self.deletable() != "all").then(tcpentry::support::more_rights)
    }

    fn __str__(&self) -> &'static str {
        match self.deletable() {
            "all" => "every connection of this network namespace can be deleted",
            "own" => "connections of your own processes can be deleted",
            _ => "no connection can be deleted",
        }
    }

    fn __repr__(&self) -> String {
        format!("<tcpentry.Support: {}>", self.__str__())
    }
}

/// Finds out what can be deleted, without deleting anything.
#[pyfunction]
#[pyo3(signature = (*, netns=None))]
pub(crate) fn doctor(py: Python<'_>, netns: Option<&str>) -> PyResult<Support> {
    let found = py.detach(|| {
        let mut table = match netns {
            None => TcpTable::open()?,
            Some(name) => TcpTable::open_in(&Namespace::named(name)?)?,
        };
        Found::probe(&mut table)
    });
    Ok(Support(found.map_err(Failure::from)?))
}
