//! Texts that table and JSON share: the local end and the user.

use tcpentry::escape::escape_for_terminal;
use tcpentry::table::Devices;
use tcpentry::{Connection, Pair, ScopedEndpoint};
use uzers::{Users, UsersCache};

/// Returns the local end with the device that its socket is bound to, so that pasting it back names exactly this
/// socket.
pub(crate) fn local(pair: &Pair, devices: &mut Devices) -> String {
    let device = pair.interface().map(|interface| devices.name(interface));
    ScopedEndpoint::new(pair.local(), device).to_string()
}

/// Returns the user's name, or the number of a user without a name; `None` for a socket without owner.
pub(crate) fn user(connection: &Connection, users: &UsersCache) -> Option<String> {
    connection.inode?;
    let user = users.get_user_by_uid(connection.uid);
    Some(user.map_or_else(
        || connection.uid.to_string(),
        |user| escape_for_terminal(user.name().as_encoded_bytes()),
    ))
}
