//! The language as tables to be read, and its laws.

use proptest::prelude::*;

use super::syntax::keywords::term_words;
use super::testing::texts::{FakeNames, filter};
use super::{Filter, FilterError};

mod bad;
mod good;
mod words;

fn parse(text: &str) -> Result<Filter, FilterError> {
    Filter::parse(text, &FakeNames)
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(filter in filter()) {
        let text = filter.to_string();
        prop_assert_eq!(parse(&text).map_err(|error| error.excerpt(&text)), Ok(filter));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error(text in any::<String>()) {
        is_total(&text)?;
    }

    #[test]
    fn any_words_are_a_filter_or_an_error(text in words()) {
        is_total(&text)?;
    }
}

/// Generates words of the language, and what is near to them, in any order.
fn words() -> impl Strategy<Value = String> {
    let others = [
        "state",
        "exclude",
        "all",
        "listening",
        "state-12",
        "tcp",
        "(",
        ")",
        "!",
        "not",
        "and",
        "&",
        "or",
        "||",
        "=",
        "!=",
        "gt",
        ">=",
        "10.0.0.1",
        "10/8",
        "[::1]",
        "[::/0]:80",
        "::1",
        "both.example",
        "@bad",
        "@",
        "inet6:",
        "*",
        ":80",
        "80",
        "0x10",
        "-1",
        "10m",
        "1M",
        "4k",
        "eth0",
        "\"a b\"",
        "'",
        "é",
        "\u{1b}",
    ];
    let words: Vec<_> = term_words().chain(others).collect();
    let word = proptest::sample::select(words);
    let separator = proptest::sample::select(&[" ", " ", " ", ""][..]);
    let words = proptest::collection::vec([word, separator], 0..10);
    words.prop_map(|words| words.concat().concat())
}

/// Checks that nothing panics, an error lies within the text, in one line, and a filter's canonical form is a fixed point.
fn is_total(text: &str) -> Result<(), TestCaseError> {
    match parse(text) {
        Ok(filter) => {
            let canonical = filter.to_string();
            let again = parse(&canonical);
            prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", canonical);
            prop_assert_eq!(again.map(|filter| filter.to_string()), Ok(canonical));
        }
        Err(error) => {
            prop_assert!(error.column() + error.length() <= text.chars().count());
            let shown = [Some(error.to_string()), error.hint().map(str::to_owned)];
            for line in shown.iter().flatten() {
                prop_assert!(!line.contains(char::is_control), "{:?}", line);
            }
            let excerpt = error.excerpt(text);
            prop_assert_eq!(excerpt.lines().count(), 2);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_nested_too_deep_for_the_stack() {
    for opening in ["(", "not ", "!", "( not "] {
        let error = parse(&opening.repeat(10_000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parentheses and `not` are nested deeper than 64"
        );
    }
    let nested = |deep| format!("{}autobound{}", "(".repeat(deep), ")".repeat(deep));
    assert!(parse(&nested(64)).is_ok());
    assert!(parse(&nested(65)).is_err());
    let error = parse(&"(".repeat(100_000)).unwrap_err();
    assert_eq!(error.to_string(), "the filter is longer than 65536 bytes");
}

#[test]
fn what_can_be_read_can_be_read_back_at_the_limits_too() {
    // The canonical form is longer than the text, and `!=` and names of hosts are nested deeper.
    let long = "port!=1|".repeat(8_000) + "port!=1";
    assert!(long.len() < 64 << 10);
    let error = parse(&long).unwrap_err();
    assert_eq!(error.to_string(), "the filter is longer than 65536 bytes");
    for deep in 60..=64 {
        let text = format!(
            "{}src != both.example{}",
            "not (autobound or ".repeat(deep / 2),
            ")".repeat(deep / 2)
        );
        if let Ok(filter) = parse(&text) {
            assert_eq!(parse(&filter.to_string()), Ok(filter));
        }
    }
}

#[test]
fn a_long_filter_takes_no_time() {
    let text = "port=1|".repeat(4_000) + "port=1";
    let start = std::time::Instant::now();
    let filter = parse(&text).unwrap();
    assert!(parse(&filter.to_string()).is_ok());
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn a_long_muddle_is_an_error_like_a_short_one() {
    let pieces = ["|pid 1", "&pid 1"].into_iter().cycle();
    let muddle = |joints| "pid 1".to_owned() + &pieces.clone().take(joints).collect::<String>();
    let hint = |joints| {
        let error = Filter::parse(&muddle(joints), &FakeNames).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`and` and `or` are mixed without parentheses"
        );
        error.hint().unwrap().to_owned()
    };
    assert!(hint(60).contains("from left to right"));
    assert_eq!(hint(10_000), "put parentheses around what belongs together");
}
