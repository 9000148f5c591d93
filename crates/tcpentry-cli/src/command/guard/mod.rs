//! `tcpentry guard`: connections that end by rule.

mod rules;
mod state;
mod worker;
