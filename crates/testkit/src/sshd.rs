//! A real SSH server, and sessions on it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use crate::netns::Namespace;
use crate::wait::until;
use crate::{proc_net, stage, user};

/// Debian's sshd on port 22 (and on [`OTHER_PORT`]) of this thread's network namespace, on a [`stage`], with throw-away keys.
///
/// Its users are `root` and [`stage::OPERATOR`]. It asks no PAM, so that no login uid is set.
#[derive(Debug)]
pub struct SshServer {
    daemon: Child,
    program: PathBuf,
}

impl SshServer {
    /// Starts the server; the error is the reason to skip the test.
    ///
    /// The program is for the sessions, of which some may not enter the folder it is in. `unpacked` is
    /// where `cargo xtask test --install` leaves the packages that it does not install.
    pub fn start(program: &Path, unpacked: &Path) -> Result<Self, String> {
        // It changes to users of its own.
        if !rustix::process::geteuid().is_root() || !user::others() {
            return Err("sshd needs root".to_owned());
        }
        let copy = fs::read(program).expect("the program has been built");
        stage::enter(unpacked).map_err(|error| format!("no mount namespace for sshd: {error}"))?;
        for needed in ["/usr/sbin/sshd", "/usr/bin/ssh"] {
            if !Path::new(needed).exists() {
                return Err(format!("{needed} is neither installed nor unpacked"));
            }
        }
        let name = program.file_name().expect("it is a file");
        let program = Path::new("/run").join(name);
        fs::write(&program, copy).expect("copy the program");
        allow(&program, 0o755);

        for key in ["host", "user"] {
            let made = Command::new("/usr/bin/ssh-keygen")
                .args([
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-f",
                    &format!("/run/{key}"),
                ])
                .status();
            assert!(made.expect("ssh-keygen runs").success());
        }
        // It jails itself there.
        fs::create_dir("/run/sshd").expect("create a folder");
        let daemon = start_daemon();
        Ok(Self { daemon, program })
    }

    /// Starts one more server with the same keys and users, in another network namespace that was created on the stage.
    #[must_use]
    pub fn another_in(&self, namespace: &Namespace) -> Self {
        Self {
            daemon: namespace.run(start_daemon),
            program: self.program.clone(),
        }
    }

    /// Returns the path at which every user of the stage can run the program.
    pub fn program(&self) -> &str {
        self.program.to_str().expect("it is text")
    }

    /// Runs a command in a session of its own; ssh ends with 255 when its connection is cut.
    pub fn run(&self, user: &str, command: &str) -> Output {
        ssh(user, &[], command)
            .stdin(Stdio::null())
            .output()
            .expect("run ssh")
    }

    /// Runs a command in a session on a terminal, which has standard error in standard output.
    pub fn run_on_terminal(&self, user: &str, command: &str) -> Output {
        ssh(user, &["-tt"], command)
            .stdin(Stdio::null())
            .output()
            .expect("run ssh")
    }

    /// Returns the client, to be started by the caller: `to` is a user and a host, as in `root@127.0.0.1`.
    pub fn client(&self, to: &str, options: &[&str], command: &str) -> Command {
        client(to, options, command)
    }

    /// Starts a session that stays.
    pub fn session(&self, user: &str) -> Session {
        let mut client = ssh(user, &[], "echo $SSH_CONNECTION; exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run ssh");
        let mut output = BufReader::new(client.stdout.take().expect("it is piped"));
        let input = client.stdin.take().expect("it is piped");
        let mut variable = String::new();
        output.read_line(&mut variable).expect("read from ssh");
        let words: Vec<&str> = variable.split_whitespace().collect();
        let [client_address, client_port, address, port] = words[..] else {
            let log = fs::read_to_string("/run/sshd.log").unwrap_or_default();
            panic!("no session: {variable:?}\n{log}");
        };
        Session {
            ends: format!("{address}:{port} {client_address}:{client_port}"),
            client,
            input,
            output,
        }
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A session of a user, which echoes.
#[derive(Debug)]
pub struct Session {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    ends: String,
}

impl Session {
    /// Returns both ends of its connection, the server's first.
    pub fn ends(&self) -> &str {
        &self.ends
    }

    /// Returns true if what is typed comes back.
    pub fn is_alive(&mut self) -> bool {
        let mut line = String::new();
        writeln!(self.input, "hello").is_ok()
            && self.output.read_line(&mut line).is_ok()
            && line == "hello\n"
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Starts sshd in this thread's network namespace.
fn start_daemon() -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open("/run/sshd.log");
    let daemon = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", "/dev/null"])
        .args(OPTIONS.iter().flat_map(|option| ["-o", option]))
        .stdin(Stdio::null())
        .stderr(log.expect("create a file"))
        .spawn()
        .expect("start sshd");
    until("sshd listens", || {
        let rows = proc_net::rows();
        rows.iter()
            .any(|row| row.local.port() == PORT && row.state == LISTEN)
    });
    daemon
}

fn ssh(user: &str, options: &[&str], command: &str) -> Command {
    client(&format!("{user}@127.0.0.1"), options, command)
}

fn client(to: &str, options: &[&str], command: &str) -> Command {
    let mut ssh = Command::new("/usr/bin/ssh");
    ssh.args(["-q", "-F", "none", "-i", "/run/user"])
        .args(["-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null"])
        .args(["-o", "BatchMode=yes"])
        .args(options)
        .arg(to)
        .arg(command);
    ssh
}

fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

const OPTIONS: [&str; 9] = [
    // A command without a path is found on the stage, too.
    "SetEnv=PATH=/run:/usr/bin:/bin:/usr/sbin:/sbin",
    "ListenAddress=0.0.0.0",
    "ListenAddress=127.0.0.1:2022",
    "HostKey=/run/host",
    "AuthorizedKeysFile=/run/user.pub",
    "StrictModes=no",
    "UsePAM=no",
    "PidFile=none",
    "PermitRootLogin=yes",
];
const PORT: u16 = 22;
/// The second port on which it listens, on 127.0.0.1.
pub const OTHER_PORT: u16 = 2022;
/// The kernel's number of the state.
const LISTEN: u8 = 10;
