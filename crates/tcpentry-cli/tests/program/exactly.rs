//! `tcpentry delete FILTER`: exactly the selected ones, while other connections come and go.

use std::collections::{HashMap, HashSet};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tcpentry_testkit::random::Random;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::varied::Varied;
use tcpentry_testkit::{Raised, isolated};

use crate::against_ss::filters::{Filter, Maker};
use crate::util::{Run, is_alive, program};

#[test]
fn what_matched_is_gone_and_nothing_else() {
    isolated(|| {
        let _varied = Varied::seeded(2000, SEED);
        let mut living = living(100);
        let mut deletions = 0;
        let cut = while_others_come_and_go(|| {
            let filters = Maker::new(SEED, &[]).filters(300);
            let with_option = |filter: &Filter| {
                let option = filter.option.split_whitespace().map(str::to_owned);
                option.chain(filter.words_of_ours()).collect()
            };
            let mut filters = filters.iter().map(with_option);
            let mut random = Random::new(SEED);
            for number in 0..ROUNDS {
                let deleted = if number % 3 == 0 {
                    round(&some_of(&living, &mut random)).expect("they live")
                } else {
                    let deleted = filters.find_map(|words: Vec<_>| round(&words));
                    deleted.expect("enough filters select a part")
                };
                deletions += deleted.len();
                living.retain(|(ends, names)| {
                    let spared = names.iter().all(|name| !deleted.contains(name));
                    assert_eq!(is_alive(ends), spared, "{names:?}");
                    spared
                });
            }
        });
        assert!(deletions > 100, "only {deletions}");
        assert!((1..100).contains(&living.len()), "{} live", living.len());
        assert!(cut > 0, "of those that come and go none was met");
    });
}

/// Returns a filter of every third or so, and of what comes and goes beside them.
fn some_of(living: &[(Ends, [String; 2])], random: &mut Random) -> Vec<String> {
    let mut some: Vec<_> = living.iter().filter(|_| random.one_in(3)).collect();
    some.truncate(30);
    let end = |(_, [name, _]): &&(Ends, [String; 2])| name.split(' ').next().map(str::to_owned);
    let ends: Vec<_> = some.iter().filter_map(end).collect();
    vec![format!("src {} or dst {COMING}", ends.join(" or src "))]
}

/// Deletes what a filter selects, if that is some and not too many, and accounts for every socket that was
/// there before or is reported. Returns the names of what was deleted.
fn round(words: &[String]) -> Option<HashSet<String>> {
    let filter = words.join(" ");
    let of_filter = |first: &[&str]| {
        let done: Run = program().args(first).args(words).output().unwrap().into();
        done
    };
    let matching = sockets(&of_filter(&["list", "--json"]));
    let (least, most) = (5, 200);
    if !(least..most).contains(&matching.len()) {
        return None;
    }
    let before = sockets(&of_all());
    let done = of_filter(&["delete", "--own-session", "--yes", "--json"]);
    assert!(
        matches!(done.code, 0 | 1),
        "{filter}: {} {}",
        done.code,
        done.err
    );
    let reported = done.objects();
    let after = sockets(&of_all());

    let of_outcome = |outcome: &str| -> HashMap<String, &Value> {
        let such = reported.iter().filter(|it| it["outcome"] == outcome);
        such.map(|it| (cookie(it), it)).collect()
    };
    let (deleted, gone) = (of_outcome("deleted"), of_outcome("gone"));
    assert_eq!(
        deleted.len() + gone.len(),
        reported.len(),
        "{filter}: each once"
    );
    let names: HashSet<String> = deleted.values().map(|it| name(it)).collect();

    for (cookie, socket) in &matching {
        let is_there = after.contains_key(cookie) && !comes_and_goes(socket);
        assert!(
            !is_there,
            "{filter}: it matched and is still there: {socket}"
        );
    }
    for (cookie, socket) in &deleted {
        assert!(
            !after.contains_key(cookie),
            "{filter}: deleted and still there: {socket}"
        );
        let matched = matching.contains_key(cookie) || comes_and_goes(socket);
        assert!(matched, "{filter}: deleted and did not match: {socket}");
    }
    for (cookie, socket) in &before {
        // A dump of sockets that come and go can miss one that stays: the kernel counts those of a hash chain.
        let is_still_there = || (0..5).any(|_| sockets(&of_all()).contains_key(cookie));
        let accounted = after.contains_key(cookie)
            || deleted.contains_key(cookie)
            // Its other end was deleted, which sent it a reset.
            || names.contains(&name_of_peer(socket))
            || comes_and_goes(socket)
            || is_still_there();
        assert!(
            accounted,
            "{filter}: it vanished, and nobody says why: {socket}"
        );
    }
    for (_, socket) in gone {
        let was_reset = names.contains(&name_of_peer(socket)) || comes_and_goes(socket);
        assert!(was_reset, "{filter}: gone by itself: {socket}");
    }
    Some(names)
}

/// Calls while some threads open and close connections all the time; returns how often one of those was cut off.
fn while_others_come_and_go(job: impl FnOnce()) -> u32 {
    let (over, cut) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let (over, cut) = (&over, &cut);
        for milliseconds in [2, 20, 100] {
            scope.spawn(move || {
                let listener = tcp::listen(format!("{COMING}:0").parse().unwrap());
                let at = listener.local_addr().unwrap();
                while !over.load(Ordering::Relaxed) {
                    let client = TcpStream::connect(at).unwrap();
                    let (server, _) = listener.accept().unwrap();
                    let ends = Ends::new(client, server);
                    thread::sleep(Duration::from_millis(milliseconds));
                    if !is_alive(&ends) {
                        cut.fetch_add(1, Ordering::Relaxed);
                    }
                    // Nothing is left of them, so that they don't grow in number.
                    let _ = socket2::SockRef::from(&ends.client).set_linger(Some(Duration::ZERO));
                }
            });
        }
        let over = Raised(over);
        job();
        drop(over);
    });
    cut.into_inner()
}

/// Opens connections whose owners look after them; returns with each the names of both its ends.
fn living(count: usize) -> Vec<(Ends, [String; 2])> {
    let listener = tcp::listen(tcp::loopback(0));
    let connect = |_| {
        let ends = tcp::connect_to(&listener);
        let (local, peer) = tcp::addresses(&ends.client);
        (ends, [format!("{local} {peer}"), format!("{peer} {local}")])
    };
    (0..count).map(connect).collect()
}

fn of_all() -> Run {
    let words = ["list", "--json", "state", "all"];
    program().args(words).output().unwrap().into()
}

/// Returns the sockets by cookie, without listeners and what is only bound.
fn sockets(listed: &Run) -> HashMap<String, Value> {
    assert_eq!(listed.code, 0, "{}", listed.err);
    let is_connection = |it: &Value| it["state"] != "listening" && it["state"] != "bound-inactive";
    let objects = listed.objects().into_iter().filter(is_connection);
    objects.map(|it| (cookie(&it), it)).collect()
}

fn cookie(socket: &Value) -> String {
    socket["cookie"].as_str().unwrap().to_owned()
}

fn name(socket: &Value) -> String {
    format!("{} {}", end(&socket["local"]), end(&socket["peer"]))
}

fn name_of_peer(socket: &Value) -> String {
    format!("{} {}", end(&socket["peer"]), end(&socket["local"]))
}

/// Returns an end without its device.
fn end(end: &Value) -> String {
    let end = end.as_str().unwrap();
    match (end.split_once('%'), end.rsplit_once(':')) {
        (Some((address, _)), Some((_, port))) => format!("{address}:{port}"),
        _ => end.to_owned(),
    }
}

fn comes_and_goes(socket: &Value) -> bool {
    name(socket).contains(COMING)
}

const SEED: u64 = 4;
const ROUNDS: usize = 9;
/// The address of connections that come and go, which is none of `Varied`.
const COMING: &str = "127.0.0.33";
