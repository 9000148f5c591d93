//! A program that does nothing, linked as `tcpentry` is: what starting any costs.

fn main() {}
