//! `cargo xtask bench`: the program against `ss` and against the kernel's floor, in a network namespace of its own.

use anyhow::{Result, bail};

use crate::command::{self, program};
use crate::namespace::Namespace;

/// Builds and runs the benchmark; the arguments are those of the harness.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    if let Some((&"tables", rest)) = words.split_first() {
        return service(&[&["--only", "tables"], rest].concat());
    }
    for (name, purpose) in [
        ("ip", "routes the fixture"),
        ("ss", "is what is compared with"),
    ] {
        if !command::is_in_path(name) {
            bail!("{name} is missing, which {purpose}: apt-get install iproute2");
        }
    }
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
    for (name, package) in [
        ("nft", "nftables"),
        ("ss", "iproute2"),
        ("nsenter", "util-linux"),
    ] {
        if !command::is_in_path(name) {
            bail!("{name} is missing: apt-get install {package}");
        }
    }
    let path = command::built_beside_program(&["tcpentry-bench", "iphlpapi"])?;
    let mut measure = program([&*path("service"), "run"]);
    measure.args(["--program", &path("tcpentry")]);
    measure.args(["--c-library", &path("libiphlpapi.so")]);
    measure.args(words);
    command::run(&mut Namespace::find()?.enter(&measure))
}
