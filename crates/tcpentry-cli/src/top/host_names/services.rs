//! The names of services, by port.

use std::sync::Arc;

use foldhash::HashMap;
use tcpentry::SystemNames;
use tcpentry::escape::escape_for_terminal;

/// Returns the names of all services, escaped.
pub(in super::super) fn services() -> HashMap<u16, Arc<str>> {
    let services = SystemNames::services().into_iter();
    services
        .map(|(port, name)| (port, escape_for_terminal(name.as_bytes()).into()))
        .collect()
}
