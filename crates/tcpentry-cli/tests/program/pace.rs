//! `--rate`, `--spread`, `--sample`: not all at once, and not all.

use std::io::Read as _;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, mptcp, skip};

use crate::util::{Run, connections, identity, is_alive, program, run, run_with_input};

fn start(words: &str) -> Child {
    let mut program = program();
    program.args(words.split_whitespace());
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped());
    program.spawn().unwrap()
}

fn end(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// Waits for each peer in a thread of its own, and returns the times at which they saw the end, in order.
fn ends_seen_by(peers: Vec<TcpStream>) -> Vec<Instant> {
    let (told, times) = mpsc::channel();
    for mut peer in peers {
        let told = told.clone();
        thread::spawn(move || {
            // The test has a limit of its own.
            peer.set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            let ended = peer.read(&mut [0]);
            if ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset) {
                let _ = told.send(Instant::now());
            }
        });
    }
    drop(told);
    let mut times: Vec<_> = times.iter().collect();
    times.sort_unstable();
    times
}

fn peers(all: &[Ends]) -> Vec<TcpStream> {
    all.iter()
        .map(|ends| ends.client.try_clone().unwrap())
        .collect()
}

fn alive(all: &[Ends]) -> usize {
    all.iter().filter(|ends| is_alive(ends)).count()
}

#[test]
fn a_rate_is_never_exceeded_by_the_clock_of_the_peers() {
    isolated(|| {
        let (all, _listener, port) = connections(100);
        let seen = thread::spawn({
            let peers = peers(&all);
            move || ends_seen_by(peers)
        });
        let paced = run(&format!("delete --yes --rate 10/s sport = :{port}"));
        assert_eq!(
            (paced.code, paced.err.as_str()),
            (0, "tcpentry: 100 deleted\n")
        );
        let seen = seen.join().unwrap();
        assert_eq!(seen.len(), 100);
        // Ten more or less seconds, however busy the machine is.
        let whole = seen[99] - seen[0];
        assert!(whole > Duration::from_millis(9_800), "{whole:?}");
        // A peer may be late to see it, on a busy machine by some: those of a window may then fall into the next.
        for window in seen.windows(15) {
            assert!(
                window[14] - window[0] >= Duration::from_secs(1),
                "{:?}",
                window[14] - window[0]
            );
        }
    });
}

#[test]
fn a_spread_takes_its_time_and_leaves_those_alone_who_reconnect() {
    isolated(|| {
        let (all, listener, port) = connections(200);
        let begin = Instant::now();
        let running = start(&format!("delete --yes --spread 3s sport = :{port}"));
        let seen = thread::spawn({
            let peers = peers(&all);
            move || ends_seen_by(peers)
        });
        thread::sleep(Duration::from_secs(1));
        let back: Vec<_> = (0..10).map(|_| tcp::connect_to(&listener)).collect();
        let spread = end(running);
        assert_eq!(
            (spread.code, spread.rows().len()),
            (0, 200),
            "{}",
            spread.err
        );
        assert_eq!(alive(&back), 10);
        let seen = seen.join().unwrap();
        assert_eq!(seen.len(), 200);
        assert!(seen[199] - begin > Duration::from_millis(2500));
        let half = seen
            .iter()
            .filter(|&&it| it - begin < Duration::from_millis(1500))
            .count();
        assert!((30..=130).contains(&half), "{half} in the first half");
        // Not the order in which they were listed.
        let listed: Vec<_> = all
            .iter()
            .map(|ends| ends.client.local_addr().unwrap().to_string())
            .collect();
        let deleted: Vec<_> = spread.rows().iter().map(|row| row[3].to_owned()).collect();
        let mut sorted = deleted.clone();
        sorted.sort();
        assert_ne!(deleted, sorted);
        let mut listed = listed;
        listed.sort();
        assert_eq!(sorted, listed);
    });
}

#[test]
fn few_are_spread_with_a_second_between_them_at_most() {
    isolated(|| {
        let (_all, _listener, port) = connections(2);
        let begin = Instant::now();
        let spread = run(&format!("delete --yes --spread 1h sport = :{port}"));
        assert_eq!(spread.code, 0, "{}", spread.err);
        assert!(begin.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn an_empty_sample_is_said_to_be_one() {
    isolated(|| {
        let (all, _listener, port) = connections(4);
        let nothing = run(&format!("delete --yes --sample 10% sport = :{port}"));
        assert_eq!((nothing.code, &*nothing.out), (1, ""), "{}", nothing.err);
        let said = "tcpentry: the random sample is empty: nothing was deleted\n";
        assert!(nothing.err.ends_with(said), "{}", nothing.err);
        assert_eq!(alive(&all), 4);
        for size in ["0", "0%"] {
            let none = run(&format!("delete --yes --sample {size} sport = :{port}"));
            assert_eq!(none.code, 2, "{}", none.err);
        }
    });
}

#[test]
fn a_sample_is_as_large_as_was_asked_for_and_a_seed_repeats_it() {
    isolated(|| {
        let (all, _listener, port) = connections(50);
        let peers_of = |run: &Run| {
            let mut peers: Vec<_> = run.rows().iter().map(|row| row[3].to_owned()).collect();
            peers.sort();
            peers
        };
        let first = run(&format!("delete -n --sample 10% sport = :{port}"));
        assert_eq!(peers_of(&first).len(), 5, "{}", first.err);
        let said = first.err.lines().next().unwrap();
        let seed = said
            .strip_prefix("tcpentry: a random sample: 5 of 50; --seed ")
            .unwrap();
        let seed = seed.strip_suffix(" repeats it").unwrap();
        let second = run(&format!(
            "delete --yes --max 5 --sample 10% --seed {seed} sport = :{port}"
        ));
        assert_eq!(second.code, 0, "{}", second.err);
        assert_eq!(peers_of(&first), peers_of(&second));
        assert_eq!(alive(&all), 45);
        let refused = run(&format!("delete --yes --max 4 --sample 5 sport = :{port}"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert_eq!(alive(&all), 45);
        let rest = run(&format!(
            "delete --yes --sample 100% --rate 1000/s sport = :{port}"
        ));
        assert_eq!((rest.code, alive(&all)), (0, 0), "{}", rest.err);
    });
}

#[test]
fn each_is_decided_about_once_in_a_run_that_goes_on() {
    isolated(|| {
        let (all, listener, port) = connections(20);
        let running = start(&format!(
            "delete --yes --for 3s --sample 10% sport = :{port}"
        ));
        let mut later = Vec::new();
        for _ in 0..20 {
            later.push(tcp::connect_to(&listener));
            thread::sleep(Duration::from_millis(100));
        }
        let sampled = end(running);
        assert_eq!(sampled.code, 0, "{}", sampled.err);
        let deleted = sampled.rows().len();
        assert!(
            (2..=4).contains(&deleted),
            "{deleted} of 20 and up to 20 later"
        );
        assert_eq!(alive(&all) + alive(&later), 40 - deleted);
    });
}

#[test]
fn one_that_ends_by_itself_takes_nobodys_turn() {
    isolated(|| {
        let (mut all, _listener, port) = connections(60);
        let begin = Instant::now();
        let running = start(&format!("delete --yes --rate 5/s sport = :{port}"));
        thread::sleep(Duration::from_millis(500));
        // No trace is left of it: its end is reset.
        for ends in all.drain(10..) {
            socket2::SockRef::from(&ends.server)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
        let paced = end(running);
        assert_eq!(paced.code, 0, "{}", paced.err);
        let outcomes = |outcome: &str| paced.rows().iter().filter(|row| row[0] == outcome).count();
        assert_eq!(outcomes("deleted") + outcomes("gone"), 60, "{}", paced.out);
        assert!(outcomes("gone") >= 40, "{}", paced.out);
        // Twelve seconds at that rate.
        assert!(
            begin.elapsed() < Duration::from_secs(8),
            "{:?}",
            begin.elapsed()
        );
    });
}

#[test]
fn a_rate_ends_with_the_time_that_it_is_for() {
    isolated(|| {
        let (all, _listener, port) = connections(20);
        let begin = Instant::now();
        let paced = run(&format!("delete --yes --for 2s --rate 2/s sport = :{port}"));
        assert_eq!(paced.code, 0, "{}", paced.err);
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{:?}",
            begin.elapsed()
        );
        let deleted = paced.rows().len();
        assert!((2..=5).contains(&deleted), "{}", paced.out);
        assert_eq!(alive(&all), 20 - deleted);
    });
}

#[test]
fn a_sample_is_of_connections_and_not_of_subflows() {
    isolated(|| {
        let (ends, listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let port = listener.local_addr().unwrap().port();
        let filter = format!("state established sport = :{port}");
        // Two rows would end, whichever is drawn.
        let refused = run(&format!("delete --yes --max 1 --sample 1 {filter}"));
        assert_eq!(refused.code, 3, "{}", refused.err);
        let sampled = run(&format!("delete --yes --max 2 --sample 1 {filter}"));
        assert_eq!(
            (sampled.code, sampled.rows().len()),
            (0, 2),
            "{}",
            sampled.err
        );
        assert!(
            sampled.err.contains("a random sample: 1 of 1;"),
            "{}",
            sampled.err
        );
        drop(ends);
    });
}

#[test]
fn an_interruption_comes_between_two() {
    isolated(|| {
        let (all, _listener, port) = connections(20);
        let running = start(&format!("delete --yes --json --rate 2/s sport = :{port}"));
        thread::sleep(Duration::from_millis(1700));
        kill_process(Pid::from_child(&running), Signal::INT).unwrap();
        let interrupted = end(running);
        assert_eq!(interrupted.code, 130, "{}", interrupted.err);
        let deleted = interrupted.objects().len();
        assert!((1..=5).contains(&deleted), "{}", interrupted.out);
        assert_eq!(alive(&all), 20 - deleted);
    });
}

#[test]
fn each_is_reported_when_it_happens() {
    use std::io::{BufRead as _, BufReader};
    isolated(|| {
        let (_all, _listener, port) = connections(3);
        let mut running = start(&format!("delete --yes --json --rate 1/s sport = :{port}"));
        let begin = Instant::now();
        let lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let times: Vec<_> = lines
            .map(|line| line.map(|_| begin.elapsed()).unwrap())
            .collect();
        assert_eq!(end(running).code, 0);
        assert_eq!(times.len(), 3);
        assert!(
            times[2] > times[1] + Duration::from_millis(800),
            "{times:?}"
        );
    });
}

#[test]
fn identities_have_a_pace_too() {
    isolated(|| {
        let (all, _listener, port) = connections(6);
        let listed = run(&format!("list --json sport = :{port}"));
        let begin = Instant::now();
        let paced = run_with_input("delete --id - --rate 5/s --max 6", &listed.out);
        assert_eq!((paced.code, paced.rows().len()), (0, 6), "{}", paced.err);
        assert!(begin.elapsed() > Duration::from_millis(900));
        assert_eq!(alive(&all), 0);
        let (all, _listener, _) = connections(4);
        let ids: Vec<_> = all
            .iter()
            .map(|ends| identity(ends.client.local_addr().unwrap()))
            .collect();
        let sampled = run_with_input("delete --id - --sample 50% --spread 1s", &ids.join("\n"));
        assert_eq!((sampled.code, alive(&all)), (0, 2), "{}", sampled.err);
    });
}

#[test]
fn nothing_to_do_is_a_success_where_that_is_asked_for() {
    isolated(|| {
        let (all, _listener, port) = connections(1);
        let gone = identity(all[0].client.local_addr().unwrap());
        for words in [
            "dport = :1".to_owned(),
            "127.0.0.1:1 127.0.0.1:2".to_owned(),
            format!("state listening sport = :{port}"),
        ] {
            let (plain, ok) = (
                run(&format!("delete --yes {words}")),
                run(&format!("delete --yes --ok-if-none {words}")),
            );
            assert_eq!(plain.err, ok.err);
            // A guard is not a success.
            let expected = if plain.code == 1 { 0 } else { plain.code };
            assert_eq!(ok.code, expected, "{words}: {}", ok.err);
        }
        drop(all);
        assert_eq!(run(&format!("delete --ok-if-none --id {gone}")).code, 0);
        assert_eq!(run("delete --ok-if-none dport = x:y:z").code, 2);
    });
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_deleted() {
    isolated(|| {
        let (all, _listener, port) = connections(1);
        for (options, said) in [
            (
                "--rate 20",
                "expected a number and a unit of time, such as 20/s or 5/m",
            ),
            ("--rate 0/s", "expected a number from 1 to 1000000"),
            ("--rate 20/s --spread 2m", "--spread"),
            ("--sample 101%", "at most 100%"),
            ("--sample ten", "a percentage such as 10%"),
            ("--spread 10", "units of time"),
        ] {
            let refused = run(&format!("delete --yes {options} sport = :{port}"));
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{options}");
            assert!(refused.err.contains(said), "{options}: {}", refused.err);
        }
        assert_eq!(alive(&all), 1);
    });
}
