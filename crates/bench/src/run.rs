//! The whole run: for each size of the table each operation, by each contestant in turn.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::args::RunArgs;
use crate::crowd::Crowd;
use crate::fixture::Fixture;
use crate::floor::Exact;
use crate::measure::{Run, Sample};
use crate::operations::{self, By, Programs, Workload};
use crate::report::{Figures, Machine, Measured, Report};
use crate::sets;

pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let own = std::env::current_exe()?;
    sets::write(&args.out)?;
    let programs = Programs {
        tcpentry: &args.program,
        before: args.against.as_deref(),
        empty: &args.empty,
        own: &own,
        sets: &args.out,
    };
    let machine = Machine::this()?;
    println!("{machine}");
    let nothing = Run::of([&args.empty]).sample()?;
    println!(
        "peak of a program that does nothing, as seen from here: {} KiB",
        nothing.peak_kib
    );
    let mut report = Report {
        machine,
        rounds: args.rounds,
        measured: Vec::new(),
        exact: BTreeMap::new(),
    };
    let has_users = Crowd::start(0).is_ok();
    if !has_users {
        println!("not measured beside idle processes, which takes root: they are another user's");
    }
    for &sockets in &args.sockets {
        let mut fixture = Fixture::new(sockets)?;
        println!(
            "\n{sockets} sockets in {} processes; medians of {} rounds",
            fixture.processes(),
            args.rounds
        );
        println!("{}", Measured::HEADER);
        let is_wanted = |operation: &Workload| {
            let is_named = args
                .only
                .as_deref()
                .is_none_or(|only| operation.name.contains(only));
            is_named && sockets <= operation.up_to && (has_users || operation.beside().is_none())
        };
        for operation in operations::all().into_iter().filter(is_wanted) {
            let measured = measure(&operation, &programs, &mut fixture, args.rounds)
                .with_context(|| format!("{} of {sockets}", operation.name))?;
            println!("{measured}");
            report.measured.push(measured);
        }
        if args
            .only
            .as_deref()
            .is_none_or(|only| "in process".contains(only))
        {
            let own = own.as_os_str();
            let words = [own, "floor".as_ref(), "exact".as_ref(), "1000".as_ref()];
            let exact: Exact = serde_json::from_str(&Run::of(words).output()?)?;
            fixture.restore()?;
            println!("{exact}");
            report.exact.insert(sockets, exact);
        }
    }
    std::fs::create_dir_all(&args.out)?;
    let results = args.out.join("results.json");
    std::fs::write(&results, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("\nwritten: {}", results.display());
    Ok(())
}

fn measure(
    operation: &Workload,
    programs: &Programs<'_>,
    fixture: &mut Fixture,
    rounds: u32,
) -> Result<Measured> {
    let _crowd = operation.beside().map(Crowd::start).transpose()?;
    let programs = &operation.programs_that_know(programs)?;
    operation.check(programs, fixture)?;
    let mut samples: BTreeMap<By, Vec<Sample>> = BTreeMap::new();
    let mut number = 0;
    for _ in 0..rounds * operation.times {
        for by in operation.contestants(programs) {
            samples
                .entry(by)
                .or_default()
                .push(operation.run(by, programs, number).sample()?);
            if operation.deletes() {
                fixture.restore()?;
            }
            number += 1;
        }
    }
    Ok(Measured {
        sockets: fixture.sockets(),
        operation: operation.name,
        figures: samples
            .into_iter()
            .map(|(by, samples)| (by.name(), Figures::of(&samples)))
            .collect(),
    })
}
