//! The address family of a table.

use crate::code::Code;

/// The address family of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Converts `AF_INET` (2) and `AF_INET6`, which is 23 on Windows and 10 here.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            2 => Some(Self::V4),
            10 | 23 => Some(Self::V6),
            _ => None,
        }
    }

    /// Fails with "not supported" on a system without this family.
    pub(crate) fn require(self) -> Result<(), Code> {
        let bound = match self {
            Self::V4 => std::net::UdpSocket::bind("0.0.0.0:0"),
            Self::V6 => std::net::UdpSocket::bind("[::]:0"),
        };
        match bound {
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                Err(Code::NOT_SUPPORTED)
            }
            // Anything else says nothing about the family.
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_of_both_worlds() {
        assert_eq!(Family::from_number(2), Some(Family::V4));
        assert_eq!(Family::from_number(10), Some(Family::V6));
        assert_eq!(Family::from_number(23), Some(Family::V6));
        assert_eq!(Family::from_number(0), None);
    }
}
