#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpentry_cli::fuzz::text(data));
