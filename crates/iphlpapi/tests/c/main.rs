//! The C library as C programs use it: compiled by gcc and g++ against the headers, linked to the shared
//! library that has just been built, against the real kernel. The programs stand beside this file.
//! Each test runs in a network namespace of its own.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

mod call;
mod compiler;
mod contract;
mod headers;
mod layouts;
mod programs;
mod symbols;
mod tables;
