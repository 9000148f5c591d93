//! `top --on HOST,HOST`: one screen of several hosts, over a real OpenSSH.

use tcpentry_testkit::link::ip;
use tcpentry_testkit::tcp::Ends;
use tcpentry_testkit::tmux::{PROMPT, Tmux};
use tcpentry_testkit::{isolated, terminal};

use crate::remote::{FakeSsh, Fleet, SSH, all_live, on_a_fleet};
use crate::util::{connections, is_alive, local};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");

/// Starts the screen of these hosts; what it deletes is held by the test, from which the servers descend.
fn start(tmux: &Tmux, hosts: &str, words: &str) {
    tmux.runs(&format!(
        "TCPENTRY_SSH='{SSH}' {PROGRAM} --on {hosts} top --own-session {words}"
    ));
}

fn living(all: &[Ends]) -> usize {
    all.iter().filter(|ends| is_alive(ends)).count()
}

#[test]
fn several_hosts_are_one_screen_and_one_row_of_one_host_is_deleted() {
    on_a_fleet(3, |fleet| {
        let tmux = terminal!(170, 30);
        let all: Vec<_> = (0..3).map(|host| fleet.connect(host, 2)).collect();
        start(&tmux, "h1,h2,h3", "dport = :7000");
        let screen = tmux.await_text("6 selected  3 hosts");
        let titles = screen.lines().find(|line| line.contains("HOST"));
        assert!(titles.unwrap().trim_start().starts_with("HOST"), "{screen}");
        for (number, ends) in (1..).zip(&all) {
            for ends in ends {
                let row = screen.lines().find(|line| line.contains(&local(ends)));
                assert!(row.unwrap().contains(&format!("h{number} ")), "{screen}");
            }
        }
        // A word that is on the rows of one host.
        tmux.types("/h2");
        tmux.press("Enter");
        tmux.await_text("2 selected");
        tmux.press("Enter");
        let details = tmux.await_text("tcpentry --on h2 delete --id");
        assert!(details.contains(" h2/1/"), "{details}");
        assert!(details.contains("ssh h2 tcpentry why --id 1/"), "{details}");
        tmux.press("Escape");
        tmux.await_text("2 selected");
        tmux.press("d");
        let preview = tmux.await_text("Delete this connection?  y / n");
        assert!(preview.contains("on h2"), "{preview}");
        assert!(all.iter().all(|ends| all_live(ends)), "not confirmed yet");
        tmux.types("y");
        tmux.await_text("1 deleted");
        let left: Vec<_> = all.iter().map(|ends| living(ends)).collect();
        assert_eq!(left, [2, 1, 2]);
        tmux.types("l");
        tmux.await_text("on h2 by sock-diag");
        tmux.press("Escape");
        tmux.press("Escape");
        tmux.await_text("5 connections  3 hosts");
        // A group is a host.
        for _ in 0..8 {
            tmux.press("Tab");
        }
        let groups = tmux.await_text("group: host");
        assert!(groups.contains("h1") && groups.contains("h3"), "{groups}");
        tmux.types("q");
        tmux.await_screen("the shell is back", |screen| {
            screen.trim_end().ends_with(PROMPT.trim_end())
        });
    });
}

#[test]
fn a_host_that_is_lost_is_said_and_comes_back_and_the_rest_goes_on() {
    on_a_fleet(2, |fleet| {
        let tmux = terminal!(170, 30);
        let all = [fleet.connect(0, 1), fleet.connect(1, 1)];
        start(&tmux, "h1,nobody,h2", "dport = :7000");
        let screen = tmux.await_text("2 selected  2 of 3 hosts");
        assert!(screen.contains("nobody not reached for"), "{screen}");
        assert!(screen.contains("Connection refused"), "{screen}");
        // Its server ends, and its session does.
        fleet.hosts[1].server = None;
        let ended = fleet.hosts[1].there.run(|| {
            let words = "delete --own-session --yes sport = :22";
            Fleet::guarded(words).output().unwrap()
        });
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let screen = tmux.await_text("1 selected  1 of 3 hosts");
        assert!(
            screen.contains("2 hosts: nobody not reached for"),
            "{screen}"
        );
        assert!(screen.contains("h2 lost for"), "{screen}");
        assert!(screen.contains(&local(&all[0][0])), "{screen}");
        assert!(
            !screen
                .lines()
                .any(|line| line.contains("h2 ") && line.contains(":7000"))
        );
        // It has not left: nobody knows.
        assert!(
            !screen.lines().any(|line| line.starts_with('-')),
            "{screen}"
        );
        fleet.restart(1);
        tmux.await_text("2 selected  2 of 3 hosts");
        // Nothing comes from there any more, and nothing says so.
        ip(&["link set h2 down"]);
        let silent = || tmux.screen().contains("h2 silent for");
        tcpentry_testkit::until("it is silent", silent);
        tmux.await_text("1 selected  1 of 3 hosts");
        tmux.types("q");
        let shell = tmux.await_text("nobody: the connection of ssh has failed");
        assert!(shell.contains(PROMPT.trim_end()), "{shell}");
        assert!(all.iter().all(|ends| all_live(ends)));
    });
}

/// Returns an ssh that runs the words here, after this script.
fn here(script: &str) -> FakeSsh {
    let folder = std::path::Path::new(PROGRAM).parent().unwrap();
    let folder = folder.display();
    FakeSsh::new(&format!("PATH={folder}:$PATH\n{script}\neval \"$command\""))
}

#[test]
fn once_prints_the_hosts_that_answer_and_says_what_is_wrong_with_the_others() {
    isolated(|| {
        let (all, _listener, port) = connections(2);
        let ssh = here(
            r#"
            case $host in
                old) echo 'tcpentry: top: there is no option --record' >&2; exit 2 ;;
                noise) echo Welcome ;;
                gone) echo 'ssh: connect to host gone port 22: No route to host' >&2; exit 255 ;;
                absent) exit 127 ;;
                endless) exec cat /dev/zero ;;
                large) echo '{"recording":1}'; echo '{"frame":1,"at_us":0,"rows":2000000}'; exec sleep 100 ;;
                hostile) echo '{"recording":1}'
                    echo '{"frame":1,"at_us":0,"rows":1,"notes":["\u001b[2Jnote"]}'
                    echo '{"state":"established","local_address":"192.0.2.1","local_port":1,"peer_address":"192.0.2.2",'\
                         '"peer_port":7000,"cookie":"7","inode":1,"user":"\u001b]0;x\u0007"}' | tr -d '\n'
                    echo
                    exit 0 ;;
            esac
            "#,
        );
        let hosts = "good,old,noise,gone,absent,endless,large,hostile,twin";
        let words = format!("--on {hosts} top --once sport = :{port} or dport = :7000");
        let mut command = ssh.command(&words);
        command.env("COLUMNS", "180");
        let shown: crate::util::Run = command.output().unwrap().into();
        assert_eq!(shown.code, 7, "{} {}", shown.out, shown.err);
        assert!(
            shown.out.contains("5 selected  3 of 9 hosts"),
            "{}",
            shown.out
        );
        for host in ["good", "twin"] {
            let is_of_host = |line: &&str| line.contains(&format!(" {host} "));
            let rows = shown.out.lines().filter(is_of_host);
            assert_eq!(rows.count(), 2, "{}", shown.out);
        }
        // Rates need two frames of each.
        assert!(
            !shown
                .out
                .lines()
                .any(|line| line.contains("good ") && line.contains(" -     - "))
        );
        let both = format!("{}{}", shown.out, shown.err);
        assert!(
            !both.contains(|c: char| c.is_control() && c != '\n'),
            "{both:?}"
        );
        for part in [
            "old: its tcpentry has no `top --record`, which several hosts need: install this version there",
            "noise, line 1: this is no recording of `tcpentry top --record`; a startup file of its shell",
            "gone: ssh: connect to host gone port 22: No route to host",
            "gone: the connection of ssh has failed or ended; `sh gone true` shows why",
            "absent: tcpentry is not there",
            "endless, line 1: longer than 1048576 bytes",
            "large, line 2: a frame has at most 1000000 rows",
        ] {
            assert!(shown.err.contains(part), "{part}: {}", shown.err);
        }
        let none = ssh.run("--on old,gone top --once");
        assert_eq!((none.code, &*none.out), (7, ""), "{}", none.err);
        assert_eq!(ssh.run("--on old,old2 top --once state nonsense").code, 2);
        assert!(all_live(&all));
    });
}

#[test]
fn what_ssh_asks_is_asked_before_the_screen_and_never_on_it() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (_all, _listener, port) = connections(1);
        let count = tmux.folder().join("count");
        let ssh = here(&format!(
            r#"
            if [ "$host" = asks ] && [ "$batch" = "" ]; then
                printf 'Password: ' >/dev/tty
                read answer </dev/tty
                [ "$answer" = secret ] || exit 255
                echo x >>{count}
                command="timeout 2 $command"
            elif [ "$host" = asks ]; then
                echo 'Permission denied (password).' >&2
                exit 255
            fi
            "#,
            count = count.display()
        ));
        let path = ssh.path.display();
        tmux.runs(&format!(
            "TCPENTRY_SSH='sh {path}' {PROGRAM} --on asks,free top sport = :{port}"
        ));
        tmux.await_text("Password:");
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(
            tmux.knows("alternate_on"),
            "0",
            "the other host has answered long ago"
        );
        tmux.runs("secret");
        tmux.await_text("2 selected  2 hosts");
        let screen = tmux.await_text("1 selected  1 of 2 hosts");
        assert!(screen.contains("asks lost for"), "{screen}");
        tmux.await_text("Permission denied (password).");
        assert_eq!(
            std::fs::read_to_string(count).unwrap(),
            "x\n",
            "it was not asked again"
        );
        tmux.types("q");
        tmux.await_text("asks: the connection of ssh has failed");
    });
}

#[test]
fn a_deletion_that_a_host_does_not_report_is_not_called_one() {
    isolated(|| {
        let tmux = terminal!(150, 20);
        let (all, _listener, port) = connections(1);
        let ssh = here(
            r#"
            case "$host $command" in
                *--dry-run*) ;;
                drops*delete*) echo 'Connection closed by remote host' >&2; exit 255 ;;
                noise*delete*) echo Welcome; exit 0 ;;
            esac
            "#,
        );
        let path = ssh.path.display();
        tmux.runs(&format!(
            "TCPENTRY_SSH='sh {path}' {PROGRAM} --on drops,noise top --own-session sport = :{port}"
        ));
        tmux.await_text("2 selected  2 hosts");
        tmux.types("*");
        tmux.await_text("2 marked");
        tmux.types("d");
        tmux.await_text("on       drops, noise");
        tmux.types("y");
        let screen = tmux.await_text("0 deleted, 0 already gone, 2 not deleted, of 2");
        for part in [
            "on drops because it was not reported, so that it may have been deleted",
            "on noise because it was not reported, so that it may have been deleted",
            "Connection closed by",
        ] {
            assert!(screen.contains(part), "{screen}");
        }
        assert!(all_live(&all));
    });
}
