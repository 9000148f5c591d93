//! The operator's session is looked for again: by `top` when it deletes, and in each round of `--for` and
//! `--until-quiet`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tcpentry_testkit::{isolated, tcp};

use crate::util::{Run, ends, is_alive};

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
            let output = shell.wait_with_output().unwrap();
            let run = Run {
                code: 0,
                out: String::from_utf8(output.stdout).unwrap(),
                err: String::from_utf8(output.stderr).unwrap(),
            };
            let said = format!("{way}: {words}\n{}{}", run.out, run.err);
            assert!(alive, "{said}");
            assert_eq!(outcomes(&run, "deleted"), 1, "{said}");
            assert_eq!(outcomes(&run, "guarded"), 1, "{said}");
        });
    }
}

fn outcomes(run: &Run, outcome: &str) -> usize {
    let begins = |line: &&str| line.starts_with(&format!("{outcome}\t"));
    run.out.lines().filter(begins).count()
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

#[cfg(feature = "tui")]
mod top {
    use std::fs;
    use std::net::TcpStream;

    use tcpentry_testkit::tmux::Tmux;
    use tcpentry_testkit::{isolated, skip, tcp, until};

    use super::PROGRAM;

    /// Starts a program while another process has the connection, and takes that to itself once there is a file `take`.
    const TAKER: &str = r#"
import ctypes, os, socket, subprocess, sys, time
port, program = int(sys.argv[1]), sys.argv[2:]
session = socket.create_connection(("127.0.0.1", port))
keeper = os.fork()
if keeper == 0:
    time.sleep(1000)
    os._exit(0)
number = session.fileno()
session.close()
running = subprocess.Popen(program)
while running.poll() is None:
    if os.path.exists("take"):
        taken = ctypes.CDLL(None).syscall(438, os.pidfd_open(keeper), number, 0)
        os.rename("take", "taken" if taken >= 0 else "failed")
    time.sleep(0.02)
os.kill(keeper, 9)
"#;

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
                "cd {}; python3 taker {port} {PROGRAM} top dport = :{port}",
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
