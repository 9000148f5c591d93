//! `tcpentry guard`: connections that end by rule.

mod service;
