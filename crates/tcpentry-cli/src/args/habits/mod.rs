//! Habits of those who come from `ss`, `netstat`, `lsof`, `kill`: understood where they can mean one thing only.

pub(crate) mod commands;
pub(super) mod foreign;
pub(crate) mod options;
pub(crate) mod rows;
mod signals;
pub(super) mod tools;
