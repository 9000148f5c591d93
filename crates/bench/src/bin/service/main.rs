//! `cargo xtask service`: `tcpentry ban` across many namespaces, `tcpentry guard run` beside a large table, and
//! `tcpentry top` of one; and the table with owners of the C library.

mod ban;
mod crowd;
mod guard;
mod process;
mod tables;
mod top;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use tcpentry_testkit::netns::allow_many_descriptors;
use tcpentry_testkit::world::World;

#[derive(Parser)]
#[command(
    about = "Measure `tcpentry ban` across namespaces, `tcpentry guard run` and `tcpentry top`"
)]
struct Words {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Measures everything, in processes and mounts of its own.
    Run(Args),
    /// Measures it there.
    Inside(Args),
    /// Holds some of the connections (a process of its own).
    Hold { first: u32, count: u32 },
}

#[derive(clap::Args)]
struct Args {
    /// The program tcpentry
    #[arg(long)]
    program: PathBuf,
    /// The number of connections beside those that end
    #[arg(long, default_value_t = 100_000)]
    sockets: u32,
    #[arg(long, default_value_t = 50)]
    namespaces: u32,
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// The C library, for `tables`
    #[arg(long)]
    c_library: Option<PathBuf>,
    /// Only this: `ban`, `guard`, `top` or `tables`
    #[arg(long)]
    only: Option<String>,
}

type Measure = fn(&Args) -> Result<()>;

const SUBJECTS: [(&str, Measure); 4] = [
    ("ban", ban::measure),
    ("guard", guard::measure),
    ("top", top::measure),
    ("tables", tables::measure),
];

fn main() -> Result<()> {
    match Words::parse().part {
        Part::Run(args) => in_a_world(&args),
        Part::Inside(args) => {
            allow_many_descriptors();
            for (subject, measure) in SUBJECTS {
                if args.only.as_deref().is_none_or(|only| only == subject) {
                    measure(&args)?;
                }
            }
            Ok(())
        }
        Part::Hold { first, count } => crowd::hold(first, count),
    }
}

/// Runs the measurement where no process of this machine is seen, nor any of its namespaces.
fn in_a_world(args: &Args) -> Result<()> {
    let world = World::fresh().map_err(anyhow::Error::msg)?;
    let numbers = [
        ("--sockets", args.sockets),
        ("--namespaces", args.namespaces),
        ("--rounds", args.rounds),
    ];
    let c_library = args.c_library.as_deref().map(absolute).transpose()?;
    let status = world
        .command(own_path()?.to_str().context("its path is text")?)
        .arg("inside")
        .arg("--program")
        .arg(absolute(&args.program)?)
        .args(
            c_library
                .iter()
                .flat_map(|it| [OsStr::new("--c-library"), it.as_os_str()]),
        )
        .args(
            numbers
                .iter()
                .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]),
        )
        .args(args.only.iter().map(|only| format!("--only={only}")))
        .status()?;
    if !status.success() {
        bail!("the measurement: {status}");
    }
    Ok(())
}

fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .with_context(|| path.display().to_string())
}

/// Returns the median and the longest, in milliseconds.
fn summary(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    format!(
        "{:.1} ms (median of {}), {:.1} at most",
        millis(times.get(times.len() / 2)),
        times.len(),
        millis(times.last())
    )
}
