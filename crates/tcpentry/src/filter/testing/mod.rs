//! Generators and fixtures of the filters' tests.

pub(crate) mod sockets;
pub(crate) mod texts;
