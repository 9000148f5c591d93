//! The C library `libiphlpapi`: `SetTcpEntry` and the TCP functions of IP Helper around it.
//!
//! What a C programmer reads is `include/iphlpapi.h` and `man/`. Here, `exports` holds every
//! exported function and all unsafe code; the other files are ordinary Rust without raw pointers:
//! they take rows and return codes and bytes. `table` and `udp` are the tables, `rows` what they have in common;
//! `foreign` is for the program that answers Wine.

mod code;
mod detail;
mod entry;
mod estats;
pub mod exports;
mod family;
pub mod foreign;
#[cfg(any(test, feature = "fuzz-internals"))]
pub mod fuzz;
mod image;
mod module;
mod owner;
mod rows;
mod shape;
mod snmp;
mod statistics;
mod table;
mod udp;
