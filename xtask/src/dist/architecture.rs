//! The architectures that packages are for, with the systems that Rust and zig build for, and the folders of the packages.

/// An architecture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Architecture {
    /// The architecture of the machine that builds.
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

/// The folders for which a package is made.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) prefix: &'static str,
    pub(super) libdir: &'static str,
}

/// A system to build for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// Rust's name of it.
    pub(super) triple: &'static str,
    /// Zig's name, with the oldest glibc that will do.
    pub(super) zig: &'static str,
    /// True for programs that contain their C library.
    pub(super) is_static: bool,
}

const MUSL_AMD64: Target = Target {
    triple: "x86_64-unknown-linux-musl",
    zig: "x86_64-linux-musl",
    is_static: true,
};
const MUSL_ARM64: Target = Target {
    triple: "aarch64-unknown-linux-musl",
    zig: "aarch64-linux-musl",
    is_static: true,
};
/// Debian 12's glibc is 2.36; what Rust itself asks for is older.
const ARM64: Target = Target {
    triple: "aarch64-unknown-linux-gnu",
    zig: "aarch64-linux-gnu.2.34",
    is_static: false,
};
