//! The part that several programs of the benchmark have.

pub mod raw;
