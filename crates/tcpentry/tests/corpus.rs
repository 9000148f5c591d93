//! The corpus of the fuzz targets, and the inputs that once made them fail, run as a test: see `fuzz/`.

use tcpentry_testkit::corpus::replay;

#[test]
fn answers_of_the_kernel() {
    replay("dump", tcpentry::fuzz::dump);
}

#[test]
fn sockets_and_their_attributes() {
    replay("attributes", tcpentry::fuzz::attributes);
}

#[test]
fn texts_of_filters() {
    replay("filter", tcpentry::fuzz::filter);
}

#[test]
fn words_of_filters() {
    replay("words", tcpentry::fuzz::words);
}

#[test]
fn notations_and_rows() {
    replay("notation", tcpentry::fuzz::notation);
}

#[test]
fn texts_of_proc() {
    replay("proc_text", tcpentry::fuzz::proc_text);
}

#[test]
fn lists_of_prefixes() {
    replay("prefixes", tcpentry::fuzz::prefixes);
}
