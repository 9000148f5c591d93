//! `SetTcpEntry` for Windows programs under Wine: the editing of Wine's own DLL, as bytes, so that exports become forwarders to
//! `tcpentry.dll`, and the Linux program that answers it.

mod channel;
#[cfg(any(test, feature = "fuzz-internals"))]
#[doc(hidden)]
pub mod fuzz;
pub mod pe;
mod protocol;
pub mod server;
pub mod setup;
