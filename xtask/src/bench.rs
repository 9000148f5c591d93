//! `cargo xtask bench`: the program against `ss` and against the kernel's floor, in a network namespace of its own.

use anyhow::{Result, bail};

use crate::command::{self, cargo, program};
use crate::namespace::Namespace;

/// Builds and runs the benchmark; the arguments are those of the harness.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    for (name, purpose) in [
        ("ip", "routes the fixture"),
        ("ss", "is what is compared with"),
    ] {
        if !command::is_in_path(name) {
            bail!("{name} is missing, which {purpose}: apt-get install iproute2");
        }
    }
    let build = "build --release --locked -p tcpentry-cli -p tcpentry-bench";
    command::run(&mut cargo(build.split(' ')))?;
    let built = command::target_folder()?.join("release");
    let path = |name: &str| built.join(name).to_string_lossy().into_owned();
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
    let build = "build --release --locked -p tcpentry-cli -p tcpentry-bench";
    command::run(&mut cargo(build.split(' ')))?;
    let built = command::target_folder()?.join("release");
    let path = |name: &str| built.join(name).to_string_lossy().into_owned();
    let mut measure = program([&*path("spread"), "--program", &path("tcpentry")]);
    measure.args(words);
    command::run(&mut Namespace::find()?.enter(&measure))
}
