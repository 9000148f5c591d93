//! Filters: which sockets are meant.

mod compile;
mod expr;
mod judge;
#[cfg(test)]
mod testing_b;
