//! `Connection`: a row of the table.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tcpentry::netns::Origin;
use tcpentry::{Inode, Interface};

use crate::identity::Identity;
use crate::values;

/// The table that a connection was listed in.
pub(crate) struct Home {
    pub(crate) origin: Origin,
    /// The name of the network namespace, where not only the caller's own was read.
    pub(crate) name: Option<String>,
}

/// One TCP socket, as it was when it was listed.
#[pyclass(frozen, module = "tcpentry")]
pub(crate) struct Connection {
    row: tcpentry::Connection,
    home: Arc<Home>,
    /// The processes that hold it, where they were asked for.
    pids: Option<Vec<i32>>,
}

impl Connection {
    pub(crate) fn new(row: tcpentry::Connection, home: Arc<Home>, pids: Option<Vec<i32>>) -> Self {
        Self { row, home, pids }
    }

    pub(crate) fn name(&self) -> tcpentry::Identity {
        self.home.origin.identity(&self.row)
    }
}

#[pymethods]
impl Connection {
    #[getter]
    fn local<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.row.local())
    }

    #[getter]
    fn peer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.row.peer())
    }

    #[getter]
    fn state(&self) -> String {
        self.row.state.to_string()
    }

    #[getter]
    fn identity(&self) -> Identity {
        Identity(self.name())
    }

    #[getter]
    fn netns(&self) -> Option<&str> {
        self.home.name.as_deref()
    }

    #[getter]
    fn uid(&self) -> u32 {
        self.row.uid
    }

    #[getter]
    fn pids<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let pids = self.pids.as_ref();
        pids.map(|pids| PyTuple::new(py, pids)).transpose()
    }

    #[getter]
    fn interface(&self) -> Option<u32> {
        self.row.interface().map(Interface::index)
    }

    #[getter]
    fn cookie(&self) -> u64 {
        self.row.cookie.value()
    }

    #[getter]
    fn inode(&self) -> Option<u32> {
        self.row.inode.map(Inode::number)
    }

    #[getter]
    fn mark(&self) -> Option<u32> {
        self.row.mark
    }

    #[getter]
    fn recv_queue(&self) -> u32 {
        self.row.recv_queue
    }

    #[getter]
    fn send_queue(&self) -> u32 {
        self.row.send_queue
    }

    #[getter]
    fn mptcp(&self) -> Option<bool> {
        self.row.mptcp
    }

    #[getter]
    fn info(&self) -> Option<TcpInfo> {
        self.row.info.as_deref().copied().map(TcpInfo)
    }

    #[getter]
    fn idle(&self) -> Option<f64> {
        self.row.idle().map(|it| it.as_secs_f64())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.name().hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> String {
        self.row.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<tcpentry.Connection {}>", self.row)
    }
}

/// Counters of a connection: the part of the kernel's `struct tcp_info` that people ask for.
#[pyclass(frozen, module = "tcpentry")]
pub(crate) struct TcpInfo(tcpentry::connection::TcpInfo);

#[pymethods]
impl TcpInfo {
    #[getter]
    fn retransmits(&self) -> u8 {
        self.0.retransmits
    }

    #[getter]
    fn total_retransmits(&self) -> u32 {
        self.0.total_retransmits
    }

    #[getter]
    fn rtt(&self) -> f64 {
        self.0.rtt.as_secs_f64()
    }

    #[getter]
    fn rtt_variation(&self) -> f64 {
        self.0.rtt_variation.as_secs_f64()
    }

    #[getter]
    fn congestion_window(&self) -> u32 {
        self.0.congestion_window
    }

    #[getter]
    fn last_data_sent(&self) -> f64 {
        self.0.last_data_sent.as_secs_f64()
    }

    #[getter]
    fn last_data_received(&self) -> f64 {
        self.0.last_data_received.as_secs_f64()
    }

    #[getter]
    fn last_ack_received(&self) -> f64 {
        self.0.last_ack_received.as_secs_f64()
    }

    #[getter]
    fn bytes_acked(&self) -> u64 {
        self.0.bytes_acked
    }

    #[getter]
    fn bytes_received(&self) -> u64 {
        self.0.bytes_received
    }
}
