//! The benchmark: every operation of the program against `ss` and against the kernel's floor, interleaved.
//!
//! It is started by `cargo xtask bench`, in a network namespace of its own.

mod args;
mod crowd;
mod fixture;
mod floor;
mod measure;
mod operations;
mod report;
mod run;
mod sets;
mod usage;

use anyhow::Result;
use clap::{Parser, Subcommand};

use args::RunArgs;

#[derive(Parser)]
#[command(about)]
struct Words {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Measures everything, and reports.
    Run(RunArgs),
    /// Holds some of the sockets of the table (a process of its own of `run`).
    Hold { first: u32, count: u32 },
    /// Does an operation in its rawest form (a process of its own of `run`).
    Floor {
        #[command(subcommand)]
        operation: floor::FloorOperation,
    },
}

fn main() -> Result<()> {
    match Words::parse().part {
        Part::Run(args) => run::run(&args),
        Part::Hold { first, count } => fixture::hold(first, count),
        Part::Floor { operation } => floor::run(&operation),
    }
}
