//! `cargo xtask test`: everything that must hold before a change goes in, in the order of its cost.

mod installed;
mod library;
mod needs;
mod skipped;

use std::env;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo, program};
use crate::namespace::Namespace;
use crate::{api, generate, install, integrations, package};
pub(crate) use needs::Missing;
use skipped::SkipLog;

/// Runs all steps, and stops at the first that fails.
pub(crate) fn run(missing: Missing) -> Result<()> {
    let mut steps = Steps::start();
    let result = run_steps(&mut steps, missing);
    println!("\n{}", steps.summary(result.is_ok()));
    result
}

fn run_steps(steps: &mut Steps, missing: Missing) -> Result<()> {
    steps.run("needs", || needs::ensure(missing))?;
    let namespace = steps.run("namespace", Namespace::find)?;

    steps.command("format", cargo(["fmt", "--all", "--check"]))?;
    steps.command(
        "lints",
        cargo("clippy --workspace --all-targets --locked -- -D warnings".split(' ')),
    )?;
    let bare = "clippy -p tcpentry-cli --no-default-features --lib --bins --locked -- -D warnings";
    steps.command("lints without the terminal UI", cargo(bare.split(' ')))?;
    // What has to be downloaded is downloaded here: the namespace has no way out.
    steps.command(
        "build",
        cargo("build --workspace --all-targets --locked".split(' ')),
    )?;
    steps.command(
        "build tests",
        cargo("test --workspace --no-run --locked".split(' ')),
    )?;
    // They read the sources alone, and what they find need not wait for all others.
    let house = "test --workspace --test house --test circles --locked --offline";
    steps.command("the house's rules", cargo(house.split(' ')))?;
    let skips = SkipLog::create()?;
    tests(steps, namespace, &skips)?;
    steps.run("installation", || installed::works(namespace))?;
    steps.run("integrations", || {
        let options = integrations::Options::quick(missing == Missing::Install);
        integrations::run(&options)
    })?;
    steps.command("documentation", {
        let mut doc = cargo("doc --workspace --no-deps --locked".split(' '));
        doc.env("RUSTDOCFLAGS", "-D warnings");
        doc
    })?;
    steps.run("generated files", || {
        println!("+ cargo xtask generate --check");
        generate::check()
    })?;
    if let Some(reason) = steps.run("public items", || {
        println!("+ cargo xtask api --check");
        api::check()
    })? {
        skips.add("public items", reason)?;
        steps.skipped = Some(skips.report()?);
    }
    steps.run("packages", || {
        println!("+ cargo xtask package");
        package::run()
    })?;
    steps.run("manual pages", manual_pages_are_well_formed)
}

fn tests(steps: &mut Steps, namespace: Namespace, skips: &SkipLog) -> Result<()> {
    let mut tests = namespace.enter(&cargo("test --workspace --locked --offline".split(' ')));
    tests.env(skipped::VARIABLE, skips.path());
    if env::var_os(THREADS).is_none() {
        // Most tests wait longer for other processes than they compute.
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        tests.env(THREADS, (processors + 1).to_string());
    }
    let result = steps.command("tests", tests);
    steps.skipped = Some(skips.report()?);
    result
}

/// Checks the manual pages with groff, which always exits with success, so that its warnings are the answer.
fn manual_pages_are_well_formed() -> Result<()> {
    let written = install::manual_pages()?;
    let prose = tcpentry_cli::manual_pages().into_iter();
    let prose = prose.map(|page| PathBuf::from(generate::prose_path(&page)));
    for page in std::iter::once(PathBuf::from(generate::MANUAL))
        .chain(prose)
        .chain(written)
    {
        let mut groff = program(["groff", "-man", "-Tutf8", "-ww", "-z"]);
        groff.arg(&page);
        println!("+ {}", command::shown(&groff));
        let output = groff.output().context("cannot run groff")?;
        if !output.status.success() || !output.stderr.is_empty() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
    }
    Ok(())
}

const THREADS: &str = "RUST_TEST_THREADS";

/// The steps so far, and the message at the end.
struct Steps {
    started: Instant,
    /// The steps that have passed, each with its seconds.
    passed: Vec<(&'static str, u64)>,
    /// The report of skipped tests, once tests have run.
    skipped: Option<String>,
}

impl Steps {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            passed: Vec::new(),
            skipped: None,
        }
    }

    fn command(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        self.run(name, || command::run(&mut command))
    }

    fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = step().with_context(|| format!("step \"{name}\" failed"))?;
        self.passed.push((name, started.elapsed().as_secs()));
        Ok(result)
    }

    fn summary(&self, is_ok: bool) -> String {
        let skipped = self.skipped.as_deref().unwrap_or("No test has run.");
        let verdict = if is_ok { "PASSED" } else { "FAILED" };
        let passed = self.passed.iter();
        let passed: Vec<_> = passed
            .map(|(step, seconds)| format!("{step} ({seconds} s)"))
            .collect();
        let steps = match &*passed {
            [] => "no step passed".to_owned(),
            passed => format!("passed: {}", passed.join(", ")),
        };
        let seconds = self.started.elapsed().as_secs();
        format!("{skipped}\n{verdict} after {seconds} s; {steps}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_step_is_named() {
        let mut steps = Steps::start();
        steps.run("first", || Ok(())).unwrap();
        let error = steps.run::<()>("second", || bail!("broken")).unwrap_err();
        assert_eq!(format!("{error:#}"), "step \"second\" failed: broken");
        assert_eq!(
            steps.summary(false),
            "No test has run.\nFAILED after 0 s; passed: first (0 s)"
        );
    }
}
