//! The canonical form reads back as the same rules, and no text brings the reader down.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tcpentry::watch::TableFamily;
use tcpentry::{Filter, SystemNames, TcpTable};

use super::super::{NetnsScope, Rule, Rules, Trigger};
use super::{listed, read_texts, said};
use crate::args::pace::Rate;

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..1_000_000_u64).prop_map(Duration::from_micros),
        (1..100_000_u64).prop_map(Duration::from_secs),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let family = select(vec![
        TableFamily::Ip,
        TableFamily::Ip6,
        TableFamily::Inet,
        TableFamily::Arp,
        TableFamily::Bridge,
        TableFamily::Netdev,
    ]);
    prop_oneof![
        time().prop_map(Trigger::Every),
        option::of("[a-z*]{1,8}").prop_map(|device| Trigger::AddressRemoved { device }),
        (family, "[a-z0-9_.*-]{1,12}", "[a-z0-9_.*-]{1,12}")
            .prop_map(|(family, table, set)| Trigger::Set { family, table, set }),
        ("[a-z][a-z0-9.]{0,12}", time())
            .prop_map(|(name, absent_for)| Trigger::NameChanged { name, absent_for }),
        Just(Trigger::Ban),
    ]
}

/// Returns the canonical form of a filter that chooses.
fn filter(trigger: &Trigger) -> impl Strategy<Value = String> + use<> {
    let variable = trigger.variable().map(|name| format!("dst @{name}"));
    let fixed = [
        "dport = :5432",
        "state close-wait process java",
        "src [2001:db8::/32] or recvq gt 0",
    ];
    let fixed = fixed.into_iter().map(str::to_owned).chain(variable);
    let name = prop_oneof![
        "\\PC{1,12}",
        "[$@'\"\\\\ a*()]{1,8}",
        "[$@](address|elements)"
    ];
    prop_oneof![
        select(fixed.collect::<Vec<_>>()),
        name.prop_map(|name| format!("dport = :1 and {}", process(&name))),
    ]
}

/// Returns the term for a process of this name.
fn process(name: &str) -> String {
    let table = TcpTable::open().unwrap();
    let parsed = Filter::parse_words(&["process", name], &SystemNames::new(&table));
    parsed.map_or_else(|_| "process x".to_owned(), |filter| filter.to_string())
}

prop_compose! {
    fn rule()(trigger in trigger())(
        name in "[a-zA-Z0-9_][a-zA-Z0-9_-]{0,12}",
        delete in filter(&trigger),
        except in option::of(filter(&trigger)),
        trigger in Just(trigger),
        netns in prop_oneof![
            Just(NetnsScope::Own),
            Just(NetnsScope::All),
            btree_set("[^\\pC]{1,12}", 1..4).prop_map(|it| NetnsScope::Named(it.into_iter().collect())),
        ],
        (matched_for, max) in (option::of(time()), option::of(1..=i64::MAX as u64)),
        pace in option::of(prop_oneof![
            (1..1_000_000_u32, select(vec![1, 60, 3600])).prop_map(Ok),
            time().prop_map(Err),
        ]),
        (everything, enabled, dry_run, listeners, ssh_sessions) in any::<(bool, bool, bool, bool, bool)>(),
    ) -> Rule {
        let rate = pace.and_then(Result::ok);
        let matched_for = matched_for.filter(|_| matches!(trigger, Trigger::Every(_)));
        Rule {
            name,
            trigger,
            delete,
            except,
            everything,
            netns,
            matched_for,
            max,
            rate: rate.map(|(count, period)| Rate { count, period: Duration::from_secs(period) }),
            spread: pace.and_then(Result::err),
            enabled,
            dry_run,
            listeners,
            ssh_sessions,
        }
    }
}

prop_compose! {
    fn rules()(
        mut rules in vec(rule(), 1..4),
        never in vec((any::<std::net::IpAddr>(), 0..=32_u8), 0..4),
        metrics in option::of("/[^\\pC]{0,12}"),
    ) -> Rules {
        for (index, rule) in rules.iter_mut().enumerate() {
            let _ = write!(rule.name, "{index}");
        }
        let never = never.into_iter();
        Rules {
            rules,
            never: never.filter_map(|(address, length)| tcpentry::filter::Prefix::new(address, length)).collect(),
            metrics: metrics.map(PathBuf::from),
        }
    }
}

fn printed(rules: &Rules) -> String {
    let mut text = rules.canonical_guard();
    for rule in &rules.rules {
        let _ = writeln!(text, "\n{rule}");
    }
    text
}

/// Pieces of configurations, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "[rule.a]\n",
        "[rule.b]\n",
        "[rule.a.b]\n",
        "[[rule]]\n",
        "[guard]\n",
        "rule.a.every",
        "when",
        "every",
        "delete",
        "except",
        "netns",
        "never",
        "max",
        "device",
        " = ",
        "\n",
        "\"30s\"",
        "\"ban\"",
        "\"set inet a b*\"",
        "\"dst $elements\"",
        "'''\ndst $elements\ndport = :1'''",
        "\"\"\"\r\ndst \\\n $former\"\"\"",
        "[\"10.0.0.0/8\", 3]",
        "{ a = 1 }",
        "true",
        "-1",
        "0x7fffffffffffffffff",
        "1979-05-27",
        "inf",
        "\"",
        "'",
        "#",
        "ä",
        "\r",
        "\u{feff}",
    ];
    let known = select(known.to_vec()).prop_map(str::to_owned);
    prop_oneof![8 => known, 1 => "\\PC{0,8}", 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_reads_back_as_the_same_rules(rules in rules()) {
        let text = printed(&rules);
        let read = read_texts(&[("a.toml", &text)]);
        let read = read.unwrap_or_else(|errors| panic!("{text}\n{}", listed(&errors)));
        prop_assert_eq!(&printed(&read), &text);
        prop_assert_eq!(read, rules, "{}", text);
    }
}

proptest! {
    #[test]
    fn no_text_brings_the_reader_down(pieces in vec(piece(), 0..24)) {
        let text = pieces.concat();
        if read_texts(&[("a.toml", &text), ("b.toml", &text)]).is_ok() {
            return Err(TestCaseError::fail(text));
        }
        for line in said(&[("a.toml", &text), ("b.toml", &text)]).lines() {
            prop_assert!(!line.contains(|it: char| it.is_control()), "{line:?}");
        }
        let _ = read_texts(&[("a.toml", &text)]);
    }
}
