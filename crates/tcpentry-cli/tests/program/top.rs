//! `tcpentry top` in a real terminal: the screen, the keys, and the terminal as it was before at the end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::named::{HOSTILE, Named};
use tcpentry_testkit::pty;
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::tmux::{PROMPT, Tmux};
use tcpentry_testkit::user::{self, User};
use tcpentry_testkit::{isolated, mptcp, proc_net, skip, terminal, until};
use unicode_width::UnicodeWidthStr as _;

use crate::long::ONE_CROWD;
use crate::util::{Run, connections, fill, identity, is_alive, local, program, run};

#[test]
fn a_list_from_a_pipe_leaves_the_keys_to_the_terminal() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let (all, _listener, port) = connections(2);
        let list = "printf '127.0.0.0/8\\n10/8\\n'";
        tmux.runs(&format!("{list} | {PROGRAM} top --in bad=- not dst @bad"));
        tmux.await_text("0 selected");
        // It is read once, and serves each filter.
        tmux.types(&format!("/\u{15}dst @bad dport = :{port}"));
        tmux.press("Enter");
        // Entered, and not only shown while it is typed.
        tmux.await_text("/ find  d delete");
        tmux.await_text("2 selected");
        tmux.types("/\u{15}dst @bda");
        tmux.await_text("no set is called `bda`");
        tmux.press("Escape");
        // Else Escape and what is typed next could be one key with Alt.
        tmux.await_text(&format!("/ dst @bad dport = :{port}"));
        tmux.types("q");
        await_shell(&tmux);
        assert!(all.iter().all(is_alive));
    });
}

#[test]
fn three_marked_of_fifty_are_deleted_and_nothing_else() {
    isolated(|| {
        let tmux = terminal!(150, 60);
        let (all, listener, port) = connections(50);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text("100 connections");
        // Their servers' ends.
        tmux.types(&format!("/sport = :{port}"));
        tmux.press("Enter");
        tmux.await_text("50 selected");

        let (meant, others): (Vec<_>, Vec<_>) = (0..)
            .zip(&all)
            .partition(|(place, _)| [3, 17, 42].contains(place));
        for (marked, (_, ends)) in (1..).zip(&meant) {
            go_to(&tmux, &local(ends));
            tmux.press("Space");
            tmux.await_text(&format!("{marked} marked"));
        }
        tmux.press("d");
        let preview = tmux.await_text("Delete these 3 connections?  y / n");
        for (_, ends) in &meant {
            assert!(preview.contains(&local(ends)), "{preview}");
        }
        assert!(all.iter().all(is_alive), "nothing has been confirmed yet");
        tmux.types("y");
        tmux.await_text("3 deleted");
        for (_, ends) in &meant {
            let (server, client) = ((&ends.server).read(&mut [0]), (&ends.client).read(&mut [0]));
            assert_eq!(tcp::errno(server), Errno::CONNABORTED);
            assert_eq!(tcp::errno(client), Errno::CONNRESET);
        }
        assert_eq!(others.len(), 47);
        assert!(others.iter().all(|(_, ends)| is_alive(ends)));
        assert!(is_alive(&tcp::connect_to(&listener)));

        tmux.types("l");
        let log = tmux.await_text("3 entries");
        for (_, ends) in &meant {
            let is_entry = |line: &&str| line.contains(&local(ends)) && line.contains("deleted");
            assert_eq!(log.lines().filter(is_entry).count(), 1, "{log}");
        }
        assert_eq!(log.matches("by sock-diag").count(), 3, "{log}");
        tmux.press("Escape");
        tmux.await_screen("only the others are left", |screen| {
            screen.contains("STATE") && screen.contains("47 selected") && !screen.contains("marked")
        });
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn settings_are_kept_for_later_runs_and_a_broken_file_is_told() {
    isolated(|| {
        let tmux = terminal!(150, 24);
        let folder = tmux.folder().to_owned();
        let program = format!("XDG_CONFIG_HOME={} {PROGRAM}", folder.display());
        tmux.runs(&format!("{program} top"));
        tmux.await_text("sort: state ^");
        tmux.types("oi");
        tmux.types("+W");
        tmux.await_text("settings are kept in ");
        tmux.types("q");
        await_shell(&tmux);
        let file = folder.join("tcpentry/top.toml");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        tmux.runs(&format!("{program} top"));
        tmux.await_text("sort: in v  every 2s");
        tmux.types("q");
        await_shell(&tmux);
        fs::write(&file, "sort = \"idle\"\nfont = 3\n").unwrap();
        tmux.runs(&format!("{program} top"));
        let screen = tmux.await_text("no setting is called `font`");
        assert!(screen.contains("sort: idle v  every 1s"), "{screen}");
        tmux.types("q");
        await_shell(&tmux);
        // Nobody writes to the pipe: it is not waited for, but replaced.
        fs::remove_file(&file).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &file, FileType::Fifo, mode, 0).unwrap();
        tmux.runs(&format!("{program} top"));
        tmux.await_text("top.toml: not a regular file");
        tmux.types("W");
        tmux.await_text("settings are kept in ");
        tmux.types("q");
        await_shell(&tmux);
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
    });
}

/// Starts a client that connects again whenever its connection ends, and returns the number of its connections so far.
fn reconnecting(port: u16) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        while let Ok(mut client) = TcpStream::connect(("127.0.0.1", port)) {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = client.read(&mut [0]);
        }
    });
    count
}

#[test]
fn a_client_that_reconnects_is_held_off_until_a_key_is_pressed() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let count = reconnecting(port);
        let accepted = listener.try_clone().unwrap();
        // They stay open.
        thread::spawn(move || accepted.incoming().collect::<Vec<_>>());
        let (bystander, _listener, _port) = connections(1);
        until("it has connected", || count.load(Ordering::Relaxed) == 1);
        tmux.runs(&format!("{PROGRAM} top sport = :{port}"));
        tmux.await_text("1 selected");
        tmux.types("d");
        tmux.await_text("h hold off");
        tmux.types("h");
        tmux.await_text("and hold off 127.0.0.1 for 10m?  y / n");
        tmux.types("y");
        tmux.await_text("holding 127.0.0.1: ");
        until("it has come back several times", || {
            count.load(Ordering::Relaxed) >= 3
        });
        tmux.await_screen("they are counted", |screen| {
            let (_, counted) = screen.split_once("holding 127.0.0.1: ").unwrap_or_default();
            let counted = counted.split(' ').next().unwrap_or_default();
            counted.parse::<usize>().is_ok_and(|counted| counted >= 2)
        });
        tmux.types("x");
        tmux.await_text("no longer holding 127.0.0.1: ");
        tmux.await_text("1-1 of 1");
        let before = count.load(Ordering::Relaxed);
        thread::sleep(Duration::from_secs(1));
        assert_eq!(count.load(Ordering::Relaxed), before, "the last one stays");
        assert!(bystander.iter().all(is_alive));
        // What is deleted without it is back, and that is said.
        tmux.types("d");
        tmux.await_text("Delete this");
        tmux.types("y");
        tmux.await_text("127.0.0.1 is back");
        tmux.types("q");
        await_shell(&tmux);
    });
}

/// Marks all rows, of which there are so many, and opens the preview of their deletion.
fn preview_all(tmux: &Tmux, count: usize, question: &str) {
    tmux.types("*");
    tmux.await_text(&format!("{count} marked"));
    tmux.types("d");
    tmux.await_text(question);
}

#[test]
fn the_details_open_with_why_it_is_slow_as_long_as_it_was_watched() {
    isolated(|| {
        let tmux = terminal!(150, 40);
        let ends = tcp::connected();
        fill(&ends.client);
        let port = ends.server.local_addr().unwrap().port();
        tmux.runs(&format!("{PROGRAM} top dport = :{port}"));
        tmux.await_text("1 selected");
        tmux.press("Enter");
        // On a busy machine a second has no screen of its own.
        let screen = tmux.await_screen("it is watched for two seconds", |screen| {
            let watched = screen.split_once("its window is closed (for ");
            let seconds = watched.and_then(|(_, rest)| rest.split_once(" s that were watched)"));
            seconds.is_some_and(|(seconds, _)| seconds.parse::<u32>().is_ok_and(|it| it >= 2))
        });
        let lines: Vec<_> = screen.lines().map(str::trim).collect();
        let title = "why it is slow, or does nothing";
        let at = lines.iter().position(|line| *line == title).unwrap();
        assert!(at <= 3, "nothing but the ends is above it: {screen}");
        assert!(
            lines[at + 1].starts_with("the peer is not reading: "),
            "{screen}"
        );
        tmux.press("Escape");
        tmux.await_text("1 selected");
        tmux.types("q");
        await_shell(&tmux);
    });
}

/// Returns the value now, the largest one and the chart of a name on the screen of details.
fn charted<'s>(screen: &'s str, name: &str) -> Option<[&'s str; 3]> {
    let mut lines = screen.lines();
    let line = lines.find_map(|line| line.trim_start().strip_prefix(name))?;
    let (now, rest) = line.trim_start().split_once("  ")?;
    let (largest, chart) = rest.trim_start().split_once("  ")?;
    Some([now, largest, chart.trim()])
}

#[test]
fn the_chart_of_the_send_queue_grows_when_the_peer_does_not_read() {
    isolated(|| {
        let tmux = terminal!(100, 30);
        let ends = tcp::connected();
        let port = ends.server.local_addr().unwrap().port();
        tmux.runs(&format!(
            "LANG=C.UTF-8 {PROGRAM} top --interval 250ms dport = :{port}"
        ));
        tmux.await_text("1 selected");
        tmux.press("Enter");
        tmux.await_screen("nothing waits for a while", |screen| {
            charted(screen, "send queue").is_some_and(|[now, largest, chart]| {
                (now, largest) == ("0 B", "0 B") && chart.ends_with("⣀⣀")
            })
        });
        fill(&ends.client);
        let screen = tmux.await_screen("the queue is as long as it was", |screen| {
            charted(screen, "send queue").is_some_and(|[now, largest, chart]| {
                // Both are of the queue, which shrinks a little once it is full.
                let are_long = [now, largest].iter().all(|it| it.ends_with("MB"));
                // On a busy machine both times may have come into one step of its start.
                are_long && chart.chars().any(|it| it != '⣿') && chart.ends_with('⣿')
            })
        });
        assert!(screen.contains(" s, since this was opened"), "{screen}");
        let screen = tmux.await_text("the peer is not reading: ");
        // Nothing came, and that is known: it is no gap.
        let [now, _, chart] = charted(&screen, "received").unwrap();
        assert!(now == "0 B/s" && chart.ends_with('⣀'), "{screen}");

        tmux.resize(200, 80);
        let wide = tmux.await_text("agreed at the start");
        assert!(wide.contains("round trip, smoothed"), "{wide}");
        assert!(!wide.contains("other counters"), "each has a group: {wide}");
        tmux.types("t");
        let kernel = tmux.await_text("tcpi_snd_cwnd");
        assert!(kernel.contains("TCPI_OPT_SACK"), "{kernel}");
        assert!(!kernel.contains("agreed at the start"), "{kernel}");
        drop(ends);
        tmux.await_text(" s, not read since");
        tmux.types("q");
        tmux.await_screen("the table", |screen| screen.contains("STATE"));
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn whatever_is_pressed_but_y_deletes_nothing() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let (all, _listener, port) = connections(2);
        tmux.runs(&format!("{PROGRAM} top sport = :{port}"));
        tmux.await_text("2 selected");
        for key in ["n", "Enter", "Escape", "q"] {
            preview_all(&tmux, 2, "Delete these 2 connections?");
            tmux.press(key);
            tmux.await_screen("the table is back", |screen| {
                screen.contains("not confirmed: nothing was deleted") && screen.contains("STATE")
            });
        }
        assert!(all.iter().all(is_alive));
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn a_successor_between_the_same_ends_survives_the_confirmation() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let first = tcp::connect_to(&listener);
        let (client, server) = tcp::addresses(&first.client);
        let before = identity(client);
        tmux.runs(&format!("{PROGRAM} top dport = :{port}"));
        tmux.await_text("1 selected");
        tmux.types("d");
        tmux.await_text("Delete this connection?  y / n");

        // A reset leaves nothing behind, so that the same two ends can be taken at once.
        let reset = socket2::SockRef::from(&first.client).set_linger(Some(Duration::ZERO));
        reset.unwrap();
        drop(first);
        let socket = tcp::socket(client);
        socket.set_reuse_address(true).unwrap();
        socket.bind(&client.into()).unwrap();
        let second = tcp::connect_from(socket, &listener);
        assert_eq!(tcp::addresses(&second.client), (client, server));
        assert_ne!(identity(client), before);

        tmux.types("y");
        tmux.await_text("1 already gone");
        assert!(is_alive(&second));
        tmux.types("l");
        let log = tmux.await_text("1 entry");
        assert!(log.contains(&format!("gone {client} {server}")), "{log}");
        assert!(is_alive(&second));
    });
}

#[test]
fn what_no_longer_matches_after_the_confirmation_is_spared() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (ends, _listener, port) = connections(2);
        tmux.runs(&format!(
            "{PROGRAM} top 'state established recvq = 0 and sport = :{port}'"
        ));
        tmux.await_text("2 selected");
        preview_all(&tmux, 2, "Delete these 2 connections?  y / n");
        (&ends[0].client).write_all(b"a query").unwrap();
        let (server, client) = tcp::addresses(&ends[0].server);
        until("the query has arrived", || {
            proc_net::row(server, client).is_some_and(|row| row.recv_queue == 7)
        });
        tmux.types("y");
        tmux.await_text("1 deleted");
        assert!(is_alive(&ends[0]) && !is_alive(&ends[1]));
        tmux.types("l");
        tmux.await_screen("the log says why", |screen| {
            let spared = |line: &str| {
                line.starts_with("spared") && line.contains(&format!("{server} {client}"))
            };
            let mut lines = screen.lines();
            lines.any(|line| spared(line) && line.contains("it no longer matches"))
        });
    });
}

#[test]
fn the_other_subflows_are_previewed_and_end_with_the_one_under_the_cursor() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (ends, listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let port = listener.local_addr().unwrap().port();
        // The filter selects one of them only.
        tmux.runs(&format!(
            "{PROGRAM} top 'sport = :{port} and dst {}'",
            mptcp::SECOND
        ));
        tmux.await_text("1 selected");
        tmux.types("d");
        let refused = tmux.await_text("Nothing here can be deleted");
        assert!(refused.contains("ends with all its subflows"), "{refused}");
        tmux.types("n");
        tmux.await_text("1 selected");
        tmux.types("q");
        await_shell(&tmux);

        tmux.runs(&format!("{PROGRAM} top 'sport = :{port}'"));
        tmux.await_text("2 selected");
        tmux.types("d");
        let preview = tmux.await_text("Delete these 2 connections?  y / n");
        assert!(
            preview.contains("1 of them is another subflow") && preview.contains(mptcp::SECOND),
            "{preview}"
        );
        assert!(is_alive(&ends));
        tmux.types("y");
        tmux.await_text("2 deleted");
        assert!(!is_alive(&ends));
    });
}

#[test]
fn at_a_rate_the_table_is_usable_meanwhile_and_x_leaves_the_rest_alive() {
    isolated(|| {
        let tmux = terminal!(150, 40);
        let (all, _listener, port) = connections(20);
        let alive = || all.iter().filter(|ends| is_alive(ends)).count();
        tmux.runs(&format!("{PROGRAM} top --rate 5/s sport = :{port}"));
        tmux.await_text("20 selected");
        preview_all(
            &tmux,
            20,
            "Delete these 20 connections at 5/s, in about 3s?  y / n",
        );
        assert_eq!(alive(), 20);
        tmux.types("y");
        let begin = Instant::now();
        let screen = tmux.await_text("to go (x: stop)");
        assert!(screen.contains("STATE"), "the table is there: {screen}");
        until("some have ended", || alive() <= 16);
        assert!(begin.elapsed() > Duration::from_millis(550));

        // Keys answer, rows are read, and another filter changes nothing about those that were confirmed.
        tmux.types(&format!("/\u{15}dport = :{port}"));
        tmux.press("Enter");
        tmux.await_screen("rows of the other filter", |screen| {
            screen.contains(&format!("/ dport = :{port}")) && screen.contains("to go (x: stop)")
        });
        let before = alive();
        until("it goes on", || alive() < before);
        tmux.types("x");
        tmux.await_text("stopped: ");
        let left = alive();
        assert!((1..16).contains(&left), "{left}");
        tmux.await_text(&format!(
            "stopped: {left} were not deleted; before that: {} deleted",
            20 - left
        ));
        thread::sleep(Duration::from_millis(600));
        assert_eq!(alive(), left);
        let log = log(&tmux, &format!("{} entries", 20 - left));
        let is_entry = |line: &&str| line.contains(" deleted ") && line.contains("by sock-diag");
        assert_eq!(log.lines().filter(is_entry).count(), 20 - left, "{log}");
        tmux.press("Escape");
        tmux.await_text("STATE");
        tmux.types("q");
        await_shell(&tmux);
        // It is said once.
        assert!(!tmux.screen().contains("stopped"), "{}", tmux.screen());
    });
}

#[test]
fn at_a_pace_all_are_deleted_in_their_time() {
    isolated(|| {
        for (pace, shortest) in [("--rate 10/s", 1850), ("--spread 2s", 1000)] {
            let tmux = terminal!(150, 40);
            let (all, _listener, port) = connections(20);
            tmux.runs(&format!("{PROGRAM} top {pace} sport = :{port}"));
            tmux.await_text("20 selected");
            preview_all(&tmux, 20, "Delete these 20 connections");
            let begin = Instant::now();
            tmux.types("y");
            tmux.await_text("20 deleted");
            assert!(begin.elapsed() > Duration::from_millis(shortest), "{pace}");
            assert!(all.iter().all(|ends| !is_alive(ends)));
            tmux.await_text("0 selected");
            tmux.types("q");
            await_shell(&tmux);
        }
    });
}

#[test]
fn quit_asks_while_a_deletion_is_made_at_a_pace_and_then_says_what_is_left() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (all, _listener, port) = connections(5);
        tmux.runs(&format!("{PROGRAM} top --rate 2/m sport = :{port}"));
        tmux.await_text("5 selected");
        preview_all(&tmux, 5, "Delete these 5 connections at 2/m, in about 2m?");
        tmux.types("y");
        tmux.await_text("1 deleted, 4 left, 2m to go (x: stop)");
        tmux.types("q");
        tmux.await_text("a deletion is running: quit again to end it");
        tmux.types("q");
        await_shell(&tmux);
        let said = tmux.screen();
        assert!(said.contains("tcpentry: 1 deleted"), "{said}");
        assert!(said.contains("stopped: 4 were not deleted"), "{said}");
        assert_eq!(all.iter().filter(|ends| is_alive(ends)).count(), 4);
    });
}

#[test]
fn at_a_rate_the_subflows_of_a_connection_end_in_one_turn() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (ends, listener) = match mptcp::with_two_subflows() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let port = listener.local_addr().unwrap().port();
        tmux.runs(&format!("{PROGRAM} top --rate 1/m 'sport = :{port}'"));
        tmux.await_text("2 selected");
        tmux.types("d");
        tmux.await_text("Delete these 2 connections at 1/m");
        assert!(is_alive(&ends));
        tmux.types("y");
        tmux.await_text("2 deleted");
        assert!(!is_alive(&ends));
    });
}

#[test]
fn however_it_ends_the_terminal_is_as_before() {
    isolated(|| {
        let tmux = terminal!(100, 20);
        let _ends = tcp::connected();
        tmux.runs("stty -echoctl -ixon; stty -g > before");
        for (end, code) in [
            ("TERM", 143),
            ("HUP", 129),
            ("INT", 130),
            ("q", 0),
            ("C-c", 0),
            ("F10", 0),
        ] {
            let pid = started(&tmux, "top");
            tmux.await_text("2 connections");
            assert_eq!(tmux.knows("alternate_on"), "1");
            if end.chars().all(char::is_uppercase) && end != "F10" {
                signal(pid, end);
            } else {
                tmux.press(end);
            }
            await_shell(&tmux);
            tmux.runs(&format!("echo $? after {end}"));
            tmux.await_text(&format!("{code} after {end}"));
            assert_as_before(&tmux, end);
        }
    });
}

#[test]
fn what_is_suspended_comes_back() {
    isolated(|| {
        let tmux = terminal!(100, 20);
        let _ends = tcp::connected();
        tmux.runs("stty -g > before");
        let pid = started(&tmux, "top");
        tmux.await_text("2 connections");
        for by in ["C-z", "TSTP", "STOP"] {
            match by {
                "C-z" => tmux.press(by),
                by => signal(pid, by),
            }
            until("it is stopped", || state(pid) == Some('T'));
            if by == "STOP" {
                // SIGSTOP can't be caught: the terminal stays raw, and there Enter does not end a line.
                tmux.await_text("Stopped");
                tmux.types("stty sane; echo what' 'a mess");
                tmux.press("C-j");
                tmux.await_text("what a mess");
            } else {
                await_shell(&tmux);
                assert_as_before(&tmux, by);
            }
            tmux.runs("fg");
            tmux.await_screen("it is back", |screen| {
                screen.starts_with("tcpentry  2 connections") && screen.contains("quit")
            });
            assert_eq!(tmux.knows("alternate_on"), "1");
            // Keys are keys again.
            tmux.types("?");
            tmux.await_text("Show only the rows that have a cell");
            tmux.press("Escape");
            tmux.await_text("STATE");
        }
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn without_its_terminal_it_ends() {
    isolated(|| {
        // The kernel signals the processes in the terminal's session; any other has to notice by itself.
        for session in ["", "setsid "] {
            let tmux = terminal!(100, 20);
            let pid = started_by(&tmux, session, "top");
            tmux.await_text("STATE");
            tmux.breaks();
            until("it ends", || matches!(state(pid), None | Some('Z')));
        }
    });
}

#[test]
fn a_closed_terminal_ends_it_as_a_hangup_does_and_silently() {
    isolated(|| {
        let _ends = tcp::connected();
        // Where standard error is the terminal as well, a message about it can't be written anywhere.
        for is_apart in [false, true] {
            let terminal = pty::Terminal::open();
            // It is not in the terminal's session, so that no signal comes.
            let mut child = program()
                .arg("top")
                .stdin(terminal.inside())
                .stdout(terminal.inside())
                .stderr(if is_apart {
                    Stdio::piped()
                } else {
                    terminal.inside().into()
                })
                .spawn()
                .unwrap();
            until("it is drawn", || terminal.screen().contains("STATE"));
            drop(terminal);
            let mut code = None;
            until("it ends", || {
                code = child.try_wait().unwrap().map(|status| status.code());
                code.is_some()
            });
            assert_eq!(code, Some(Some(129)));
            let said = child.wait_with_output().unwrap().stderr;
            assert_eq!(String::from_utf8_lossy(&said), "");
        }
    });
}

#[test]
fn a_terminal_that_cannot_place_its_cursor_is_refused() {
    isolated(|| {
        let tmux = terminal!(100, 10);
        tmux.runs(&format!("TERM=dumb {PROGRAM} top; echo code $?"));
        let screen = tmux.await_text("code 2");
        assert!(
            screen.contains("TERM=dumb") && screen.contains("hint: --once"),
            "{screen}"
        );
        assert_eq!(tmux.knows("alternate_on"), "0");
    });
}

#[test]
fn signs_are_of_the_locale() {
    isolated(|| {
        let tmux = terminal!(100, 20);
        let _ends = tcp::connected();
        for (locale, arrows) in [
            ("LANG=C.UTF-8", "↑↓ scroll"),
            ("LC_ALL=C LANG=C.UTF-8", "Up/Down scroll"),
        ] {
            tmux.runs(&format!("{locale} {PROGRAM} top"));
            tmux.await_text("2 connections");
            tmux.types("l");
            let screen = tmux.await_text(arrows);
            assert_eq!(screen.is_ascii(), arrows.is_ascii(), "{screen}");
            tmux.press("Escape");
            tmux.await_text("STATE");
            tmux.types("q");
            await_shell(&tmux);
        }
    });
}

#[test]
fn under_sudo_the_log_is_saved_as_who_called_it() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let tmux = terminal!(100, 20);
        let (_all, _listener, port) = connections(1);
        // They own one folder, and may not write to the other.
        for name in ["theirs", "roots"] {
            fs::create_dir(tmux.folder().join(name)).unwrap();
        }
        let theirs = tmux.folder().join("theirs");
        chown(&theirs, Some(4033), Some(4033)).unwrap();
        tmux.runs(&format!(
            "SUDO_UID=4033 SUDO_GID=4033 {PROGRAM} top sport = :{port}"
        ));
        tmux.await_text("1 selected");
        tmux.types("d");
        tmux.await_text("y / n");
        tmux.types("y");
        tmux.await_text("1 deleted");
        tmux.types("l");
        tmux.await_text("1 entry");
        for (folder, said) in [
            ("roots", "cannot save to roots/log"),
            ("theirs", "saved to theirs/log"),
        ] {
            tmux.types("s");
            tmux.await_text("save to a new file");
            tmux.press("C-u");
            tmux.types(&format!("{folder}/log"));
            tmux.press("Enter");
            tmux.await_text(said);
        }
        let saved = fs::metadata(theirs.join("log")).unwrap();
        assert_eq!(
            (saved.uid(), saved.gid(), saved.mode() & 0o777),
            (4033, 4033, 0o600)
        );
        assert!(!tmux.folder().join("roots/log").exists());
    });
}

#[test]
fn under_sudo_the_settings_are_those_of_who_called_it() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let tmux = terminal!(150, 24);
        let folder = tmux.folder().to_owned();
        let home = folder.join("home");
        fs::create_dir(&home).unwrap();
        chown(&home, Some(4033), Some(4033)).unwrap();
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let account = format!("caller:x:4033:4033::{}:/bin/sh\n", home.display());
        fs::write(folder.join("passwd"), accounts + &account).unwrap();
        // As sudo(8) may leave it, XDG_CONFIG_HOME is root's.
        let script = format!(
            "mount --bind passwd /etc/passwd && export SUDO_UID=4033 SUDO_GID=4033 XDG_CONFIG_HOME={} && exec {PROGRAM} top",
            folder.join("roots").display()
        );
        let start = format!("unshare -m sh -c '{script}'");
        tmux.runs(&start);
        tmux.await_text("sort: state ^");
        tmux.types("oi");
        tmux.types("W");
        let file = home.join(".config/tcpentry/top.toml");
        tmux.await_text(&format!("settings are kept in {}", file.display()));
        tmux.types("q");
        await_shell(&tmux);
        let folders = file.ancestors().skip(1).take(2);
        for (path, mode) in [(&*file, 0o600)]
            .into_iter()
            .chain(folders.map(|it| (it, 0o700)))
        {
            let made = fs::metadata(path).unwrap();
            assert_eq!(
                (made.uid(), made.gid(), made.mode() & 0o777),
                (4033, 4033, mode),
                "{}",
                path.display()
            );
        }
        assert!(!folder.join("roots").exists());
        tmux.runs(&start);
        tmux.await_text("sort: in v");
        tmux.types("q");
        await_shell(&tmux);
        // Where they may not write, root's rights do not help.
        chown(&home, Some(0), Some(0)).unwrap();
        fs::remove_dir_all(home.join(".config")).unwrap();
        tmux.runs(&start);
        tmux.await_text("sort: state ^");
        tmux.types("W");
        tmux.await_text("ermission denied");
        tmux.types("q");
        await_shell(&tmux);
        assert!(!home.join(".config").exists());
    });
}

#[test]
fn a_small_screen_has_the_state_and_the_peer() {
    isolated(|| {
        let tmux = terminal!(150, 30);
        let (all, _listener, port) = connections(3);
        tmux.runs(&format!("{PROGRAM} top sport = :{port}"));
        let wide = tmux.await_text("RETRANS");
        assert!(wide.contains("PROCESS"), "{wide}");
        tmux.resize(40, 10);
        let peers: Vec<_> = all.iter().map(local).collect();
        let small = tmux.await_screen("the peers are shown on 40 columns", |screen| {
            let row = |peer: &String| {
                let row = screen.lines().find(|line| line.contains(peer.as_str()));
                row.is_some_and(|row| row.contains(" estb "))
            };
            !screen.contains("RETRANS") && peers.iter().all(row)
        });
        assert!(small.lines().all(|line| line.width() <= 40), "{small}");
        assert!(small.lines().count() <= 10, "{small}");
        // A deletion is understood there as well.
        tmux.types("d");
        tmux.await_text("Delete this connection?  y / n");
        tmux.press("Escape");
        for (columns, lines) in [(20, 5), (1, 1), (300, 60)] {
            tmux.resize(columns, lines);
        }
        tmux.await_text("RETRANS");
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn a_name_stays_in_its_cell() {
    isolated(|| {
        let tmux = terminal!(120, 40);
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        let wide = [
            "日本語日本".as_bytes(),
            "ﷺ".as_bytes(),
            "e\u{301}\u{301}".as_bytes(),
        ];
        let names: Vec<&[u8]> = HOSTILE.into_iter().chain(wide).collect();
        let held: Vec<_> = names
            .iter()
            .map(|name| {
                let Ends { client, server } = tcp::connect_to(&listener);
                (Named::holding(&client, name), server, name)
            })
            .collect();
        let count = held.len();
        tmux.runs(&format!(
            "{PROGRAM} top --columns process,state,peer dport = :{port}"
        ));
        let screen = tmux.await_screen("all owners are shown", |screen| {
            let mut pids = held.iter().map(|(named, ..)| format!(" {} ", named.pid()));
            pids.all(|pid| screen.contains(&pid)) && !screen.contains(" ... ")
        });
        let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!screen.contains(raw), "{screen:?}");
        let lines: Vec<_> = screen.lines().collect();
        assert!(lines[0].starts_with(&format!("tcpentry  {count} selected")));
        let place = |line: &str, word: &str| line.find(word).map(|at| line[..at].width());
        let column = place(lines[3], "STATE").unwrap();
        for line in &lines[4..4 + count] {
            assert_eq!(place(line, "established"), Some(column), "{line}");
        }
        for (named, _, name) in &held {
            let name = tcpentry::escape::escape_for_terminal(name).replace(' ', r"\x20");
            let shown = format!("{} {name}", named.pid());
            // A long one is cut.
            let shown: String = shown.chars().take(27).collect();
            assert!(screen.contains(&shown), "{shown:?} is not in\n{screen}");
        }
        // The preview shows the holders too.
        tmux.types("*d");
        let preview = tmux.await_text(&format!("Delete these {count} connections?"));
        assert!(!preview.contains(raw), "{preview:?}");
        tmux.press("Escape");
        tmux.await_text("STATE");
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn without_root_it_shows_what_may_be_deleted_and_why_not_the_rest() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        if yama_restricts() {
            skip!("Yama lets users borrow descriptors from their own processes only");
        }
        let tmux = terminal!(120, 20);
        let (all, listener, port) = connections(2);
        let own = tcp::connect_to(&listener);
        let (own_local, _) = tcp::addresses(&own.client);
        let holder = Holder::of(&own.client, Some(User::new(4033)));
        let Ends { client, server } = own;
        drop(client);
        tmux.runs(&format!(
            "exec 9<{PROGRAM}; setpriv --reuid 4033 --regid 4033 --clear-groups \
             --inh-caps=-all /proc/self/fd/9 top --columns delete-by,local,peer,process dport = :{port}"
        ));
        let verdict = |local: &str, verdict: &str, screen: &str| {
            let row = screen.lines().find(|line| line.contains(local));
            row.is_some_and(|row| row.contains(verdict))
        };
        let screen = tmux.await_screen("it is known what may be deleted", |screen| {
            let theirs = all.iter().map(local);
            let mut theirs = theirs.map(|local| verdict(&local, "no: denied", screen));
            verdict(&own_local.to_string(), "borrow ", screen) && theirs.all(|is_so| is_so)
        });
        assert!(screen.contains(&format!(" {} ", holder.pid())), "{screen}");
        tmux.types("*d");
        let preview = tmux.await_text("Delete 1 of 3 connections, and leave 2 alone?  y / n");
        assert!(preview.contains("denied   2: "), "{preview}");
        let why = preview
            .lines()
            .position(|line| line.starts_with("denied   2"));
        let hint = preview.lines().nth(why.unwrap() + 1).unwrap();
        assert!(
            hint.contains("sudo") || hint.contains("root"),
            "what to do: {preview}"
        );
        tmux.types("y");
        tmux.await_text("1 deleted, 0 already gone, 2 not deleted, of 3");
        let ended = (&server).read(&mut [0]);
        assert_eq!(tcp::errno(ended), Errno::CONNRESET);
        assert!(all.iter().all(is_alive));
        let log = log(&tmux, "3 entries");
        assert_eq!(log.matches(" denied ").count(), 2, "{log}");
    });
}

#[test]
fn a_listener_is_deleted_only_where_that_was_asked_for() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let listener = tcp::listen(tcp::loopback(0));
        let at = listener.local_addr().unwrap();
        tmux.runs(&format!("{PROGRAM} top -l"));
        tmux.await_text(&at.to_string());
        tmux.types("d");
        let preview = tmux.await_text("Nothing here can be deleted:");
        assert!(preview.contains("--listeners"), "{preview}");
        tmux.types("y");
        tmux.press("Escape");
        // A deletion would have been carried out before this appears.
        tmux.await_text("not confirmed: nothing was deleted");
        assert!(is_alive(&tcp::connect_to(&listener)));
        tmux.types("q");
        await_shell(&tmux);

        tmux.runs(&format!("clear; {PROGRAM} top -l --listeners"));
        tmux.await_text(&at.to_string());
        tmux.types("d");
        tmux.await_text("Delete this connection?");
        tmux.types("y");
        tmux.await_text("1 deleted");
        assert!(TcpStream::connect(at).is_err());
    });
}

#[test]
fn the_own_session_is_protected() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port();
        // Held by others than who has the session's other end.
        let other = tcp::connect_to(&listener);
        let (at, peer) = tcp::addresses(&other.client);
        let _held = (
            Holder::of(&other.client, None),
            Holder::of(&other.server, None),
        );
        drop(other);
        // A shell that holds a connection.
        let shell = tmux.folder().join("shell");
        symlink("/bin/bash", &shell).unwrap();
        tmux.runs(&format!(
            "{} -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; {PROGRAM} top dport = :{port} 3<&-; exit'",
            shell.display()
        ));
        let (session, _) = listener.accept().unwrap();
        let session = Session::of(session);
        tmux.await_text("2 selected");
        tmux.types("*d");
        let preview = tmux.await_text("Delete 1 of 2 connections, and leave 1 alone?");
        for text in ["it carries your own session", "--own-session"] {
            assert!(preview.contains(text), "{preview}");
        }
        tmux.types("y");
        tmux.await_text("1 deleted, 0 already gone, 1 not deleted, of 2");
        assert!(proc_net::row(at, peer).is_none() && session.is_there());
        let log = log(&tmux, "2 entries");
        assert_eq!(log.matches(" guarded ").count(), 1, "{log}");
    });
}

#[test]
fn the_busiest_is_at_the_top_until_the_cursor_is_moved() {
    isolated(|| {
        let tmux = terminal!(120, 12);
        let (all, _listener, port) = connections(30);
        let sends = |ends: &Ends| {
            let (mut from, mut to) = (&ends.client, &ends.server);
            from.write_all(&[0; 16_000]).unwrap();
            to.read_exact(&mut [0; 16_000]).unwrap();
        };
        // Sends until the screen is as wanted, and returns it.
        let send_until = |is_sender: &dyn Fn(&Ends) -> bool, is_so: &dyn Fn(&str) -> bool| {
            let start = Instant::now();
            loop {
                let screen = tmux.screen();
                if is_so(&screen) {
                    return screen;
                }
                assert!(start.elapsed() < Duration::from_secs(40), "{screen}");
                all.iter().filter(|ends| is_sender(ends)).for_each(sends);
                thread::sleep(Duration::from_millis(20));
            }
        };
        let chosen = |screen: &str| {
            let row = screen.lines().find(|line| line.starts_with('>'))?;
            let ends = all.iter().find(|ends| row.contains(&local(ends)));
            ends.map(local)
        };
        tmux.runs(&format!(
            "{PROGRAM} top --interval 250ms --sort in sport = :{port}"
        ));
        tmux.await_text("30 selected  1-8 of 30  sort: in v");
        for busy in [&all[20], &all[7]] {
            let busy = local(busy);
            send_until(&|ends| local(ends) == busy, &|screen| {
                chosen(screen).as_ref() == Some(&busy)
            });
        }

        // The one that is chosen now leaves the screen; neither the screen nor the cursor leaves its place.
        tmux.types("FF");
        tmux.press("Enter");
        tmux.await_text("why it is slow");
        tmux.press("Escape");
        let one = chosen(&tmux.await_text(" STATE")).unwrap();
        let screen = send_until(&|ends| local(ends) != one, &|screen| !screen.contains(&one));
        assert!(screen.contains("  1-8 of 30  "), "{screen}");

        // Following, the screen goes along.
        tmux.types("gF");
        let one = chosen(&tmux.await_text("following")).unwrap();
        let screen = send_until(&|ends| local(ends) != one, &|screen| {
            screen.contains("following") && !screen.contains("  1-8 of 30  ")
        });
        assert_eq!(chosen(&screen), Some(one), "{screen}");
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn with_long_addresses_process_and_rates_are_shown_on_80_columns() {
    isolated(|| {
        let tmux = terminal!(80, 24);
        let (local, peer) = (
            "2001:db8:aaaa:bbbb:cccc:dddd:1:1",
            "2001:db8:aaaa:bbbb:cccc:dddd:1:2",
        );
        let ip = |words: &str| {
            let ran = std::process::Command::new("ip")
                .args(words.split_whitespace())
                .status();
            ran.is_ok_and(|status| status.success())
        };
        let added = [local, peer].map(|end| ip(&format!("addr add {end}/64 dev lo nodad")));
        if added != [true, true] {
            skip!("there is no IPv6 here");
        }
        let listener = tcp::listen(format!("[{local}]:0").parse().unwrap());
        let at = listener.local_addr().unwrap();
        let from = tcp::socket(at);
        from.bind(&format!("[{peer}]:0").parse::<SocketAddr>().unwrap().into())
            .unwrap();
        let ends = tcp::connect_from(from, &listener);
        let (client, _) = tcp::addresses(&ends.client);
        let pid = std::process::id();
        tmux.runs(&format!(
            "LANG=C.UTF-8 {PROGRAM} top dport = :{}",
            at.port()
        ));
        let screen = tmux.await_text(&format!(" {pid} "));
        for shown in ["PROCESS", "IN/s", "OUT/s", "estb"] {
            assert!(screen.contains(shown), "{shown}: {screen}");
        }
        let shown = format!(":1:1]:{}", at.port());
        assert!(screen.contains(&shown), "{shown}: {screen}");
        tmux.press_often("Right", 20);
        tmux.await_screen("other columns", |screen| {
            screen.contains("HISTORY") && screen.contains("UNIT")
        });
        // The preview has all of both ends, and the process.
        tmux.types("d");
        let preview = tmux.await_text("Delete this connection?");
        for shown in [
            at.to_string(),
            client.to_string(),
            format!("{pid} program-"),
        ] {
            assert!(preview.contains(&shown), "{shown}: {preview}");
        }
        tmux.resize(40, 10);
        let screen = tmux.await_screen("the preview on 40 columns", |screen| {
            screen.contains("y / n") && screen.contains(&format!("{pid} program-"))
        });
        assert!(
            screen.contains(&format!(":1:2]:{}", client.port())),
            "{screen}"
        );
        assert!(is_alive(&ends));
    });
}

#[test]
fn short_connections_do_not_bury_those_that_live() {
    isolated(|| {
        let tmux = terminal!(110, 16);
        let (all, listener, port) = connections(5);
        tmux.runs(&format!(
            "{PROGRAM} top --interval 250ms --sort local sport = :{port}"
        ));
        tmux.await_text("5 selected");
        let (stop, stopped) = mpsc::channel::<()>();
        // About fifty a second, closed by their client with a reset.
        let churn = thread::spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let Ends { client, server } = tcp::connect_to(&listener);
                let reset = socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
                reset.unwrap();
                thread::sleep(Duration::from_millis(15));
                drop((client, server));
            }
        });
        tmux.await_screen("some have left", |screen| {
            screen.lines().any(|line| line.starts_with("  - "))
        });
        for _ in 0..20 {
            let screen = tmux.screen();
            let rows: Vec<_> = screen.lines().skip(3).collect();
            let is_left = |line: &&str| line.starts_with("  - ") || line.starts_with("> - ");
            let first = rows.iter().position(&is_left).unwrap_or(rows.len());
            let behind = rows[first..]
                .iter()
                .filter(|line| line.contains(" established "));
            let behind = behind.filter(|line| !is_left(line));
            assert_eq!(behind.count(), 0, "{screen}");
            for ends in &all {
                assert!(
                    rows[..first].iter().any(|row| row.contains(&local(ends))),
                    "{screen}"
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
        tmux.types("e");
        tmux.await_screen("they are hidden", |screen| {
            !screen.lines().any(|line| line.starts_with("  - "))
        });
        drop(stop);
        churn.join().unwrap();
        tmux.types("E");
        let screen = tmux.await_text("that left: ended, or no longer selected");
        assert!(screen.contains(" ago  127.0.0.1:"), "{screen}");
        tmux.press("Escape");
        tmux.await_text("STATE");
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn an_invalid_filter_is_marked_at_its_place_and_the_table_stays() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let (_all, _listener, port) = connections(2);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text("4 connections");
        tmux.types("/sport = :nosuchservice");
        let screen = tmux.await_text("^^^");
        assert!(screen.contains("STATE"), "{screen}");
        tmux.press("Enter");
        tmux.press("C-u");
        tmux.types(&port.to_string());
        // A port is found as it stands, and offered as a filter.
        tmux.await_text("4 match  Tab: port 4");
        tmux.press("Tab");
        tmux.await_text(&format!("/ port = :{port}"));
        tmux.press("Enter");
        tmux.await_text("4 selected");
        tmux.press("Escape");
        tmux.await_text("4 connections");
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn a_word_finds_all_that_has_it_on_its_row_and_its_exact_readings_are_offered() {
    isolated(|| {
        let tmux = terminal!(120, 20);
        let (all, listener, _port) = connections(3);
        let other = tcp::connect_to(&listener);
        let named = Named::holding(&other.client, b"findable");
        let (at, _) = tcp::addresses(&other.client);
        let Ends { client, server } = other;
        drop(client);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text("8 connections");
        // Some is marked, which stays so.
        tmux.press("Space");
        tmux.await_text("1 marked");
        tmux.types("/ndabl");
        let screen = tmux.await_text("1 match");
        assert!(
            screen.contains(&format!("{} findable", named.pid())),
            "{screen}"
        );
        tmux.press("BSpace");
        tmux.press("C-u");
        tmux.types("findable");
        tmux.await_text("1 match  Tab: process 1");
        tmux.press("Tab");
        tmux.await_text("/ process findable");
        tmux.press("Enter");
        let screen = tmux.await_text("1 selected  1 marked (1 not shown)");
        assert!(screen.contains(&at.to_string()), "{screen}");
        // Its pid, and its end; and what was entered before.
        for word in [named.pid().to_string(), at.port().to_string()] {
            tmux.types(&format!("/{word}"));
            tmux.await_text("Tab: p");
            tmux.press("Enter");
            tmux.await_screen("it is found", |screen| {
                screen.contains(&format!("/ {word}")) && screen.contains(&at.to_string())
            });
        }
        tmux.types("/");
        tmux.await_text("Tab: ");
        tmux.press_often("Up", 3);
        tmux.await_text("/ process findable");
        tmux.press("Escape");
        tmux.await_text(&format!("/ {}", at.port()));
        tmux.types("q");
        await_shell(&tmux);
        assert!(all.iter().all(is_alive));
        drop(server);
    });
}

#[test]
fn of_a_large_table_another_order_comes_and_any_row_is_one_key_away() {
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        if !tcp::room_for(LARGE.into()) {
            skip!("too few descriptors for {LARGE} connections (ulimit -n)");
        }
        let tmux = terminal!(120, 20);
        let crowd = tcp::imagined_crowd(LARGE);
        let mut locals: Vec<_> = crowd
            .iter()
            .map(|socket| socket.local_addr().unwrap().as_socket().unwrap())
            .collect();
        locals.sort_unstable();
        let (first, last) = (locals[0].to_string(), locals[locals.len() - 1].to_string());
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text(&format!("{LARGE} connections"));
        let under_cursor = |end: &str| {
            tmux.await_screen(&format!("the cursor is on {end}"), |screen| {
                let row = screen.lines().find(|line| line.starts_with('>'));
                row.is_some_and(|row| row.contains(&format!("{end} ")))
            });
        };
        tmux.types("g");
        under_cursor(&first);
        tmux.types(">");
        tmux.await_text("LOCAL^");
        tmux.types("r");
        tmux.await_text("LOCALv");
        // Another order shows its top.
        under_cursor(&last);
        tmux.types("G");
        under_cursor(&first);
        tmux.types("q");
        await_shell(&tmux);
        drop(tmux);
        // They would stay for minutes, waiting for a peer that does not answer.
        run("delete --yes dst 127.200.0.1:80");
        drop(crowd);
    });
}

#[test]
fn sixty_pages_are_answered_at_once_and_the_table_stays_fresh() {
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        if !tcp::room_for(LARGE.into()) {
            skip!("too few descriptors for {LARGE} connections (ulimit -n)");
        }
        let tmux = terminal!(120, 20);
        let crowd = tcp::imagined_crowd(LARGE);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text(&format!("{LARGE} connections"));
        let begin = Instant::now();
        tmux.press_often("PageDown", 60);
        // Sixty times sixteen lines, with the names of those that are on the screen then.
        tmux.await_screen("the sixty-first page", |screen| {
            screen.contains("  945-961 of 5001  ")
                && screen.contains(" program-")
                && !screen.contains(" ... ")
        });
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        // Without a pause: the table is read in between.
        let (mut seen, mut old) = (0, 0);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            for key in ["PageDown", "PageUp"] {
                tmux.press_often(key, 30);
                seen += 1;
                old += u32::from(tmux.screen().contains("s old"));
            }
        }
        assert!(old * 10 <= seen, "{old} of {seen}");
        tmux.types("q");
        await_shell(&tmux);
        drop(tmux);
        // They would stay for minutes, waiting for a peer that does not answer.
        run("delete --yes dst 127.200.0.1:80");
        drop(crowd);
    });
}

/// The program of the test below: holds the connections of these numbers until its standard input ends.
#[test]
#[ignore = "it is run by another test"]
fn a_part_of_a_crowd() {
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, all).unwrap();
    let crowd = tcp::part_of_a_crowd(first..first + PART);
    println!("it is there");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    // They would stay for minutes, waiting for a peer that does not answer.
    for socket in crowd {
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

#[test]
fn a_hundred_thousand_are_watched_and_the_one_that_is_meant_is_closed() {
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        let most = getrlimit(Resource::Nofile).maximum;
        if most.is_some_and(|most| most < u64::from(PART) + 100) {
            skip!("a process may not hold {PART} connections (ulimit -Hn)");
        }
        let tmux = terminal!(120, 20);
        let mut parts: Vec<_> = (0..PARTS).map(|part| part_from(part * PART)).collect();
        // Their output is read to the end: they fail where they can't write it.
        let mut said = Vec::new();
        for part in &mut parts {
            let mut lines = BufReader::new(part.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().contains("it is there")));
            said.push(lines);
        }
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text(&format!("{} connections", PARTS * PART));
        // Any row is one key away, also while the table is read.
        for key in ["G", "g", "G"] {
            let before = tmux.screen();
            tmux.types(key);
            tmux.await_screen("other rows are shown", |screen| {
                screen.lines().nth(5) != before.lines().nth(5)
            });
        }
        let meant = "127.1.1.1:12056";
        tmux.types(&format!("/{meant}"));
        tmux.press("Enter");
        tmux.await_text("1 selected");
        tmux.types("d");
        let preview = tmux.await_text("Delete this connection?  y / n");
        assert!(preview.contains(meant), "{preview}");
        tmux.types("y");
        tmux.await_text("1 deleted");
        tmux.press("Escape");
        tmux.await_text(&format!("{} connections", PARTS * PART - 1));
        tmux.types("q");
        await_shell(&tmux);
        for (mut part, said) in parts.into_iter().zip(said) {
            drop(part.stdin.take());
            said.for_each(drop);
            assert!(part.wait().unwrap().success());
        }
    });
}

fn part_from(first: u32) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "top::a_part_of_a_crowd",
        ])
        .env(FIRST, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The variable that has the first number of a part.
const FIRST: &str = "TCPENTRY_TEST_FIRST";
/// The number of connections that one process holds, for none may hold all of them.
const PART: u32 = 12_500;
const PARTS: u32 = 8;

#[test]
fn once_prints_a_frame_as_text() {
    isolated(|| {
        let (all, _listener, port) = connections(3);
        let frame = run(&format!("top --once sport = :{port}"));
        assert_eq!((frame.code, &*frame.err), (0, ""));
        let raw = |c: char| c.is_control() && c != '\n';
        assert!(!frame.out.contains(raw), "{:?}", frame.out);
        assert!(frame.out.starts_with("tcpentry  3 selected"));
        for ends in &all {
            let row = frame.out.lines().find(|line| line.contains(&local(ends)));
            let row = row.unwrap_or_else(|| panic!("{}", frame.out));
            assert!(
                row.contains("established") && !row.ends_with(' '),
                "{row:?}"
            );
            assert!(row.contains(" program-"), "owners are known: {row:?}");
        }
        let colored = run("top --once --color always");
        assert!(!colored.out.contains('\u{1b}'), "{:?}", colored.out);

        let small: Run = program()
            .args(["top", "--once"])
            .env("COLUMNS", "40")
            .env("LINES", "10")
            .output()
            .unwrap()
            .into();
        assert!(
            small.out.lines().all(|line| line.width() <= 40),
            "{}",
            small.out
        );
        assert!(small.out.lines().count() <= 10, "{}", small.out);
    });
}

#[test]
fn once_reads_twice_where_rates_are_shown() {
    isolated(|| {
        let (all, _listener, port) = connections(2);
        let mut busy = all[1].client.try_clone().unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let sender = thread::spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                busy.write_all(&[0; 1000]).unwrap();
                thread::sleep(Duration::from_millis(10));
            }
        });
        let frame = run(&format!(
            "top --once --interval 500ms --columns peer,in --sort in sport = :{port}"
        ));
        let rows: Vec<_> = frame.out.lines().skip(4).collect();
        assert!(
            rows[0].contains(&local(&all[1])) && rows[0].ends_with('k'),
            "{rows:?}"
        );
        assert!(
            rows[1].contains(&local(&all[0])) && rows[1].ends_with(" 0"),
            "{rows:?}"
        );
        assert!(frame.out.contains("k/s out 0/s"), "{}", frame.out);
        drop(stop);
        sender.join().unwrap();

        // Without them once is enough, and nothing is said to be 0.
        let start = Instant::now();
        let frame = run(&format!(
            "top --once --interval 60s --columns peer sport = :{port}"
        ));
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(frame.out.contains("in - out -"), "{}", frame.out);
    });
}

#[test]
fn rates_are_unknown_until_two_readings() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (_all, _listener, port) = connections(2);
        tmux.runs(&format!("{PROGRAM} top --interval 2s sport = :{port}"));
        // A pause, and another selection.
        for change in ["", "pp", "s"] {
            tmux.types(change);
            tmux.await_text("in - out -");
            tmux.await_text("in 0/s out 0/s");
        }
        tmux.types("ss");
        // A group is no exception.
        tmux.press("Tab");
        tmux.await_text("program-");
        tmux.types("pp");
        tmux.await_screen("a group of unknown rates", |screen| {
            screen
                .lines()
                .any(|line| line.starts_with('>') && line.contains("     -     - "))
        });
        tmux.types("q");
        await_shell(&tmux);
    });
}

#[test]
fn once_ends_as_a_listing_does() {
    isolated(|| {
        let wrong = run("top --once sport = :nosuchservice");
        assert_eq!((wrong.code, &*wrong.out), (2, ""));
        assert!(wrong.err.contains("nosuchservice"), "{}", wrong.err);
        assert_eq!(run("top --once --columns nosuchcolumn").code, 2);
        assert_eq!(run("top --once -N /no/such/namespace").code, 2);

        let _ends = tcp::connected();
        let (writing, reading) = UnixStream::pair().unwrap();
        drop(reading);
        let unread = program()
            .args(["top", "--once"])
            .stdout(OwnedFd::from(writing))
            .status();
        assert_eq!(unread.unwrap().code(), Some(0), "nobody reads it");
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let full = program().args(["top", "--once"]).stdout(full).output();
        assert_eq!(Run::from(full.unwrap()).code, 7);
    });
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    isolated(|| {
        for words in ["top", "top sport = :80"] {
            let refused = run(words);
            assert_eq!((refused.code, &*refused.out), (2, ""));
            assert!(refused.err.contains("needs a terminal"), "{}", refused.err);
            assert!(refused.err.contains("hint: --once"), "{}", refused.err);
        }
        let tmux = terminal!(80, 10);
        tmux.runs(&format!("{PROGRAM} top </dev/null; echo code $?"));
        tmux.await_text("code 2");
        tmux.runs(&format!(
            "{PROGRAM} top sport = :nosuchservice; echo now $?"
        ));
        let screen = tmux.await_text("now 2");
        assert!(screen.contains("nosuchservice"), "{screen}");
        assert_eq!(tmux.knows("alternate_on"), "0");
    });
}

/// Moves the cursor to the row that has this text, which is on the screen.
fn go_to(tmux: &Tmux, text: &str) {
    let screen = tmux.await_text(text);
    let line = |is_it: &dyn Fn(&str) -> bool| screen.lines().position(is_it).unwrap();
    let cursor = line(&|line| line.starts_with('>'));
    let wanted = line(&|line| line.contains(text));
    tmux.press_often("Down", wanted.saturating_sub(cursor));
    tmux.press_often("Up", cursor.saturating_sub(wanted));
    tmux.await_screen(&format!("the cursor is on {text}"), |screen| {
        let mut lines = screen.lines();
        lines.any(|line| line.starts_with('>') && line.contains(text))
    });
}

/// Opens the log after a deletion that was not complete, and returns the screen.
fn log(tmux: &Tmux, title: &str) -> String {
    tmux.press("Escape");
    tmux.await_text("? help");
    tmux.types("l");
    tmux.await_text(title)
}

/// Waits until the shell has the terminal again.
pub(crate) fn await_shell(tmux: &Tmux) {
    tmux.await_screen("the shell is back", |screen| {
        let last = screen.trim_end().lines().last();
        last.is_some_and(|line| line.trim_end() == PROMPT.trim_end())
    });
}

/// Asserts that the screen is the shell's, with its cursor and no mouse, and that the settings of the line are those of the file
/// `before`.
fn assert_as_before(tmux: &Tmux, end: &str) {
    for (name, value) in [
        ("alternate_on", "0"),
        ("cursor_flag", "1"),
        ("mouse_any_flag", "0"),
    ] {
        assert_eq!(tmux.knows(name), value, "{name} after {end}");
    }
    // The echo of the command is another text.
    tmux.runs(&format!("stty -g | cmp - before && echo as' 'before {end}"));
    tmux.await_text(&format!("as before {end}"));
}

/// Starts the program from the shell, and returns its pid.
fn started(tmux: &Tmux, words: &str) -> i32 {
    started_by(tmux, "", words)
}

fn started_by(tmux: &Tmux, starter: &str, words: &str) -> i32 {
    let file = tmux.folder().join("pid");
    let _ = fs::remove_file(&file);
    let script = format!("echo $$ > {}; exec {PROGRAM} {words}", file.display());
    tmux.runs(&format!("{starter}sh -c '{script}'"));
    let mut pid = None;
    until("its pid is known", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        pid = text.trim().parse().ok();
        pid.is_some()
    });
    pid.unwrap()
}

fn signal(pid: i32, name: &str) {
    let status = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::inherit())
        .status();
    assert!(status.unwrap().success());
}

/// Returns the letter of a process's state, as in ps(1).
fn state(pid: i32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

fn yama_restricts() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    scope.is_ok_and(|scope| scope.trim() != "0")
}

/// The server's end of a connection whose other end another process has.
struct Session(TcpStream);

impl Session {
    fn of(stream: TcpStream) -> Self {
        tcp::bound(&stream);
        Self(stream)
    }

    /// Returns true while nothing has happened to it.
    fn is_there(&self) -> bool {
        tcp::pending_error(&self.0).is_none() && tcp::events(&self.0) == 0
    }
}

/// The number of rows from which the worker sorts the table.
const LARGE: u32 = 5001;
const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");
