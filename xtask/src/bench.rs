//! `cargo xtask bench`: the program against `ss` and against the kernel's floor, in a network namespace of its own.

use anyhow::Result;

use crate::command::{self, program};
use crate::namespace::Namespace;

/// Builds and runs the benchmark; the arguments are those of the harness.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    if let Some((&"tables", rest)) = words.split_first() {
        return service(&[&["--only", "tables"], rest].concat());
    }
    command::require(&[("ip", "iproute2"), ("ss", "iproute2")])?;
    let path = command::built_beside_program(&["tcpentry-bench"])?;
    let mut measure = program([&*path("tcpentry-bench"), "run"]);
    measure.args(["--program", &path("tcpentry"), "--empty", &path("empty")]);
    if !words.iter().any(|word| word.starts_with("--out")) {
        let out = command::target_folder()?.join("bench");
        let root = std::env::current_dir()?;
        measure
            .arg("--out")
            .arg(out.strip_prefix(root).unwrap_or(&out));
    }
    measure.args(words);
    command::run(&mut Namespace::find()?.enter(&measure))
}

/// Builds and runs the chart of a spread deletion; the arguments are those of the harness.
pub(crate) fn spread(words: &[&str]) -> Result<()> {
    let path = command::built_beside_program(&["tcpentry-bench"])?;
    let mut measure = program([&*path("spread"), "--program", &path("tcpentry")]);
    measure.args(words);
    command::run(&mut Namespace::find()?.enter(&measure))
}

/// Builds and runs the measurement of `ban` and `guard`; the arguments are those of the harness.
pub(crate) fn service(words: &[&str]) -> Result<()> {
    let nft = ("nft", "nftables");
    command::require(&[nft, ("ss", "iproute2"), ("nsenter", "util-linux")])?;
    let path = command::built_beside_program(&["tcpentry-bench", "iphlpapi"])?;
    let mut measure = program([&*path("service"), "run"]);
    measure.args(["--program", &path("tcpentry")]);
    measure.args(["--c-library", &path("libiphlpapi.so")]);
    measure.args(words);
    command::run(&mut Namespace::find()?.enter(&measure))
}
