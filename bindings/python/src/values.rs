//! Values that Python has a type of its own for.

use pyo3::prelude::*;
use tcpentry::Endpoint;

/// Makes the named tuple of an end: address and port, as the socket module has them.
pub(crate) fn endpoint(py: Python<'_>, end: Endpoint) -> PyResult<Bound<'_, PyAny>> {
    let class = py.import("tcpentry.endpoint")?.getattr("Endpoint")?;
    class.call1((end.address().to_string(), end.port()))
}
