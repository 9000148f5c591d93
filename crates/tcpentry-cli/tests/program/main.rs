//! The program as its users meet it: words in, text and an exit code out, against the real kernel.
//! Each test runs in a network namespace of its own.

mod delete;
mod exit_codes;
mod guards;
mod json;
mod list;
mod shows;
mod util;
