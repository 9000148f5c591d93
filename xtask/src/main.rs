//! The project's chores: `cargo xtask`.
//!
//! CI calls these commands and holds no logic of its own, so whatever it does can be repeated by hand.

mod api;
mod bench;
mod command;
mod debian;
mod dist;
mod folder;
mod generate;
mod home;
mod install;
mod integrations;
mod kernels;
mod machine;
mod miri;
mod namespace;
mod package;
mod python;
mod screenshot;
mod soak;
mod systemd;
mod test;
mod wine;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();

    let result = at_root().and_then(|()| match *args {
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            Ok(())
        }
        ["test"] => test::run(test::Missing::Report),
        ["test", "--install"] => test::run(test::Missing::Install),
        ["bench", ref words @ ..] => bench::run(words),
        ["spread", ref words @ ..] => bench::spread(words),
        ["service", ref words @ ..] => bench::service(words),
        ["soak", ref words @ ..] => soak::run(words),
        ["integrations", ref words @ ..] => integrations::Options::parse(words)
            .map_err(with_help)
            .and_then(|options| integrations::run(&options)),
        ["kernels", ref words @ ..] => kernels::parse(words)
            .map_err(with_help)
            .and_then(|options| kernels::run(&options)),
        ["systemd", ref words @ ..] => systemd::parse(words)
            .map_err(with_help)
            .and_then(|options| systemd::run(&options)),
        ["wine", ref words @ ..] => wine::Options::parse(words)
            .map_err(with_help)
            .and_then(|options| wine::run(&options)),
        ["miri"] => miri::run(),
        ["package"] => package::run(),
        ["python"] => python::run(python::Tools::Report),
        ["python", "--install"] => python::run(python::Tools::Install),
        ["screenshot"] => screenshot::run(),
        ["screenshot", screenshot::INSIDE] => screenshot::take(),
        ["api"] => api::write(),
        ["api", "--check"] => api::check().map(|skipped| {
            if let Some(reason) = skipped {
                println!("skipped: {reason}");
            }
        }),
        ["generate"] => generate::write(),
        ["generate", "--check"] => generate::check(),
        ["dist", ref words @ ..] => dist::Options::parse(words)
            .map_err(with_help)
            .and_then(|options| dist::run(&options)),
        ["install", ref options @ ..] => install::Options::parse(options)
            .map_err(with_help)
            .and_then(|options| install::run(&options, &install::build::Recipe::default())),
        _ => Err(anyhow::anyhow!(
            "no such command: {}\n\n{HELP}",
            args.join(" ")
        )),
    });

    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Adds the help to the error of words that are not understood.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn with_help(error: anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}\n\n{HELP}")
}

/// Changes to the repository's root, from which every path of this program is named.
fn at_root() -> anyhow::Result<()> {
    // As cargo sets it when it runs this: of two checkouts that share a target folder, one runs what the other built.
    let this = std::env::var_os("CARGO_MANIFEST_DIR");
    let this = this.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&this)
        .parent()
        .expect("xtask is a folder of the workspace");
    Ok(std::env::set_current_dir(root)?)
}

const HELP: &str = "\
cargo xtask COMMAND

  test              Check format and lints, build, test in a network namespace of its own,
                    and check the documentation and the generated files. Nothing is installed:
                    missing programs are listed with the command that installs them
  test --install    Install what is missing first (Debian packages, through apt-get)
  bench [--sockets 10k,100k,1M] [--rounds N] [--only NAME] [--out FOLDER]
                    Measure the program against ss and against the kernel's floor, in a network
                    namespace of its own; write results.json (to target/bench).
                    A million sockets take 20 minutes and 6 GB
  bench tables [--sockets N] [--rounds N]
                    Measure the C library's table with owners beside psutil and ss: half of so many sockets
  spread [--connections N] [--over SECONDS]
                    Spread the deletion of real connections over two minutes, in a network namespace of
                    its own, and print a chart of the times at which their peers see it
  service [--sockets N] [--namespaces N] [--rounds N] [--only ban|guard|top|tables]
                    Measure `tcpentry ban` across many network namespaces, `tcpentry guard run` beside
                    a large table (from an event to the last deletion, a round of `every`, idle), and
                    `tcpentry top` of one (keys, refreshes, memory), and what `bench tables` does
  soak [--minutes N] [--ports N] [--owners N] [--deleters N] [--seed N]
                    Open and close connections on few tuples while library, C library and program
                    delete them, in a network namespace of its own; fail if what was asked, what
                    was reported and what happened differ. Takes five minutes by default
  integrations [NAME...] [--install]
                    Test each folder of integrations/, or those named, with the real program that it plugs
                    into, as root in namespaces of its own. --install gets missing Debian packages through
                    apt-get and unpacks them below target/integrations; nothing is installed
  kernels [SUITE...] [--only NAME] [--mirror URI]
                    Boot Debian's kernels (5.10, 6.1, 6.12 and the newest, or those of the suites
                    named) under QEMU and run the tests there; downloads go to target/kernels
  systemd [SUITE...] [--mirror URI]
                    Boot Debian (12 and 13, or the suites named) with systemd under QEMU, install a release there,
                    and check the packaged service: start, rights, reload, journal, watchdog, stop
  wine [SUITE...]   Test `tcpentry wine` with this machine's Wine, or with that of a suite of Debian in a tree below
                    target/wine, as root in namespaces of its own. Without Wine or mingw-w64 it says so and does nothing
  miri              Run the unit tests that need no kernel under Miri, which a nightly toolchain has; slow.
                    Without a nightly toolchain it says so and does nothing
  generate          Write the manual page from the program's definition
  generate --check  Fail if it is not up to date
  api               Write the list of the library's public items, docs/api/tcpentry.txt
  api --check       Fail if the library has others
  install --prefix P [--libdir L] [--destdir D]
                    Build a release and install program, C library, headers, pkg-config file, manual pages,
                    completions, the service's unit, user and examples, and the integrations' files under P,
                    an absolute path, the C library in L (P/lib); with D, under D/P for a package that will be
                    unpacked at P
  package           Pack each published crate, and build it from its package alone
  python [--install]
                    Build the Python package and test it, in a network namespace of its own. --install gets
                    its tools from PyPI first, into target/python
  dist [deb|rpm|tar|oci|sbom|wheel ...] [--arch amd64|arm64] [--test] [--reproduce] [--mirror URI]
                    Make the files of a release, or the kinds that are named, in target/dist, as root: Debian
                    packages, RPMs, archives of the static program, container images, lists of components,
                    the Python wheel.
                    With --test, install, use, upgrade and remove them in fresh Debian trees; with
                    --reproduce, make them again in other folders: each has to be the same bytes
  screenshot        Take a picture of `tcpentry top`, in a network namespace of its own: docs/top.svg
  help              Show this list
";
