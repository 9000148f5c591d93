//! `tcpentry guard check`: the rules, what each would delete now, and the place of each error. Nothing is deleted.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::{isolated, tcp};

use crate::util::{Run, connections, is_alive, local, run};

/// A folder of rules, which goes with the test.
struct RuleFolder(PathBuf);

impl RuleFolder {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tcpentry-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("a.toml"), text).unwrap();
        Self(path)
    }

    fn check(&self) -> Run {
        run(&format!("guard check --config {}", self.0.display()))
    }
}

impl Drop for RuleFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the comments below a rule.
fn comments<'o>(out: &'o str, rule: &str) -> Vec<&'o str> {
    let (_, behind) = out.split_once(&format!("[rule.{rule}]\n")).unwrap();
    let lines = behind.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.strip_prefix("# ")).collect()
}

#[test]
fn a_file_of_metrics_that_is_a_device_is_said_not_to_be_written() {
    isolated(|| {
        let rule = "[rule.ban]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";
        let checked = |path: &str| {
            let text = format!("[guard]\nmetrics = \"{path}\"\n{rule}");
            RuleFolder::new("metrics", &text).check()
        };
        let refused = checked("/dev/null").out;
        let said = "[guard]\nmetrics = \"/dev/null\"\n\
                    # metrics are not written: /dev/null is there, and is no regular file: it is not replaced\n\n";
        assert!(refused.starts_with(said), "{refused}");
        let absent = checked("/no/such/file.prom").out;
        assert!(
            absent.starts_with("[guard]\nmetrics = \"/no/such/file.prom\"\n\n"),
            "{absent}"
        );
    });
}

#[test]
fn each_rule_says_what_it_would_delete_now() {
    isolated(|| {
        let (all, _listener, port) = connections(3);
        let one = local(&all[0]).rsplit_once(':').unwrap().1.to_owned();
        let text = format!(
            r#"
[rule.all]
every = "1s"
delete = "dport = :{port}"
[rule.but-one]
every = "1s"
delete = "dport = :{port}"
except = "sport = :{one}"
matched-for = "60s"
dry-run = true
[rule.fuse]
every = "1s"
delete = "port {port}"
max = 5
[rule.rests]
every = "1s"
delete = "sport = :{one}"
enabled = false
[rule.listener]
every = "1s"
delete = "state listening sport = :{port}"
[rule.with-listener]
every = "1s"
delete = "sport = :{port}"
listeners = true
[rule.ban]
when = "ban"
delete = "dst $elements"
[rule.elsewhere]
every = "1s"
delete = "dport = :{port}"
netns = ["no-such-namespace"]
"#
        );
        let rules = RuleFolder::new("check", &text);
        let checked = rules.check();
        assert_eq!((checked.code, &*checked.err), (0, ""), "{}", checked.out);
        for (rule, line) in [
            ("all", "would delete 3 connections now"),
            (
                "but-one",
                "would delete 2 connections now, if they match for 1m; spares 1 by `except`; dry-run: it only says so",
            ),
            (
                "fuse",
                "would do nothing now: 6 connections match, and `max` is 5",
            ),
            ("rests", "is not enabled: set `enabled = true`, and reload"),
            (
                "listener",
                "would delete 0 connections now; spares 1 in LISTEN",
            ),
            ("with-listener", "would delete 4 connections now"),
            ("ban", "waits for what `tcpentry ban` hands over"),
        ] {
            assert_eq!(comments(&checked.out, rule)[0], line, "{}", checked.out);
        }
        let elsewhere = comments(&checked.out, "elsewhere");
        assert!(
            elsewhere[0].starts_with("what it would delete now can't be told: "),
            "{elsewhere:?}"
        );
        assert!(
            elsewhere
                .contains(&"needs CAP_NET_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYS_ADMIN"),
            "{elsewhere:?}"
        );
        assert!(comments(&checked.out, "ban").contains(&"needs CAP_NET_ADMIN"));
        assert!(all.iter().all(is_alive), "nothing is deleted");

        // All of it is a configuration, and says the same again.
        let again = RuleFolder::new("check-again", &checked.out).check();
        assert_eq!((again.code, again.out), (0, checked.out));
    });
}

#[test]
fn a_lost_address_is_seen_at_once() {
    isolated(|| {
        let change = |word: &str| {
            let words = ["addr", word, "192.0.2.1/32", "dev", "lo"];
            assert!(Command::new("ip").args(words).status().unwrap().success());
        };
        change("add");
        let listener = tcp::listen("192.0.2.1:0".parse().unwrap());
        let at: SocketAddr = ("127.0.0.1".parse::<IpAddr>().unwrap(), 0).into();
        let socket = tcp::socket(at);
        socket.bind(&at.into()).unwrap();
        socket
            .connect(&listener.local_addr().unwrap().into())
            .unwrap();
        let ends = Ends::new(socket.into(), listener.accept().unwrap().0);
        let rules = RuleFolder::new(
            "check-lost",
            "[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n",
        );
        let before = rules.check();
        assert_eq!(
            comments(&before.out, "left")[0],
            "waits for an address to leave this host"
        );
        change("del");
        let after = rules.check();
        // The server's end: the client's address is that of loopback.
        assert_eq!(
            comments(&after.out, "left")[0],
            "would delete 1 connection now",
            "{}",
            after.out
        );
        change("add");
        assert!(is_alive(&ends));
    });
}

#[test]
fn errors_are_all_told_with_their_places() {
    let rules = RuleFolder::new(
        "check-errors",
        "[rule.a]\nevery = \"1s\"\ndelete = \"state close_wait\"\n[rule.b]\nwhen = \"baan\"\n",
    );
    let folder = rules.0.display().to_string();
    let checked = rules.check();
    assert_eq!((checked.code, &*checked.out), (2, ""));
    assert_eq!(
        checked.err.replace(&folder, "D"),
        "tcpentry: D/a.toml:3:17: `close_wait` is not a state\n\
         hint: did you mean `close-wait`?\n\
         tcpentry: D/a.toml:4:7: the rule `b` has no `delete`\n\
         hint: it is the filter of what ends: `delete = \"state close-wait process java\"`\n\
         tcpentry: D/a.toml:5:9: `baan` is not an event\n\
         hint: did you mean `ban`?\n"
    );
}

#[test]
fn the_examples_are_in_order() {
    isolated(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guard.d");
        let checked = run(&format!("guard check --config {}", folder.display()));
        assert_eq!((checked.code, &*checked.err), (0, ""), "{}", checked.out);
        let unit =
            "AmbientCapabilities=CAP_NET_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYS_ADMIN";
        assert!(checked.out.contains(unit), "{}", checked.out);
    });
}
