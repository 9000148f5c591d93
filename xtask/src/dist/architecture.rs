//! The architectures that packages are for.

use super::cross::{ARM64, MUSL_AMD64, MUSL_ARM64, Target};
use super::release::Place;

/// An architecture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Architecture {
    /// That of the machine that builds.
    Amd64,
    Arm64,
}

impl Architecture {
    pub(super) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Returns its name in Debian and in the OCI's images.
    pub(super) fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns its name in the kernel and in packages of rpm.
    pub(super) fn kernel(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Returns the folders of its Debian packages.
    pub(super) fn debian_place(self) -> Place {
        Place {
            prefix: "/usr",
            libdir: match self {
                Self::Amd64 => "/usr/lib/x86_64-linux-gnu",
                Self::Arm64 => "/usr/lib/aarch64-linux-gnu",
            },
        }
    }

    /// Returns the system of its packages, where it is not that of this machine.
    pub(super) fn cross(self) -> Option<Target> {
        match self {
            Self::Amd64 => None,
            Self::Arm64 => Some(ARM64),
        }
    }

    /// Returns the system of its static program.
    pub(super) fn musl(self) -> Target {
        match self {
            Self::Amd64 => MUSL_AMD64,
            Self::Arm64 => MUSL_ARM64,
        }
    }
}
