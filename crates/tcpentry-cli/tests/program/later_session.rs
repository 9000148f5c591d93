//! The operator's session is looked for again: by `top` when it deletes, and in each round of `--for` and
//! `--until-quiet`, and once a second of a deletion at a pace.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tcpentry_testkit::{isolated, tcp, until};

use crate::util::{ELSEWHERE, Run, ends, is_alive};

/// The ways in which rounds are made: while the table is dumped, or, with a limit, after it.
const WAYS: [&str; 4] = [
    "--for 20s",
    "--for 20s --max 100",
    "--until-quiet 8s",
    "--until-quiet 8s --max 100",
];

#[test]
fn a_connection_that_comes_to_carry_the_session_is_spared_in_the_next_round() {
    for way in WAYS {
        isolated(move || {
            let listener = tcp::listen(tcp::loopback(0));
            let port = listener.local_addr().unwrap().port();
            let first = tcp::connect_to(&listener);
            // A shell above the program that gets a connection of its own once it is told to.
            let script = format!(
                "{PROGRAM} delete --yes {way} state established dport = :{port} & \
                 read line; exec 3<>/dev/tcp/127.0.0.1/{port}; read line; kill -TERM $!; wait $!"
            );
            let mut shell = Command::new("bash")
                .args(["-c", &script])
                .env_remove("SSH_CONNECTION")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut keyboard = shell.stdin.take().unwrap();
            // In that round the session has been looked for, and leads nowhere.
            wait_for("the first is deleted", || !is_alive(&first));
            keyboard.write_all(b"\n").unwrap();
            let (carrier, _) = listener.accept().unwrap();
            let words = ends(&carrier);
            std::thread::sleep(Duration::from_secs(2));
            let alive = tcp::pending_error(&carrier).is_none() && tcp::events(&carrier) == 0;
            keyboard.write_all(b"\n").unwrap();
            let run = Run::from(shell.wait_with_output().unwrap());
            let said = format!("{way}: {words}\n{}{}", run.out, run.err);
            assert!(alive, "{said}");
            assert_eq!(count(&run.out, "deleted"), 1, "{said}");
            assert_eq!(count(&run.out, "guarded"), 1, "{said}");
        });
    }
}

fn count(out: &str, outcome: &str) -> usize {
    let begins = |line: &&str| line.starts_with(&format!("{outcome}\t"));
    out.lines().filter(begins).count()
}

/// Waits for what a round does: it comes the later the longer the last one took.
fn wait_for(what: &str, is_over: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_over() {
        assert!(start.elapsed() < Duration::from_secs(25), "not yet: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpentry");

/// Starts a program while another process has connections, and takes these to itself once there is a file `take`.
const TAKER: &str = r#"
import ctypes, os, socket, subprocess, sys, time
port, count, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
sessions = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
keeper = os.fork()
if keeper == 0:
    time.sleep(1000)
    os._exit(0)
numbers = [session.fileno() for session in sessions]
del sessions
running = subprocess.Popen(program)
while running.poll() is None:
    if os.path.exists("take"):
        pidfd = os.pidfd_open(keeper)
        taken = [ctypes.CDLL(None).syscall(438, pidfd, number, 0) for number in numbers]
        os.rename("take", "taken" if min(taken) >= 0 else "failed")
    time.sleep(0.02)
os.kill(keeper, 9)
"#;

#[test]
fn at_a_pace_the_session_is_looked_for_again() {
    isolated(|| {
        let name = format!("tcpentry-later-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let listener = tcp::listen(tcp::loopback(0));
        let port = listener.local_addr().unwrap().port().to_string();
        let filter = format!("dport = :{port}");
        // The test, which has the other ends, is no ancestor of the program.
        let started = Command::new("setsid")
            .args(["--fork", "python3", "-c", TAKER, &port, "3", PROGRAM])
            .args(["delete", "--yes", "--rate", "30/m", &filter])
            .current_dir(&folder)
            .env("SSH_CONNECTION", ELSEWHERE)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("out")).unwrap())
            .stderr(fs::File::create(folder.join("err")).unwrap())
            .status();
        assert!(started.unwrap().success());
        let servers: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        let lives = |server: &&TcpStream| {
            tcp::pending_error(*server).is_none() && tcp::events(*server) == 0
        };
        wait_for("the first is deleted", || {
            servers.iter().filter(lives).count() == 2
        });
        fs::write(folder.join("take"), "").unwrap();
        until("they are taken", || folder.join("taken").exists());
        let err = || fs::read_to_string(folder.join("err")).unwrap();
        wait_for("the program ends", || {
            err().contains("1 deleted, 2 guarded")
        });
        let out = fs::read_to_string(folder.join("out")).unwrap();
        let said = format!("{out}{}", err());
        assert_eq!(servers.iter().filter(lives).count(), 2, "{said}");
        assert_eq!(count(&out, "deleted"), 1, "{said}");
        assert_eq!(count(&out, "guarded"), 2, "{said}");
        fs::remove_dir_all(&folder).unwrap();
    });
}

#[cfg(feature = "tui")]
mod top {
    use std::fs;
    use std::net::TcpStream;

    use tcpentry_testkit::tmux::Tmux;
    use tcpentry_testkit::{isolated, skip, tcp, until};

    use super::{PROGRAM, TAKER};

    struct Desk {
        tmux: Tmux,
        session: TcpStream,
    }

    impl Desk {
        fn new(tmux: Tmux) -> Self {
            let listener = tcp::listen(tcp::loopback(0));
            let port = listener.local_addr().unwrap().port();
            fs::write(tmux.folder().join("taker"), TAKER).unwrap();
            tmux.runs(&format!(
                "cd {}; python3 taker {port} 1 {PROGRAM} top dport = :{port}",
                tmux.folder().display()
            ));
            let (session, _) = listener.accept().unwrap();
            tmux.await_text("1 selected");
            Self { tmux, session }
        }

        /// Gives the connection to a process above `top`.
        fn take(&self) {
            fs::write(self.tmux.folder().join("take"), "").unwrap();
            until("it is taken", || self.tmux.folder().join("taken").exists());
        }

        fn is_session_there(&self) -> bool {
            tcp::pending_error(&self.session).is_none() && tcp::events(&self.session) == 0
        }
    }

    /// A screen, or a skip of the test.
    macro_rules! desk {
        () => {
            match Tmux::start(120, 20) {
                Ok(tmux) => Desk::new(tmux),
                Err(reason) => skip!("{reason}"),
            }
        };
    }

    #[test]
    fn what_has_come_to_carry_the_session_since_the_preview_is_not_deleted() {
        isolated(|| {
            let desk = desk!();
            desk.tmux.types("d");
            desk.tmux.await_text("Delete this connection?");
            desk.take();
            desk.tmux.types("y");
            desk.tmux
                .await_text("0 deleted, 0 already gone, 1 not deleted, of 1");
            assert!(desk.is_session_there());
            desk.tmux.await_text("it carries your own session");
        });
    }

    #[test]
    fn each_preview_looks_for_the_session_again() {
        isolated(|| {
            let desk = desk!();
            desk.tmux.types("d");
            desk.tmux.await_text("Delete this connection?");
            desk.tmux.types("n");
            desk.tmux.await_text("nothing was deleted");
            desk.take();
            desk.tmux.types("d");
            desk.tmux.await_text("Nothing here can be deleted:");
            desk.tmux.await_text("it carries your own session");
            desk.tmux.types("y");
            assert!(desk.is_session_there());
        });
    }
}
