//! `cargo xtask soak`: connections come and go, the products and the service delete, an oracle compares; in a network
//! namespace of its own.

use anyhow::Result;

use crate::command::{self, program};
use crate::namespace::Namespace;

/// Builds and runs the soak; the arguments are those of the harness.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let path = command::built_beside_program(&["tcpentry-soak"])?;
    let mut soak = program([&*path("tcpentry-soak"), "--program", &path("tcpentry")]);
    soak.args(words);
    command::run(&mut Namespace::find()?.enter(&soak))
}
