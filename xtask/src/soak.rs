//! `cargo xtask soak`: connections come and go, all three products delete, an oracle compares; in a network namespace of
//! its own.

use anyhow::Result;

use crate::command::{self, cargo, program};
use crate::namespace::Namespace;

/// Builds and runs the soak; the arguments are those of the harness.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let build = "build --release --locked -p tcpentry-cli -p tcpentry-soak";
    command::run(&mut cargo(build.split(' ')))?;
    let built = command::target_folder()?.join("release");
    let path = |name: &str| built.join(name).to_string_lossy().into_owned();
    let mut soak = program([&*path("tcpentry-soak"), "--program", &path("tcpentry")]);
    soak.args(words);
    command::run(&mut Namespace::find()?.enter(&soak))
}
