//! What the tests of filters are made of.

pub(crate) mod sockets;
pub(crate) mod texts;
