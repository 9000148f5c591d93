//! `cargo xtask miri`: Miri runs the unit tests of both libraries, as far as these ask neither the kernel nor `/proc`, and
//! ends where one uses memory as Rust does not allow. What it has run is in docs/RELIABILITY.md.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::command::{self, program};

/// Runs Miri; if there is none it says so, and fails only if `cargo` itself can't be run.
pub(crate) fn run() -> Result<()> {
    if !is_there() {
        println!("{MISSING}");
        return Ok(());
    }
    let mut library = miri("tcpentry");
    library.args(SKIPPED.iter().flat_map(|(test, _)| ["--skip", *test]));
    let mut bulk = miri("tcpentry");
    bulk.args(BULK);
    let mut boundary = miri("iphlpapi");
    boundary.args(["exports", "table", "statistics"]);
    for mut tests in [library, bulk, boundary] {
        command::run(&mut tests)?;
    }
    Ok(())
}

fn is_there() -> bool {
    program(["cargo", "+nightly", "miri", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the command for the tests of a package; arguments that follow select among them.
fn miri(package: &str) -> Command {
    // By rustup's name for it: this program was started by the cargo of another toolchain.
    let mut miri = program(["cargo", "+nightly", "miri", "test", "--locked", "--lib"]);
    miri.args(["-p", package, "--"]).env("MIRIFLAGS", FLAGS);
    miri
}

/// Isolated: what asks the host gets an error, and the clock is Miri's own, so that nothing is too slow for it. Random
/// inputs take seconds each, so that there are few.
const FLAGS: &str = "-Zmiri-isolation-error=hide -Zmiri-env-set=PROPTEST_CASES=2";

const MISSING: &str = "\
Miri is not installed, and nothing has been run. It is part of a nightly toolchain:
  rustup toolchain install nightly --component miri,rust-src";

/// Tests of `tcpentry` that are left out, by the beginning of their names or the whole of them, each with the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("delete::borrow::tests::a_socket_that_was_connected", SYSTEM),
    (
        "delete::borrow::tests::another_socket_under_the_number",
        SYSTEM,
    ),
    ("process::cgroup::tests::a_path_has_an_id", SYSTEM),
    ("process::cgroup::tests::an_unknown_id", SYSTEM),
    ("delete::batch::", "thousands of rows take hours; see BULK"),
    ("delete::single::tests::a_listener_whose_descriptor", SYSTEM),
    (
        "delete::single::tests::a_lost_acknowledgement_is_never",
        SYSTEM,
    ),
    ("delete::single::tests::not_permitted_is_denied", SYSTEM),
    ("delete::single::tests::the_checks_of_an_entry", SYSTEM),
    ("delete::single::tests::the_entry_of_a_connection", SYSTEM),
    ("delete::single::tests::the_subflow_of_an_mptcp", SYSTEM),
    ("filter::compile::tests::kernel::", SYSTEM),
    ("filter::compile::tests::what_is_too_long", LARGE),
    ("filter::judge::tests::who_holds_it", SYSTEM),
    ("netns::local_ports::", SYSTEM),
    ("select::names::tests::this_system", SYSTEM),
    ("filter::tests::a_long_", LARGE),
    ("filter::tests::any_text", LARGE),
    ("filter::tests::bad::what_is_no_filter", LARGE),
    ("filter::tests::good::every_form", LARGE),
    ("filter::tests::nothing_is_nested", LARGE),
    ("filter::tests::what_", LARGE),
    ("delete::holders::", SYSTEM),
    ("process::search::tests::two_find_what", SYSTEM),
    ("process::inspect::tests::nothing_is_said_of", SYSTEM),
    ("process::inspect::tests::processes_are_found", SYSTEM),
    ("process::inspect::tests::this_process", SYSTEM),
    ("process::inspect::tests::what_is_no_pid", SYSTEM),
    ("sock_diag::bytecode::tests::a_program_that_fits", LARGE),
    ("sock_diag::bytecode::tests::a_program_within", LARGE),
    ("sock_diag::bytecode::tests::only_marks", SYSTEM),
    ("sock_diag::bytecode::tests::the_kernel", SYSTEM),
    ("sock_diag::tests::a_dump_yields", LARGE),
    ("sock_diag::tests::a_walk_in_circles", LARGE),
    ("sock_diag::tests::halves_share", LARGE),
    ("sock_diag::tests::many_", LARGE),
    ("sock_diag::tests::what_has_no_end", LARGE),
    ("sys::", SYSTEM),
    ("table::find::tests::a_kernel_that_cant_look", SYSTEM),
    ("table::find::tests::an_identity_", SYSTEM),
    ("table::find::tests::what_the_kernel_says_beside", SYSTEM),
];
const SYSTEM: &str = "it asks the kernel or /proc";
const LARGE: &str = "it takes a minute or more";

/// The tests of batches that need only a few rows.
const BULK: &[&str] = &[
    "delete::batch::tests::a_refused_row",
    "delete::batch::tests::a_row_that_has_grown_old",
    "delete::batch::tests::one_that_",
];
