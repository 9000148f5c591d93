//! The program `tcpentry`; everything is in the library part, where generators and tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcpentry_cli::main()
}
