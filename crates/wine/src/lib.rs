//! The editing of Wine's own DLLs, as bytes: exports become forwarders to another DLL.

#[cfg(any(test, feature = "fuzz-internals"))]
#[doc(hidden)]
pub mod fuzz;
pub mod pe;
