//! The commands, one file each: arguments in, an exit code out.

pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod list;
