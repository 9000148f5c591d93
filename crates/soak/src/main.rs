//! The soak in a network namespace of its own; started by `cargo xtask soak`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use tcpentry_soak::{Figures, Plan, run};
use tcpentry_testkit::Namespace;
use tcpentry_testkit::netns::allow_many_descriptors;

#[derive(Parser)]
#[command(about)]
struct Words {
    /// Minutes during which connections are deleted
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Threads that own connections, each with a listener
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    owners: u16,
    /// Client ports of each owner, and so its connections at one time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=2000))]
    ports: u16,
    /// Deleters through each of library, C library and program
    #[arg(long, default_value_t = 1)]
    deleters: usize,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program
    #[arg(long)]
    program: PathBuf,
}

fn main() -> Result<()> {
    let words = Words::parse();
    let plan = Plan {
        time: Duration::try_from_secs_f64(words.minutes * 60.0)?,
        owners: words.owners,
        ports: words.ports,
        deleters: words.deleters,
        program: words.program,
        seed: words.seed,
        lie: None,
    };
    allow_many_descriptors();
    // Inside of the one that it was started in: this one has a small hash table, so that a dump is cheap.
    let figures =
        Namespace::fresh().run(move || run(&plan, |now: &Figures| println!("{}", now.line())));
    println!("{figures}");
    if !figures.is_clean() {
        bail!("something happened that must not");
    }
    Ok(())
}
