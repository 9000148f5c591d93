//! The tasks for which people open `tcpentry top`, on 80 columns and 24 lines: each in at most as many keys as it takes to type
//! what is looked for, and four.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use tcpentry_testkit::tcp::{self, Ends};
use tcpentry_testkit::tmux::{PROMPT, Tmux};
use tcpentry_testkit::world::World;
use tcpentry_testkit::{isolated, skip, terminal};

use crate::long::ONE_CROWD;
use crate::util::{connections, is_alive, run};

/// A process of this name, which runs a script of bash with connections to a listener.
struct Client {
    child: Child,
    /// The other ends of its connections.
    servers: Vec<TcpStream>,
}

impl Client {
    /// Starts it. The connections have the descriptors from 3 on.
    fn start(tmux: &Tmux, name: &str, listener: &TcpListener, count: u16, script: &str) -> Self {
        let file = tmux.folder().join(name);
        symlink("/bin/bash", &file).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = |number| format!("exec {}<>/dev/tcp/127.0.0.1/{port}; ", 3 + number);
        let connect: String = (0..count).map(connect).collect();
        let child = Command::new(&file)
            .args(["-c", &format!("{connect}echo ready; {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut client = Self {
            child,
            servers: Vec::new(),
        };
        for _ in 0..count {
            client.servers.push(listener.accept().unwrap().0);
        }
        let out = client.child.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        client
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Presses keys, and asserts that they are not more than what is looked for has letters, and four.
fn press(tmux: &Tmux, keys: &[&str], looked_for: &str) {
    let mut count = 0;
    for key in keys {
        // Names of keys are capitalized.
        if key.len() > 1 && key.starts_with(char::is_uppercase) {
            tmux.press(key);
            count += 1;
        } else {
            tmux.types(key);
            count += key.chars().count();
        }
    }
    let most = looked_for.chars().count() + 4;
    assert!(count <= most, "{count} keys for {looked_for:?}: {keys:?}");
}

fn quit(tmux: &Tmux) {
    tmux.types("q");
    tmux.await_screen("the shell is back", |screen| {
        let last = screen.trim_end().lines().last();
        last.is_some_and(|line| line.trim_end() == PROMPT.trim_end())
    });
}

/// Returns the line under the cursor.
fn chosen(screen: &str) -> &str {
    let line = screen.lines().find(|line| line.starts_with('>'));
    line.unwrap_or_default()
}

#[test]
fn each_task_takes_as_many_keys_as_what_is_looked_for_and_four() {
    isolated(|| {
        let tmux = terminal!(80, 24);
        let (all, listener, _port) = connections(5);
        let sleeper = Client::start(&tmux, "sleeper", &listener, 1, "read");
        thread::sleep(Duration::from_secs(2));
        // Everything else moves once.
        for Ends { client, server } in &all {
            (&*client).write_all(b"x").unwrap();
            (&*server).read_exact(&mut [0]).unwrap();
        }
        let leaky = Client::start(&tmux, "leaky", &listener, 4, "read");
        for server in &leaky.servers[1..] {
            server.shutdown(Shutdown::Write).unwrap();
        }
        // It is not the only one.
        all[0].server.shutdown(Shutdown::Write).unwrap();
        let endless = "while printf %01000d 0 >&3; do :; done";
        let busy = Client::start(&tmux, "busy", &listener, 1, endless);
        let (_, deleted) = tcp::addresses(&busy.servers[0]);
        let deleted = deleted.to_string();
        let mut reader = busy.servers[0].try_clone().unwrap();
        let reader = thread::spawn(move || {
            while reader.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let open = || {
            tmux.runs(&format!("clear; {PROGRAM} top --interval 500ms"));
            tmux.await_text(" connections  ");
            tmux.await_text("sort: state");
        };

        // The process with the most connections: this one has both ends of five, and one of each other.
        open();
        press(&tmux, &["Tab"], "");
        tmux.await_screen("this process is at the top", |screen| {
            chosen(screen).contains(" program") && chosen(screen).contains(" 16 ")
        });
        quit(&tmux);

        // What is idle for the longest time.
        open();
        press(&tmux, &["o", "d"], "");
        let (end, peer) = tcp::addresses(&sleeper.servers[0]);
        tmux.await_screen("the sleeper is at the top", |screen| {
            let line = chosen(screen);
            screen.contains("IDLEv")
                && line.contains(&end.to_string())
                && line.contains(&peer.to_string())
        });
        quit(&tmux);

        // All CLOSE_WAIT of one process.
        open();
        press(&tmux, &["/leaky clsw", "Enter", "*"], "leaky clsw");
        tmux.await_text("3 selected  3 marked");
        tmux.types("d");
        let preview = tmux.await_text("Delete these 3 connections?");
        assert_eq!(preview.matches("close-wait").count(), 3, "{preview}");
        tmux.press("Escape");
        tmux.await_text("3 selected");
        quit(&tmux);

        // The connections by throughput, and the processes.
        for (keys, is_by_process) in [(&["o", "o"][..], false), (&["Tab", "o", "o"], true)] {
            open();
            press(&tmux, keys, "");
            tmux.await_screen("the busy one is at the top", |screen| {
                screen.contains("OUT/sv")
                    && screen.contains("COUNT") == is_by_process
                    && chosen(screen).contains(&format!(" {} busy ", busy.pid()))
            });
            quit(&tmux);
        }

        // Why not: a listener.
        open();
        press(&tmux, &["s"], "");
        tmux.await_screen("the reason is shown", |screen| {
            screen.contains("1 listener") && screen.contains("guarded: ")
        });
        press(&tmux, &["d"], "");
        let why = tmux.await_text("Nothing here can be deleted:");
        assert!(why.contains("--listeners"), "{why}");
        tmux.press("Escape");
        tmux.await_text("1 listener");
        quit(&tmux);

        // The log, of the deletion of one that was looked for by its name.
        open();
        press(&tmux, &["/busy", "Enter", "d"], "busy");
        tmux.await_text("Delete this connection?  y / n");
        tmux.types("y");
        tmux.await_text("1 deleted");
        press(&tmux, &["l", "s", "Enter"], "");
        tmux.await_text("saved to ");
        let files = fs::read_dir(tmux.folder()).unwrap().map(Result::unwrap);
        let logs = files.filter(|it| it.file_name().to_string_lossy().starts_with("tcpentry-"));
        let logs: Vec<_> = logs
            .map(|it| fs::read_to_string(it.path()).unwrap())
            .collect();
        assert!(
            logs.len() == 1 && logs[0].contains("deleted") && logs[0].contains(&deleted),
            "{logs:?}"
        );
        reader.join().unwrap();
        assert!(all.iter().skip(1).all(is_alive));
    });
}

#[test]
fn one_of_five_thousand_takes_its_end_and_three_keys() {
    let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    isolated(|| {
        if !tcp::room_for(5000) {
            skip!("too few descriptors for 5000 connections (ulimit -n)");
        }
        let tmux = terminal!(80, 24);
        let crowd = tcp::imagined_crowd(5000);
        tmux.runs(&format!("{PROGRAM} top"));
        tmux.await_text("5000 connections");
        let meant = "127.1.1.200:13650";
        press(&tmux, &["/", meant, "Enter", "d"], meant);
        let preview = tmux.await_text("Delete this connection?  y / n");
        assert!(preview.contains(meant), "{preview}");
        tmux.press("Escape");
        tmux.await_text("1 selected");
        quit(&tmux);
        drop(tmux);
        // They would stay for minutes, waiting for a peer that does not answer.
        run("delete --yes dst 127.200.0.1:80");
        drop(crowd);
    });
}

#[test]
fn one_in_another_namespace_takes_its_name_and_three_keys() {
    isolated(|| {
        let world = match World::fresh() {
            Ok(world) => world,
            Err(reason) => skip!("{reason}"),
        };
        let tmux = terminal!(80, 24);
        let blue = world.named("blue");
        let green = world.named("green");
        let _here = tcp::connected();
        let ends = blue.run(tcp::connected);
        let _others = green.run(tcp::connected);
        tmux.runs(&format!("{} {PROGRAM} top", world.prefix()));
        tmux.await_text("2 connections");
        press(&tmux, &["a", "/blue", "Enter"], "blue");
        let (client, _) = tcp::addresses(&ends.client);
        tmux.await_screen("those of the namespace are shown", |screen| {
            screen.contains("2 selected")
                && screen.matches(" blue ").count() == 2
                && screen.contains(&client.to_string())
        });
        quit(&tmux);
    });
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");
