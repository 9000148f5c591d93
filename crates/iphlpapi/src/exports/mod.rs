//! Every exported function, a file for each part of the interface: reads its parameters through [`boundary`], and returns
//! a code.
//!
//! Each `unsafe` block here is a call of the boundary, with the promise of the C caller that makes it sound.
#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what a C caller has to keep is in the header and the manual pages"
)]

mod boundary;
mod deletion;
mod estats;
#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) mod fuzz;
mod modules;
mod statistics;
mod structs;
mod tables;
/// The boundary without a kernel behind it, so that Miri can run it:
/// `cargo +nightly miri test -p iphlpapi --lib exports`.
#[cfg(test)]
mod tests;
mod udp;

pub use deletion::*;
pub use estats::*;
pub use modules::*;
pub use statistics::*;
pub use structs::{
    DeletionResult, Id, LastDetail, OwnerModule6Row, OwnerModuleRow, UdpOwnerModule6Row,
    UdpOwnerModuleRow,
};
pub use tables::*;
pub use udp::*;
