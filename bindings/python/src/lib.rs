//! The native module of the Python package `tcpentry`: classes and functions over the library's public interface.
//!
//! What a Python programmer sees is described in `python/tcpentry/__init__.pyi`; nothing here is public but to Python. Every
//! call that asks the kernel or `/proc` gives the interpreter's lock back meanwhile.

mod connection;
mod delete;
mod doctor;
mod failure;
mod filter;
mod identity;
mod list;
mod names;
mod rows;
mod tables;
mod values;

// `tcpentry.windll` finds the functions of the C library in this module's file.
use iphlpapi as _;
use pyo3::prelude::*;

/// Makes the module.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::connection::{Connection, TcpInfo};
    #[pymodule_export]
    use crate::delete::{Outcome, delete};
    #[pymodule_export]
    use crate::doctor::{Support, doctor};
    #[pymodule_export]
    use crate::filter::Filter;
    #[pymodule_export]
    use crate::identity::Identity;
    #[pymodule_export]
    use crate::list::connections;
}
