//! The program `tcpentry-wine`; everything is in the library part.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcpentry_wine::server::main()
}
