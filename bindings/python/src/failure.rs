//! Errors on their way to Python: the exceptions of `tcpentry/errors.py`, one class for each kind.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tcpentry::filter::FilterError;
use tcpentry::{Error, ErrorKind, Reason};

/// The reason why a call has no result.
pub(crate) enum Failure {
    /// The library's error.
    Table(Error),
    /// The filter is wrong.
    Filter { error: FilterError, text: String },
    /// A value names nothing.
    Value {
        message: String,
        hint: Option<String>,
    },
    /// The caller may not see what the filter asks for, of so many sockets.
    Hidden(usize),
    /// More are selected than may be deleted.
    TooMany { count: usize, max: usize },
    /// An exception of a signal handler, or of the interpreter.
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl Failure {
    /// Makes the failure of a value that can't be read.
    #[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
    pub(crate) fn value(message: impl ToString) -> Self {
        Self::Value {
            message: message.to_string(),
            hint: None,
        }
    }

    fn exception(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let values = PyDict::new(py);
        match self {
            Self::Table(error) => exception(py, &error),
            Self::Filter { error, text } => {
                values.set_item("hint", error.hint())?;
                values.set_item("column", error.column())?;
                values.set_item("length", error.length())?;
                values.set_item("excerpt", error.excerpt(&text))?;
                values.set_item("corrected", error.corrected(&text))?;
                make(py, "FilterError", &error.to_string(), &values)
            }
            Self::Value { message, hint } => {
                values.set_item("hint", hint)?;
                values.set_item("errno", 22)?;
                values.set_item("win32", 87)?;
                make(py, "InvalidParameterError", &message, &values)
            }
            Self::Hidden(count) => {
                values.set_item("hint", hidden_hint())?;
                values.set_item("errno", 1)?;
                values.set_item("win32", 5)?;
                let message = format!("{}; nothing was deleted", hidden(count));
                make(py, "AccessDeniedError", &message, &values)
            }
            Self::TooMany { count, max } => {
                values.set_item("count", count)?;
                let message = format!(
                    "{count} connections are selected, more than {max}; nothing was deleted"
                );
                make(py, "TooManyError", &message, &values)
            }
            Self::Python(error) => Ok(error.into_value(py).into_bound(py).into_any()),
        }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| match failure.exception(py) {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        })
    }
}

/// Describes the sockets of which the caller may not see what a filter asks for.
pub(crate) fn hidden(count: usize) -> String {
    let sockets = if count == 1 { "socket" } else { "sockets" };
    format!(
        "for {count} {sockets} you are not permitted to see what the filter asks for (processes of other users, or marks)"
    )
}

fn hidden_hint() -> String {
    let rights = tcpentry::support::more_rights();
    format!("{rights}; or add a term that leaves them out, such as `user NAME`")
}

/// Makes the exception of an error of the library, to be raised or to stand in an outcome.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let values = PyDict::new(py);
    values.set_item("hint", error.hint())?;
    values.set_item("errno", error.errno())?;
    values.set_item("win32", error.win32())?;
    values.set_item("reason", error.reason().and_then(reason))?;
    let class = match error.kind() {
        ErrorKind::InvalidParameter => "InvalidParameterError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::Ambiguous => "AmbiguousError",
        ErrorKind::OtherNetns => "OtherNetnsError",
        ErrorKind::Refused(guard) => {
            values.set_item("guard", guard.to_string())?;
            "RefusedError"
        }
        ErrorKind::Spared => "SparedError",
        ErrorKind::AccessDenied => "AccessDeniedError",
        ErrorKind::NotElevated => "NotElevatedError",
        ErrorKind::NotSupported => "NotSupportedError",
        // Kinds that come later are the system's until they have a class.
        _ => "SystemCallError",
    };
    make(py, class, &error.to_string(), &values)
}

fn make<'py>(
    py: Python<'py>,
    class: &str,
    message: &str,
    values: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("tcpentry.errors")?.getattr(class)?;
    class.call((message,), Some(values))
}

/// Issues a warning that a result is not whole.
pub(crate) fn warn_incomplete(py: Python<'_>, message: &str) -> PyResult<()> {
    let category = py.import("tcpentry.errors")?.getattr("IncompleteWarning")?;
    py.import("warnings")?
        .call_method1("warn", (message, category))?;
    Ok(())
}

/// Returns the word for a reason; none for one that this version does not know.
fn reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoSockDiag => "no-sock-diag",
        Reason::NoTcpDiag => "no-tcp-diag",
        Reason::NoSockDestroy => "no-sock-destroy",
        Reason::StateNotSupported => "state-not-supported",
        Reason::Mptcp => "mptcp",
        Reason::Shadowed => "shadowed",
        Reason::NotConnected => "not-connected",
        Reason::NoAddressFamily => "no-address-family",
        Reason::NoNetAdmin => "no-net-admin",
        Reason::OutOfResources => "out-of-resources",
        Reason::NoHolder => "no-holder",
        Reason::HolderNotSeen => "holder-not-seen",
        Reason::BorrowDenied => "borrow-denied",
        Reason::NoPidfdGetfd => "no-pidfd-getfd",
        Reason::NoNfTables => "no-nf-tables",
        _ => return None,
    })
}
