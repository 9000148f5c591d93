//! Words of a command line: a value that came as a word of its own is never language.

use proptest::prelude::*;

use super::super::testing::texts::FakeNames;
use super::super::{Filter, FilterError, FilterWords};
use super::parse;

fn parse_words(words: &[&str]) -> Result<Filter, FilterError> {
    Filter::parse_words(words, &FakeNames)
}

#[test]
fn words_mean_what_they_mean_where_they_stand() {
    for (words, canonical) in [
        (&["sport = :80"][..], "sport = :80"),
        (&["sport = :80", "state", "x"], ""),
        (
            &["state", "time-wait", "sport = :80"],
            "state time-wait sport = :80",
        ),
        (
            &["state", "established", "( dport = :22 or sport = :22 )"],
            "state established ( dport = :22 or sport = :22 )",
        ),
        (&["sport", "= :80"], "sport = :80"),
        (&["sport", "=:80"], "sport = :80"),
        (&["sport =", ":80"], "sport = :80"),
        (&["sport", "=", ":80"], "sport = :80"),
        (&["dport", ">=1024"], "dport ge :1024"),
        (&["dport", "gt", ":1024"], "dport gt :1024"),
        (&["idle", "> 10m"], "idle gt 10m"),
        (&["(", "dport", "=:80)"], "dport = :80"),
        (
            &["( dport", "gt", ":80)", "or", "( dst", "10.0.0.1)"],
            "dport gt :80 or dst 10.0.0.1",
        ),
        (&["dst", "=10.0.0.1"], "dst 10.0.0.1"),
        (&["dst", "@bad"], "dst @bad"),
        (
            &["dst", "=@bad", "not", "src", "@spared"],
            "dst @bad and not src @spared",
        ),
        (&["( dst", "@bad)"], "dst @bad"),
        (&["process", "@bad"], "process @bad"),
        (&["dst", "@bad or port > 0"], ""),
        (&["dst", "@"], ""),
        (&[" dport 8080"], "dport = :8080"),
        (&["process", "tmux: server"], "process \"tmux: server\""),
        (&["process", "a or port > 0"], "process \"a or port > 0\""),
        (&["process", "and"], "process \"and\""),
        (
            &["process", "-y", "and", "port", "80"],
            "process -y and port = :80",
        ),
        (&["process", "="], "process \"=\""),
        (&["process", "=x"], "process \"=x\""),
        (&["process", "!=x"], "process \"!=x\""),
        (&["process", "=", "nginx"], "process nginx"),
        (&["process", "!=", "nginx"], "not process nginx"),
        (
            &["process", "=", "port > 0 | x"],
            "process \"port > 0 | x\"",
        ),
        (&["process", "=", "-y"], "process -y"),
        (&["process", "it's \"so\""], "process \"it's \\\"so\\\"\""),
        (&["process", r"\*"], r"process \*"),
        (
            &["unit", "with space.service"],
            "unit \"with space.service\"",
        ),
        (
            &["process", "(", "or", "( port 1 )"],
            "process \"(\" or port = :1",
        ),
        (&["not", "process", "not"], "not process \"not\""),
        (&["( process", ") or (", ")"], "process \") or (\""),
        (&["process", "état"], "process état"),
        (&["process", "gt"], "process \"gt\""),
        (
            &["process", "gt", "process", "-y"],
            "process \"gt\" and process -y",
        ),
    ] {
        let read = parse_words(words);
        let shown = read.as_ref().map(ToString::to_string);
        assert_eq!(
            shown.unwrap_or_default(),
            canonical,
            "{words:?}: {:?}",
            read.err()
        );
        if !canonical.is_empty() {
            assert_eq!(parse(canonical), parse_words(words), "{words:?}");
        }
    }
}

#[test]
fn what_could_turn_a_filter_around_is_refused() {
    for (words, message) in [
        (
            &["process", "!=", "and", "sport = :80"][..],
            "`!=` could be an operator or a name here",
        ),
        (
            &["process", "=", "autobound"],
            "`=` could be an operator or a name here",
        ),
        (
            &["process", "!=", "( port 80 )"],
            "`!=` could be an operator or a name here",
        ),
        (
            &["process", "!=", "-q"],
            "`!=` could be an operator or a name here",
        ),
        (
            &["process", "=", "process", "-y"],
            "`=` could be an operator or a name here",
        ),
        (
            &["not", "unit", "neq", "unit", "--own-session"],
            "`neq` could be an operator or a name here",
        ),
        (&["dst", "=", "dst", "-y"], ""),
        (&["dst", "!=10.0.0.1"], "`!=` has to be a word of its own"),
        (&["dport", "!= :80"], "`!=` has to be a word of its own"),
        (&["dst", "10.0.0.1 or port > 0"], ""),
        (
            &["state", "established", ""],
            "expected a term, found an empty word",
        ),
        (&["", "port", "80"], "expected a term, found an empty word"),
        (
            &["not", " ", "port", "80"],
            "expected a term, found an empty word",
        ),
        (&["process", ""], "the name of a process can't be empty"),
        (&["dport", ":80 or port > 0"], ""),
        (&["dport", "= :80 | port > 0"], ""),
        (&["state", "established or port > 0"], ""),
        (&["pid", "1 | port > 0"], ""),
        (&["idle", "gt", "10m | port > 0"], ""),
        (&["user", "root or port > 0", "or"], ""),
    ] {
        let error = parse_words(words).expect_err(&words.join(" "));
        assert!(error.to_string().contains(message), "{words:?}: {error}");
        let text = words.join(" ");
        assert!(
            error.column() + error.length() <= text.chars().count(),
            "{words:?}"
        );
    }
}

#[test]
fn a_muddle_of_operators_ends() {
    let words = ["process", "=", "autobound"].repeat(3_000);
    assert!(parse_words(&words).is_err());
}

/// Generates values of every shape, the hostile ones above all.
fn values() -> impl Strategy<Value = String> {
    let odd = proptest::sample::select(
        &[
            "and",
            "or",
            "not",
            "(",
            ")",
            "!",
            "=",
            "==",
            "!=",
            ">",
            "eq",
            "neq",
            "gt",
            "port",
            "state",
            "autobound",
            "a or port > 0",
            "10.0.0.1)",
            "x ) or ( port > 0",
            "= x",
            "!= x",
            "=:80",
            ">0",
            "> 0",
            "-y",
            "--yes",
            "--own-session",
            "-n",
            "--",
            "-",
            "*",
            "\\*",
            "\"",
            "'",
            "\" or port > 0 or process \"",
            "10.0.0.1",
            "0.0.0.0/0 or port 1",
            ":80",
            "1",
            "80 | port > 0",
            "10m",
            "established",
            "all",
            "& port > 0",
            "\n",
            " ",
            "1000",
            "",
        ][..],
    );
    prop_oneof![3 => odd.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[-=!<>&|() a-z0-9\"']{0,12}"]
}

const NAMED: [&str; 7] = [
    "process",
    "user",
    "unit",
    "container",
    "netns",
    "cgroup",
    "dev",
];
const NUMBERED: [&str; 13] = [
    "src",
    "dst",
    "host",
    "sport",
    "dport",
    "port",
    "pid",
    "fwmark",
    "idle gt",
    "rtt gt",
    "retrans gt",
    "sendq gt",
    "recvq gt",
];

/// The words that can follow a value: none, a term that narrows, one that widens.
const RESTS: [&[&str]; 7] = [
    &[],
    &["and", "sport", "=", ":443"],
    &["sport = :443"],
    &["or", "autobound"],
    &["autobound"],
    &["(", "port", "1", ")"],
    &["not", "port 1"],
];

proptest! {
    #[test]
    fn a_name_never_changes_the_filter(
        term in proptest::sample::select(&NAMED[..]), operator: bool, value in values(), rest in proptest::sample::select(&RESTS[..]),
    ) {
        let words: Vec<&str> = [term].into_iter()
            .chain(operator.then_some("=")).chain([value.as_str()]).chain(rest.iter().copied()).collect();
        if let Ok(filter) = parse_words(&words) {
            let quoted = format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""));
            prop_assert_eq!(Ok(filter), parse(&format!("{term} {quoted} {}", rest.join(" "))), "{:?}", words);
        }
    }

    #[test]
    fn a_number_or_address_never_changes_the_filter(
        term in proptest::sample::select(&NUMBERED[..]), value in values(), rest in proptest::sample::select(&RESTS[..]),
    ) {
        let mut words: Vec<&str> = term.split(' ').chain([value.as_str()]).collect();
        let alone = parse_words(&words).map(|filter| filter.to_string());
        words.extend(rest);
        if let Ok(filter) = parse_words(&words) {
            let alone = alone.map_err(|error| TestCaseError::fail(format!("{words:?} is a filter: {error}")))?;
            prop_assert!(!alone.contains(" and ") && !alone.starts_with("not "), "{}", alone);
            let whole = format!("( {alone} ) {}", rest.join(" "));
            prop_assert_eq!(Ok(filter), parse(&whole), "{:?}", words);
        }
    }

    #[test]
    fn any_words_are_a_filter_or_an_error(words in proptest::collection::vec(values(), 0..8)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut followed = FilterWords::new();
        for word in &words {
            followed.push(word);
        }
        match parse_words(&words) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), Ok(filter)),
            Err(error) => {
                let text = words.join(" ");
                prop_assert!(error.column() + error.length() <= text.chars().count());
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }
}

/// The words that a program takes for options as [`FilterWords`] tells it to are those that were typed as options, and
/// the words of a filter that are left are of two terms, or an error.
#[test]
fn no_value_is_an_option_whatever_the_one_before_it_is() {
    let operators = [
        "=", "==", "!=", "<", ">", "eq", "ne", "neq", "gt", "le", "(", ")", "!", "not", "and",
        "or", "&", "|", "x",
    ];
    for not in [&[][..], &["not"], &["("]] {
        for term in NAMED {
            for second in [term, "process", "dst", "port"] {
                for value in operators {
                    for option in ["-y", "--yes", "-n", "--"] {
                        let values =
                            [not, &[term, value, second, option, "port", "1"][..]].concat();
                        let mut followed = FilterWords::new();
                        let options: Vec<_> = values
                            .iter()
                            .filter(|word| {
                                let is_option = word.starts_with('-') && !followed.expects_value();
                                if !is_option {
                                    followed.push(word);
                                }
                                is_option
                            })
                            .collect();
                        assert!(options.is_empty(), "{values:?}: {options:?}");
                    }
                }
            }
        }
    }
    // An option that was typed is still one.
    for words in [
        &["process", "=", "nginx"][..],
        &["process", "nginx"],
        &["process", "!=", "nginx", "dport", "=", ":80"],
        &["dport", "=", ":80"],
        &["idle", "gt", "10m"],
        &["process", "="],
        &["(", "user", "=", "root", ")"],
        &[
            "state",
            "established",
            "process",
            "=",
            "a",
            "and",
            "port",
            "80",
        ],
    ] {
        let mut followed = FilterWords::new();
        for word in words {
            followed.push(word);
        }
        let is_operator_last = words.last() == Some(&"=");
        assert_eq!(followed.expects_value(), is_operator_last, "{words:?}");
    }
}

/// Every word that is offered is taken, and what is not offered is an error there.
#[test]
fn the_next_words_are_those_that_the_parser_takes() {
    let next = |text: &str| {
        let mut followed = FilterWords::new();
        text.split_whitespace().for_each(|word| followed.push(word));
        let words = followed.next_words();
        let words = words.iter().map(|next| next.word).collect::<Vec<_>>();
        (words.join(" "), followed.value_of())
    };
    let terms = "src dst host sport dport port dev fwmark cgroup autobound pid process user unit container netns \
         idle rtt retrans sendq recvq not";
    let first = format!("state exclude {terms}");
    let behind = format!("and or {terms}");
    for text in [
        "",
        "state established",
        "state established exclude syn-sent",
    ] {
        assert_eq!(next(text), (first.clone(), None), "{text}");
    }
    for text in ["autobound and", "not", "(", "port 80 or not"] {
        assert_eq!(next(text), (terms.to_owned(), None), "{text}");
    }
    for text in [
        "port 80",
        "process x",
        "process = x",
        "( autobound )",
        "state closed port=80",
        "dport =:80",
    ] {
        assert_eq!(next(text), (behind.clone(), None), "{text}");
    }
    for (text, keyword) in [("sport", "sport"), ("state closed idle", "idle")] {
        assert_eq!(next(text), ("eq ne lt le gt ge".to_owned(), Some(keyword)));
    }
    for (text, keyword) in [
        ("dst", "dst"),
        ("user root and pid", "pid"),
        ("netns", "netns"),
    ] {
        assert_eq!(next(text), ("eq ne".to_owned(), Some(keyword)), "{text}");
    }
    assert_eq!(next("process !="), (String::new(), Some("process")));
    let (states, keyword) = next("exclude established state");
    assert_eq!(keyword, Some("state"));
    for state in states.split(' ') {
        parse(&format!("state {state}")).unwrap();
    }
    assert!(
        states.starts_with("established ") && states.ends_with(" big"),
        "{states}"
    );
}
