//! The reasons why a DLL is not edited.

use std::fmt;

/// The reason why a DLL can't be read, or is not edited.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeError {
    /// The file ends before what its headers name.
    Truncated,
    /// It is no DLL: a signature is missing, or a size is none.
    NotPe,
    /// It is for another processor than x86-64 and i686.
    OtherMachine(u16),
    /// It is not one of Wine's own DLLs: it has not their mark.
    NotWine,
    /// It has been edited already.
    Edited,
    /// It has a digital signature, which an edit would break.
    Signed,
    /// The table of sections has no room for one more.
    NoRoom,
    /// It has no export of this name.
    NoSuchExport(String),
    /// The function of the first name has this other name, too.
    Shared(String, String),
    /// It would be larger than 4 GiB, or has more exports than are plausible.
    TooLarge,
}

impl fmt::Display for PeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the file is truncated"),
            Self::NotPe => f.write_str("not a DLL"),
            Self::OtherMachine(machine) => {
                write!(f, "made for another processor ({machine:#06x})")
            }
            Self::NotWine => f.write_str("not Wine's own DLL: it has not its mark"),
            Self::Edited => f.write_str("already edited"),
            Self::Signed => f.write_str("digitally signed"),
            Self::NoRoom => f.write_str("no room for one more section"),
            Self::NoSuchExport(name) => write!(f, "no export {name}"),
            Self::Shared(name, other) => write!(f, "{name} is exported as {other}, too"),
            Self::TooLarge => f.write_str("too large"),
        }
    }
}

impl std::error::Error for PeError {}
