//! The program as its users meet it: words in, text and an exit code out, against the real kernel.
//! Each test runs in a network namespace of its own.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

mod against_ss;
mod ban;
mod completion;
mod containers;
mod delete;
mod environment;
mod exactly;
mod exit_codes;
mod faults;
mod guard;
mod guard_check;
mod guards;
mod habits;
mod hands;
mod hidden;
mod hostile;
mod json;
mod lab;
mod large;
mod later_session;
mod list;
mod long;
mod lost_address;
mod names;
mod near_miss;
mod netns;
mod own_session;
mod pace;
mod privilege;
mod readme;
#[cfg(feature = "tui")]
mod recording;
mod remote;
#[cfg(feature = "tui")]
mod remote_top;
mod rounds;
mod sandbox;
mod select;
mod sets;
mod shows;
mod stalled;
mod subflows;
mod system_log;
mod terminal;
#[cfg(feature = "tui")]
mod top;
#[cfg(feature = "tui")]
mod top_background;
#[cfg(feature = "tui")]
mod top_joined_ends;
#[cfg(feature = "tui")]
mod top_names;
#[cfg(feature = "tui")]
mod top_tasks;
mod unknown;
mod untouched;
mod util;
mod why;
mod wine;
mod words;
