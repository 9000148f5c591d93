//! `Identity`: the name of one socket as one word.

use pyo3::prelude::*;

use crate::failure::Failure;
use crate::values;

/// The name of one socket: boot, network namespace, cookie, interface and both ends.
#[pyclass(frozen, eq, hash, from_py_object, module = "tcpentry")]
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Identity(pub(crate) tcpentry::Identity);

#[pymethods]
impl Identity {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let parsed = text.parse().map_err(Failure::value)?;
        Ok(Self(parsed))
    }

    #[getter]
    fn local<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.0.pair.local())
    }

    #[getter]
    fn peer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.0.pair.peer())
    }

    #[getter]
    fn cookie(&self) -> u64 {
        self.0.cookie.value()
    }

    #[getter]
    fn boot(&self) -> String {
        self.0.boot.to_string()
    }

    #[getter]
    fn netns(&self) -> String {
        self.0.netns.to_string()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Identity('{}')", self.0)
    }

    /// Returns what `pickle` and `copy` make it of.
    fn __getnewargs__(&self) -> (String,) {
        (self.0.to_string(),)
    }
}
