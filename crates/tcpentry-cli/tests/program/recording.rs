//! `tcpentry top --record` and `--replay`: what is recorded is shown again, and nothing can be deleted by it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tcpentry_testkit::tcp;
use tcpentry_testkit::{isolated, skip, terminal, until};

use crate::util::{Run, connections, fill, is_alive, program, run, with_input};

/// A folder that is removed at the end of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tcpentry-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sized(words: &str) -> Run {
    let mut command = program();
    command.args(words.split_whitespace());
    let output = command.envs([("COLUMNS", "180"), ("LINES", "30")]).output();
    output.unwrap().into()
}

#[test]
fn a_replay_is_the_screen_that_was_recorded() {
    isolated(|| {
        let folder = Folder::new("record");
        let (all, _listener, port) = connections(3);
        (&all[0].client).write_all(&[b'x'; 5000]).unwrap();
        for (number, options) in [
            "",
            "--group process",
            "--columns state,local,peer,process,user,rtt,idle,in,out,delete-by --sort peer",
            "--all-netns",
            "-a",
        ]
        .into_iter()
        .enumerate()
        {
            let file = folder.file(&number.to_string());
            let filter = if options == "-a" { "" } else { "sport = " };
            let filter = if filter.is_empty() {
                String::new()
            } else {
                format!("{filter}:{port}")
            };
            let words = format!("top --once {options} --interval 300ms");
            let recorded = sized(&format!("{words} --record {file} {filter}"));
            assert_eq!((recorded.code, &*recorded.err), (0, ""));
            let options = options.replace("--all-netns", "--columns state,local,peer,netns,process,idle,recvq,sendq,in,out,history,retrans,user,unit");
            let replayed = sized(&format!("top --once --replay {file} {options}"));
            assert_eq!((replayed.code, &*replayed.err), (0, ""));
            let without = |screen: &str| screen.replace("all namespaces  ", "");
            if options.contains("delete-by") {
                // It is looked up for those on the screen only after the frame was read.
                assert!(replayed.out.contains("sock-diag"), "{}", replayed.out);
            }
            assert_eq!(replayed.out, without(&recorded.out), "{options}");
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
            let again = run(&format!("top --once --record {file}"));
            assert_eq!(again.code, 7);
            assert!(
                again.err.contains("no file is overwritten"),
                "{}",
                again.err
            );
        }
        assert!(all.iter().all(is_alive));
    });
}

#[test]
fn each_row_of_a_recording_is_an_object_of_list() {
    isolated(|| {
        let (_all, _listener, port) = connections(2);
        let listed = run(&format!("list --json -p -u -i -c sport = :{port}")).objects();
        let recorded = run(&format!(
            "top --record - --once --columns state,peer sport = :{port}"
        ));
        let lines = recorded.objects();
        assert_eq!(
            (lines[0]["recording"].as_u64(), lines[1]["rows"].as_u64()),
            (Some(1), Some(2))
        );
        assert_eq!(lines.len(), 4);
        // Those that change, and those that the table does not keep.
        let others = [
            "idle_ms",
            "rtt_variation_us",
            "congestion_window",
            "last_data_sent_ms",
            "last_data_received_ms",
            "last_ack_received_ms",
        ];
        for object in &listed {
            let recorded = lines.iter().find(|it| it["id"] == object["id"]).unwrap();
            for (key, value) in object.as_object().unwrap() {
                assert!(recorded.get(key).is_some(), "{key}");
                if !others.contains(&&**key) {
                    assert_eq!(recorded[key], *value, "{key}");
                }
            }
            assert_eq!(recorded["method"], "sock-diag");
        }
        // What it names is deleted by its identity, as what `list` names is.
        let id = lines[2]["id"].as_str().unwrap();
        assert_eq!(run(&format!("delete --id {id}")).code, 0);
    });
}

#[test]
fn in_a_replay_nothing_can_be_deleted_and_the_screen_says_so() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let program = env!("CARGO_BIN_EXE_tcpentry");
        let folder = Folder::new("replay");
        let file = folder.file("a b");
        let (mut all, listener, port) = connections(2);
        tmux.runs(&format!(
            "{program} top --interval 300ms --record '{file}' sport = :{port}"
        ));
        tmux.await_text("2 selected");
        all.push(tcp::connect_to(&listener));
        tmux.await_text("3 selected");
        tmux.types("q");
        until("it ends", || tmux.knows("alternate_on") == "0");

        tmux.runs(&format!("clear; {program} top --replay - < '{file}'"));
        // The newest row comes as it came then.
        let screen = tmux.await_text("3 selected");
        assert!(screen.contains(&format!("127.0.0.1:{port}")), "{screen}");
        tmux.await_text("end of the replay of standard input: nothing can be deleted");
        tmux.types("*");
        tmux.await_text("3 marked");
        tmux.types("d");
        tmux.await_text("this is a replay: nothing can be deleted");
        tmux.types("y");
        tmux.press("Escape");
        tmux.press("Enter");
        let details = tmux.await_text("as it was read");
        assert!(details.contains("not recorded"), "{details}");
        assert!(details.contains("  send queue"), "{details}");
        assert!(!details.contains("cwnd"), "{details}");
        assert!(!details.contains("tcpentry delete"), "{details}");
        tmux.press("Escape");
        tmux.types("/process x");
        tmux.await_text("mean something only where the rows were read");
        tmux.press("Escape");
        tmux.await_text("3 marked");
        tmux.types("q");
        until("it ends", || tmux.knows("alternate_on") == "0");
        assert!(all.iter().all(is_alive));
    });
}

#[test]
fn a_recording_that_is_cut_off_or_none_is_named_with_its_line() {
    isolated(|| {
        let folder = Folder::new("damaged");
        let (_all, _listener, _) = connections(2);
        let recorded = run("top --record - --once --columns state,peer").out;
        let cut = folder.file("cut");
        fs::write(&cut, &recorded[..recorded.len() - 100]).unwrap();
        let shown = run(&format!("top --once --replay {cut}"));
        assert_eq!(shown.code, 7);
        assert_eq!(
            shown.err,
            format!("tcpentry: {cut}, line 6: a row is cut off\n")
        );
        let listed = run("list --json").out;
        let mut command = program();
        command.args(["top", "--once", "--replay", "-"]);
        let foreign = with_input(&mut command, &listed);
        assert_eq!((foreign.code, &*foreign.out), (7, ""));
        assert_eq!(
            foreign.err,
            "tcpentry: standard input, line 1: this is no recording of `tcpentry top --record`\n"
        );
    });
}

#[test]
fn a_recording_goes_on_until_its_reader_is_gone_and_a_full_disk_is_told() {
    isolated(|| {
        let (_all, _listener, _) = connections(1);
        let mut child = program()
            .args("top --record - --interval 250ms".split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let frames = lines
            .map(Result::unwrap)
            .filter(|line| line.starts_with("{\"frame\""));
        assert_eq!(frames.take(3).count(), 3);
        until("it ends", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(0));

        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = program()
            .args("top --record -".split(' '))
            .stdout(full)
            .output()
            .unwrap();
        let full = Run::from(output);
        assert_eq!(full.code, 7);
        assert!(full.err.contains("standard output"), "{}", full.err);
        // The limit of a file's size is a full disk.
        let folder = Folder::new("full");
        let file = folder.file("f");
        let script = format!(
            "ulimit -f 2; exec {} top --once --record {file}",
            env!("CARGO_BIN_EXE_tcpentry")
        );
        let mut sets = Vec::new();
        sets.extend(connections(10).0);
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let limited = Run::from(output);
        assert_eq!(limited.code, 7);
        assert!(
            limited
                .err
                .contains(&format!("{file}: the recording has ended")),
            "{}",
            limited.err
        );
        assert!(limited.out.contains("STATE"), "the screen is shown");
    });
}

/// Returns a recording of so many frames, far apart, each of a connection more than the one before.
fn growing(count: u64) -> String {
    let mut lines =
        vec!["{\"recording\":1,\"interval_ms\":1000,\"shown\":\"connections\"}".to_owned()];
    for number in 1..=count {
        let at = number * 3_600_000_000;
        lines.push(format!(
            "{{\"frame\":{number},\"time\":\"2026-11-30T14:02:{number:02}Z\",\"at_us\":{at},\"rows\":{number}}}"
        ));
        lines.extend((1..=number).map(|row| {
            format!(
                "{{\"state\":\"established\",\"cookie\":\"{row:x}\",\"local_address\":\"192.0.2.1\",\"local_port\":443,\
                 \"peer_address\":\"198.51.100.1\",\"peer_port\":{row}}}"
            )
        }));
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_replay_goes_back_and_on_by_keys_and_a_pipe_says_that_it_does_not() {
    let tmux = terminal!(150, 20);
    let program = env!("CARGO_BIN_EXE_tcpentry");
    let folder = Folder::new("seek");
    let file = folder.file("a");
    fs::write(&file, growing(9)).unwrap();
    tmux.runs(&format!("{program} top --replay {file}"));
    tmux.await_text("frame 1 of 9, 14:02:01 UTC, replay of ");
    for (key, number) in [
        (".", 2),
        (".", 3),
        (",", 2),
        ("]", 3),
        ("]", 4),
        ("[", 3),
        (",", 2),
    ] {
        tmux.types(key);
        let screen = tmux.await_text(&format!("frame {number} of 9, 14:02:0{number} UTC"));
        assert!(
            screen.starts_with(&format!("tcpentry  {number} connections")),
            "{key}: {screen}"
        );
        assert!(screen.contains("paused"), "{key}: {screen}");
    }
    // Also with the details open, which are those of the same connection.
    tmux.press("Enter");
    tmux.await_text("not recorded");
    tmux.types("..");
    tmux.await_text("frame 4 of 9");
    tmux.press("Escape");
    tmux.await_text("STATE");
    tmux.types("q");
    until("it ends", || tmux.knows("alternate_on") == "0");

    tmux.runs(&format!("clear; cat {file} | {program} top --replay -"));
    tmux.await_text("frame 1, 14:02:01 UTC, replay of standard input");
    tmux.types(".");
    tmux.await_text("frame 2, 14:02:02 UTC");
    tmux.types(",");
    tmux.await_text("frame 2, 14:02:02 UTC, this is no file: it can't go back");
    tmux.types("q");
    until("it ends", || tmux.knows("alternate_on") == "0");
}

const RECIPES: &str = include_str!("../../../../docs/recipes.md");

#[test]
fn the_recipe_for_a_bug_report_works_word_by_word() {
    isolated(|| {
        for tool in ["jq", "gzip"] {
            if Command::new(tool).arg("--version").output().is_err() {
                skip!("no {tool}");
            }
        }
        let folder = Folder::new("recipe");
        let listener = tcp::listen(tcp::loopback(5432));
        let ends = tcp::connect_to(&listener);
        fill(&ends.client);
        let (_, section) = RECIPES
            .split_once("## What top saw, for a bug report")
            .unwrap();
        let section = section.split("\n## ").next().unwrap();
        let commands = section.lines().filter_map(|line| line.strip_prefix("$ "));
        let commands: Vec<_> = commands.collect();
        assert_eq!(commands.len(), 6);
        let outputs = commands.into_iter().map(|command| {
            // One frame, of this host.
            let command = command
                .replace("sudo ", "")
                .replace("timeout 5m ", "")
                .replace("--on web1 ", "");
            let program = env!("CARGO_BIN_EXE_tcpentry");
            let script = format!("tcpentry() {{ {program} \"$@\" --once; }}\n{command}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).current_dir(&folder.0);
            shell.envs([("COLUMNS", "120"), ("LINES", "20")]);
            let output = shell.stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.is_empty(),
                "{command}: {said}"
            );
            String::from_utf8(output.stdout).unwrap()
        });
        let outputs: Vec<_> = outputs.collect();
        let peer = "127.0.0.1:5432";
        for replayed in [&outputs[3], &outputs[4]] {
            assert!(
                replayed.contains("1 selected") && replayed.contains(peer),
                "{replayed}"
            );
        }
        // Its queue may have grown from one frame to the other.
        let found: Vec<_> = outputs[5].trim().lines().collect();
        assert!(
            matches!(found.len(), 1 | 2) && found.iter().all(|line| line.contains(peer)),
            "{found:?}"
        );
    });
}
