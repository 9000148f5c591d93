//! The corpus of the fuzz target, run as a test: see `fuzz/`.

use tcpentry_testkit::corpus::replay;

#[test]
fn texts_of_rows() {
    replay("text", tcpentry_cli::fuzz::text);
}
