//! Builds for other systems than this one: in a Debian tree with Debian's Rust, std compiled from its source, linked by zig.
//!
//! A static program is musl's. One of glibc dies in the first look-up of a user where nsswitch.conf names a service that is
//! loaded at run time, as Debian's does.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::architecture::Target;
use super::release::Release;
use super::tree::Kind;
use crate::command;
use crate::home;
use crate::install::build::{self, Built};

/// The parts that are built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Parts {
    Program,
    ProgramAndLibrary,
}

/// Builds these parts for this system.
pub(super) fn build(release: &Release, target: Target, parts: Parts) -> Result<Built> {
    let tree = release.tree(&RUST)?;
    let tools = release.tools(&["cargo-auditable@0.7.7"])?;
    let zig = zig(release)?;
    let folder = release.folder.join("cross");
    fs::create_dir_all(&folder)?;
    let linker = folder.join(format!("{}-cc", target.triple));
    fs::write(
        &linker,
        format!(
            "#!/bin/sh\nexec /zig/ziglang/zig cc -target {} \"$@\"\n",
            target.zig
        ),
    )?;
    fs::set_permissions(&linker, Permissions::from_mode(0o755))?;
    // The tree has no network. Std's own dependencies are those of its source there.
    for manifest in [Path::new("Cargo.toml"), &tree.at(STD)] {
        let mut fetch = command::cargo(["fetch", "--locked", "--manifest-path"]);
        command::run(fetch.arg(manifest).env("RUSTC_BOOTSTRAP", "1"))?;
    }

    let sources = std::env::current_dir()?;
    let registry = home::cargo()?.join("registry");
    let folders = [
        (sources.as_path(), "/tcpentry"),
        (registry.as_path(), "/root/.cargo/registry"),
        (folder.as_path(), "/target"),
        (zig.as_path(), "/zig"),
        (tools.as_path(), "/tools"),
    ];
    let is_static = if target.is_static { "+" } else { "-" };
    let what = match parts {
        Parts::Program => "program",
        Parts::ProgramAndLibrary => "library",
    };
    let words = ["sh", "-ec", BUILD, "sh", target.triple, is_static, what];
    let title = format!("cargo build --target {}", target.triple);
    tree.run(&title, &folders, &words)?;
    let built = folder.join(target.triple).join("release");
    let native_libraries = match parts {
        Parts::Program => None,
        Parts::ProgramAndLibrary => {
            let said = folder.join(SAID);
            let said = fs::read_to_string(&said).with_context(|| said.display().to_string())?;
            Some(build::native_libraries(&said)?)
        }
    };
    Built::in_folder(&built, native_libraries)
}

/// Returns the folder with zig's compiler for C, from its package for Python.
pub(super) fn zig(release: &Release) -> Result<PathBuf> {
    let folder = release.folder.join("zig");
    if !folder.join("ziglang/zig").exists() {
        let mut install = command::program(["python3", "-m", "pip", "install", "--no-deps", ZIG]);
        command::run(install.arg("--target").arg(&folder)).context("zig, by pip")?;
    }
    Ok(folder)
}

const ZIG: &str = "ziglang==0.17.1";

/// Debian's newest Rust for its release 12, which browsers are built with, and the source of std. It is in the security archive.
const RUST: Kind = Kind {
    name: "rust",
    suite: "bookworm",
    has_security: true,
    architectures: "amd64",
    packages: "rustc-web,cargo-web,rust-web-src",
};

const STD: &str = "usr/lib/rustlib/src/rust/library/Cargo.toml";

/// The script that builds; its arguments are the target, `+` for a static program, and `library` where that is wanted, too,
/// which is built alone, lest it get the features of what the program needs.
const BUILD: &str = r#"cd /tcpentry
triple=$1
export PATH=/tools:$PATH CARGO_TARGET_DIR=/target ZIG_GLOBAL_CACHE_DIR=/target/zig CARGO_INCREMENTAL=0 RUSTC_BOOTSTRAP=1
export "CARGO_TARGET_$(echo "$triple" | tr a-z- A-Z_)_LINKER=/target/$triple-cc"
export RUSTFLAGS="-C target-feature=${2}crt-static"
# Rust has objects of its own for musl's programs, beside zig's; for those of glibc it refuses the option.
[ "$2" = - ] || RUSTFLAGS="$RUSTFLAGS -C link-self-contained=no"
options="--release --locked --offline --config profile.release.strip=true -Z build-std=std,panic_unwind --target $triple"
cargo auditable build --package tcpentry-cli --package tcpentry-wine $options
[ "$3" = library ] || exit 0
export CARGO_TERM_COLOR=never
cargo auditable rustc --package iphlpapi --lib $options -- --print native-static-libs 2>/target/said || {
  cat /target/said; exit 1; }
folder=/target/$triple/release
# shellcheck disable=SC2046
/tcpentry/packaging/shared-library.sh "/target/$triple-cc" $folder/libiphlpapi.a $folder/libiphlpapi.so \
  $(sed -n 's/.*native-static-libs://p' /target/said | tail -n 1)"#;
/// The file with what rustc says of the library, in the target folder.
const SAID: &str = "said";
