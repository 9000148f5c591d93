//! The C library `libiphlpapi`: `SetTcpEntry` and the TCP functions of IP Helper around it.
//!
//! What a C programmer reads is `include/iphlpapi.h` and `man/`. Here, `exports` holds every
//! exported function and all unsafe code; the other files are ordinary Rust without raw pointers:
//! they take rows and return codes and bytes.

mod code;
mod detail;
mod entry;
pub mod exports;
#[cfg(any(test, feature = "fuzz-internals"))]
pub mod fuzz;
mod module;
mod statistics;
mod table;
