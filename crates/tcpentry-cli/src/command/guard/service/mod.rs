//! The edges of the service `tcpentry guard run`: what it says to the service manager, to the log, to whoever asks, and to
//! a monitoring system. Nothing here waits for another process, and nothing knows how a rule is evaluated.

pub(crate) mod control;
pub(crate) mod folder;
pub(crate) mod journal;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod status;
