//! Win32 codes: the conversion from every error, and their texts.

use tcpentry::Error;

/// A Win32 error code; never 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Code(pub(crate) u32);

pub(crate) const NO_ERROR: u32 = 0;

impl Code {
    pub(crate) const NOT_ENOUGH_MEMORY: Self = Self(8);
    pub(crate) const GEN_FAILURE: Self = Self(31);
    pub(crate) const NOT_SUPPORTED: Self = Self(50);
    pub(crate) const INVALID_PARAMETER: Self = Self(87);
    pub(crate) const INSUFFICIENT_BUFFER: Self = Self(122);
    pub(crate) const NOT_FOUND: Self = Self(1168);
    pub(crate) const INVALID_USER_BUFFER: Self = Self(1784);
}

impl From<std::io::Error> for Code {
    /// Converts an error of reading `/proc`.
    fn from(error: std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => Self(4),
            Some(libc::ENOMEM) => Self::NOT_ENOUGH_MEMORY,
            _ => Self::GEN_FAILURE,
        }
    }
}

impl From<std::collections::TryReserveError> for Code {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::NOT_ENOUGH_MEMORY
    }
}

impl From<&Error> for Code {
    fn from(error: &Error) -> Self {
        Self(error.win32())
    }
}

impl From<Error> for Code {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// Returns the text of a code of this library, as `FormatMessage` does on Windows.
pub(crate) const fn message(code: u32) -> &'static str {
    match code {
        0 => "The operation completed successfully.",
        4 => "Too many files are open.",
        5 => {
            "Access is denied: the connection belongs to another user, and CAP_NET_ADMIN is missing."
        }
        8 => "Not enough memory.",
        31 => "A system call failed in a way that has no code of its own.",
        50 => "Not supported: this system has no such table, or no way to delete the connection.",
        87 => "A parameter is invalid.",
        122 => "The buffer is too small; the size needed has been stored.",
        170 => "The socket is busy.",
        299 => "Only a part could be copied.",
        317 => {
            "No such connection, a listener, or an administrator who is not elevated: tcpentry_last_detail says which."
        }
        1168 => {
            "Not found, or several sockets have the four-tuple of the row: tcpentry_last_detail says which."
        }
        1784 => {
            "The buffer is not valid for what was asked for: there is none, or it is too small."
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_the_header_has_a_text() {
        let header = include_str!("../include/iphlpapi.h");
        let codes = header.lines().filter_map(|line| {
            let definition = line.strip_prefix("#define ")?;
            let (name, value) = definition.split_once(' ')?;
            let is_code = name.starts_with("ERROR_") || name == "NO_ERROR";
            Some((name, value.strip_suffix('L').filter(|_| is_code)?))
        });
        let mut count = 0;
        for (name, value) in codes {
            assert_ne!(message(value.parse().unwrap()), "", "{name}");
            count += 1;
        }
        assert!(count >= 14, "{count}");
    }
}
