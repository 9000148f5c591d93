//! The library against the real kernel. Every test has a network namespace of its own.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

mod bulk;
mod cgroup;
mod details;
mod devices;
mod faults;
mod flood;
mod hands;
mod hostile;
mod identity;
mod listener_trap;
mod lost_address;
mod mptcp;
mod netns;
mod notation;
mod owners;
mod privilege;
mod readme;
mod rehearsal;
mod replaced;
mod set_entry;
mod states;
mod table;
mod util;
mod watch_addresses;
mod watch_sets;
mod why;
