//! Texts that the tables, JSON and `top` share: the local end, the user, and a process.

use std::ffi::OsString;

use tcpentry::escape::escape_for_terminal;
use tcpentry::process::Owner;
use tcpentry::table::Devices;
use tcpentry::{Connection, Pair, ScopedEndpoint};
use uzers::{Users, UsersCache};

/// Returns the local end with the device that its socket is bound to, so that pasting it back names exactly this
/// socket.
pub(crate) fn local(pair: &Pair, devices: &mut Devices) -> String {
    let device = pair.interface().map(|interface| devices.name(interface));
    ScopedEndpoint::new(pair.local(), device).to_string()
}

/// Returns the user's name as it is, or the number of a user without a name; `None` for a socket without owner.
pub(crate) fn user_name(connection: &Connection, users: &UsersCache) -> Option<OsString> {
    connection.inode?;
    let user = users.get_user_by_uid(connection.uid);
    Some(user.map_or_else(
        || connection.uid.to_string().into(),
        |user| user.name().to_owned(),
    ))
}

/// Returns the [name](user_name) for a terminal.
pub(crate) fn user(connection: &Connection, users: &UsersCache) -> Option<String> {
    let name = user_name(connection, users)?;
    Some(escape_for_terminal(name.as_encoded_bytes()))
}

/// Returns a process as it is shown: its pid, a space, and its name. No name imitates a second process, because what
/// stands between two has a space ([`BETWEEN_HOLDERS`]), and those of a name are escaped.
pub(crate) fn holder(owner: &Owner) -> String {
    holder_of(owner.process.pid(), &owner.name)
}

/// Returns the process of this pid and name as [`holder`] does.
pub(crate) fn holder_of(pid: i32, name: &[u8]) -> String {
    format!("{pid} {}", shown_name(name))
}

/// Returns the name of a process as it is shown behind its pid.
#[cfg(feature = "tui")]
pub(crate) fn holder_name(owner: &Owner) -> String {
    shown_name(&owner.name)
}

/// Returns a name as it is shown behind a pid.
pub(crate) fn shown_name(name: &[u8]) -> String {
    escape_for_terminal(name).replace(' ', r"\x20")
}

/// The separator between two processes that hold one socket.
pub(crate) const BETWEEN_HOLDERS: &str = ", ";

#[cfg(test)]
mod tests {
    use tcpentry::escape::is_plain;
    use unicode_width::UnicodeWidthChar as _;

    #[test]
    fn nothing_that_takes_no_cell_is_shown_as_it_is() {
        let hidden = |&character: &char| is_plain(character) && character.width() == Some(0);
        let found: Vec<_> = ('\0'..=char::MAX).filter(hidden).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
