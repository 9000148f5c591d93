//! Names from outside: any user may give a process, a unit or a container any name.

use std::net::{TcpListener, TcpStream};

use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::named::{HOSTILE, Named};
use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::{isolated, skip};

use crate::util::{Run, is_alive, program};

#[test]
fn processes_of_any_name_are_shown_selected_and_deleted_by_it() {
    isolated(|| {
        let listener = tcp::listen(tcp::loopback(0));
        let held: Vec<_> = NAMES.iter().map(|name| Held::by(name, &listener)).collect();
        let bystander = tcp::connect_to(&listener);

        let all = run(&["-p", "--no-header"]);
        assert_eq!(
            all.out.lines().count(),
            2 * (held.len() + 1),
            "one line each"
        );
        let objects = run(&["--json", "-p"]).objects();
        for Held {
            named, name, local, ..
        } in &held
        {
            let cell = |line: &str| line.rsplit('\t').next().unwrap_or_default().to_owned();
            let row = all
                .out
                .lines()
                .find(|line| line.split('\t').nth(3) == Some(local));
            let shown = tcpentry::escape::escape_for_terminal(name);
            let expected = format!("{} {}", named.pid(), shown.replace(' ', r"\x20"));
            assert_eq!(row.map(cell), Some(expected));
            let object = objects.iter().find(|it| it["local"] == *local).unwrap();
            let as_it_is = String::from_utf8_lossy(name);
            assert_eq!(object["processes"][0]["name"], *as_it_is);
            assert_eq!(object["processes"][0]["pid"], named.pid());
        }

        // Each by its pid and by its name, and the others by neither.
        for Held {
            named, name, local, ..
        } in &held
        {
            assert_eq!(locals(&["pid", &named.pid().to_string()]), [local.as_str()]);
            if let Some(pattern) = pattern_of(name) {
                assert_eq!(
                    locals(&["process", &pattern]),
                    [local.as_str()],
                    "{pattern}"
                );
                let others = locals(&["dport", &port(&listener), "not", "process", &pattern]);
                assert_eq!(others.len(), held.len(), "not {pattern}");
                assert!(!others.contains(local), "not {pattern}");
            }
        }

        for Held {
            named, name, local, ..
        } in held
        {
            let pattern = pattern_of(&name).unwrap_or("*".to_owned());
            let pid = named.pid().to_string();
            let words = [
                "delete",
                "--own-session",
                "-p",
                "process",
                &pattern,
                "pid",
                &pid,
            ];
            let rehearsed = run(&[&words[..], &["-n"]].concat());
            let done = run(&words);
            assert_eq!((rehearsed.code, done.code), (0, 0), "{}", done.err);
            assert_eq!(done.rows(), rehearsed.rows());
            assert_eq!(done.rows()[0][..3], ["deleted", "established", &local]);
            drop(named);
            let nothing = run(&words);
            assert_eq!(nothing.code, 1, "{}", nothing.out);
        }
        assert!(is_alive(&bystander));
    });
}

/// A filter may have been pasted from somewhere.
#[test]
fn names_in_a_filter_reach_no_output_as_they_are() {
    isolated(|| {
        let _ends = tcp::connected();
        for word in [
            "process",
            "unit",
            "container",
            "user",
            "dev",
            "cgroup",
            "src",
        ] {
            for name in ["\"\u{1b}[2J\"", "\"a\nb\"", "\"\u{202e}x\"", "\"\u{9b}1m\""] {
                run(&[word, name]);
                run(&["delete", word, name]);
                run(&["delete", "--yes", "--explain", word, name]);
                run(&[
                    "--explain",
                    "( ",
                    word,
                    name,
                    "or",
                    "pid",
                    "1",
                    ") autobound",
                ]);
                run(&[word, name, "or", "autobound", "autobound"]);
            }
        }
        for name in ["\u{1b}[2J", "\u{202e}"] {
            run(&[name]);
            run(&["src", "10.0.0.1", name]);
            run(&["delete", "state", name]);
            run(&["delete", "dport", "=", name, "--for", name]);
            run(&["dport", "=", &format!(":1[{name}")]);
        }
    });
}

#[test]
fn a_unit_and_a_container_of_any_name_are_shown_and_selected() {
    isolated(|| {
        for (name, unit, container) in [
            (
                "\u{1b}[2J\u{202e}.service",
                r"\u{1b}[2J\u{202e}.service",
                "-",
            ),
            ("lxc.payload.\u{9b}31m\t-1", "-", r"lxc:\u{9b}31m\t-1"),
        ] {
            let cgroup = match Cgroup::fresh(name) {
                Ok(cgroup) => cgroup,
                Err(error) => skip!("no cgroup of such a name: {error}"),
            };
            let socket = cgroup
                .sockets(socket2::Domain::IPV4, 1)
                .unwrap()
                .pop()
                .unwrap();
            let listener = tcp::listen(tcp::loopback(0));
            let ends = tcp::connect_from(socket, &listener);
            let local = ends.client.local_addr().unwrap().to_string();
            let listed = run(&["-c", "src", &local]);
            let row = &listed.rows()[0];
            let shown_unit = row[6];
            assert_eq!(row[5], container, "{}", listed.out);
            assert!(unit == "-" || shown_unit == unit, "{}", listed.out);
            run(&["-c", "--json"]).objects();
            let term = if unit == "-" {
                ["container", "\u{9b}31m\t*"]
            } else {
                ["unit", "\u{1b}[2J\u{202e}"]
            };
            assert_eq!(locals(&term), [local]);
            let done = run(&["delete", "-c", term[0], term[1]]);
            assert_eq!(done.code, 0, "{}", done.err);
            assert!(!is_alive(&ends));
        }
    });
}

/// The hostile names, and two more: longer than the kernel keeps, and one that looks like a list of processes.
const NAMES: [&[u8]; 15] = {
    let [a, b, c, d, e, f, g, h] = HOSTILE;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        b"fifteen-bytes-xyz",
        b"fifteen-bytes-\x1b[2J\n",
        b"a, 1 nginx",
        b"sshd,pid=1 nc",
        "\u{3164}\u{2800}\u{115f}\u{1160}".as_bytes(),
        br"DOM\alice",
        b"*",
    ]
};

/// A connection whose client's end a process of this name holds alone.
struct Held {
    named: Named,
    _server: TcpStream,
    name: Vec<u8>,
    local: String,
}

impl Held {
    fn by(name: &[u8], listener: &TcpListener) -> Self {
        let Ends { client, server } = tcp::connect_to(listener);
        let local = client.local_addr().unwrap().to_string();
        let named = Named::holding(&client, name);
        Self {
            named,
            _server: server,
            name: name.to_vec(),
            local,
        }
    }
}

/// Returns the words that select a name and none of the others: the name itself, but for stars and backslashes.
fn pattern_of(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    Some(name.replace('\\', r"\\").replace('*', r"\*"))
}

fn port(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().port().to_string()
}

fn locals(filter: &[&str]) -> Vec<String> {
    let listed = run(&[&["--no-header"], filter].concat());
    assert_eq!(listed.code, 0, "{}", listed.err);
    let local = |line: &str| line.split('\t').nth(3).unwrap().to_owned();
    listed.out.lines().map(local).collect()
}

/// Runs the program; whatever it says is fit for a terminal.
fn run(words: &[&str]) -> Run {
    let run: Run = program().args(words).output().unwrap().into();
    for text in [&run.out, &run.err] {
        let raw = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
        assert!(!text.contains(raw), "{words:?}: {text:?}");
    }
    run
}
