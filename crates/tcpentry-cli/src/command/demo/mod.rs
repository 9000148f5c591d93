//! `tcpentry demo`: one deletion from beginning to end, with real processes on loopback.
//!
//! A server and three clients, each a process of its own; the table; one connection deleted through
//! the code of `SetTcpEntry`; what both its ends saw; and that nobody else noticed. It touches no
//! connection but those it made, and ends in failure when anything is not as it says.

mod peer;
mod stage;

use std::io::{self, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use tcpentry::set_entry::TcpRow;
use tcpentry::{Connection, Deleted, Pair, Query, States, TcpTable};

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::message::{exit_after, print_error, print_failure, print_hint};
use crate::output::colored;
pub(crate) use peer::PEER;
use stage::{Actor, Stage};

pub(crate) fn run(args: &DemoArgs) -> Exit {
    let style = if colored(args.color.color) {
        AnsiColor::Cyan.on_default().bold()
    } else {
        Style::new()
    };
    let mut demo = Demo {
        style,
        out: io::stdout(),
        written: Ok(()),
    };
    match demo.play() {
        Ok(()) => exit_after(demo.written, Exit::Done),
        Err(DemoError::Delete(error)) => {
            print_failure(&error);
            Exit::of_deletion(&error)
        }
        Err(DemoError::Stage(problem)) => {
            print_error(&format!("the demo failed: {problem}"));
            print_hint("it needs the loopback device: `ip link set lo up`, as root");
            Exit::Failed
        }
    }
}

/// Runs a peer of the demo in its own process: a client of this server, or the server itself.
pub(crate) fn peer(server: Option<&str>) -> Exit {
    let played = match server.map(str::parse) {
        None => peer::serve(),
        Some(Ok(server)) => peer::call(server),
        Some(Err(_)) => return Exit::Usage,
    };
    match played {
        Ok(()) => Exit::Done,
        Err(error) => {
            print_error(&format!("peer of the demo: {error}"));
            Exit::Failed
        }
    }
}

/// The reason for which a demo ends early.
enum DemoError {
    Delete(tcpentry::Error),
    Stage(String),
}

impl From<tcpentry::Error> for DemoError {
    fn from(error: tcpentry::Error) -> Self {
        Self::Delete(error)
    }
}

impl From<String> for DemoError {
    fn from(problem: String) -> Self {
        Self::Stage(problem)
    }
}

struct Demo {
    style: Style,
    out: io::Stdout,
    /// The first error of standard output.
    written: io::Result<()>,
}

impl Demo {
    fn play(&mut self) -> Result<(), DemoError> {
        let mut stage = Stage::start()?;
        self.print_title("A server and three clients on loopback, each a process of its own");
        self.print_line(&format!(
            "server    pid {:<8} listens on {}",
            stage.server.pid(),
            stage.address
        ));
        for (number, client) in stage.clients.iter().enumerate() {
            let local = client.local;
            self.print_line(&format!(
                "client {}  pid {:<8} is {local}",
                number + 1,
                client.actor.pid()
            ));
        }

        let mut table = TcpTable::open()?;
        self.print_title("The server's rows of the TCP table");
        self.show(&rows(&mut table, stage.address)?);

        let victim = stage.clients[VICTIM].local;
        self.print_title(
            "Deleting the connection of client 2: SetTcpEntry with MIB_TCP_STATE_DELETE_TCB",
        );
        let row = TcpRow::deleting(v4(stage.address)?, v4(victim)?);
        let start = Instant::now();
        let deleted = table.set_entry(&row)?;
        self.print_line(&describe(&deleted, start.elapsed().as_micros()));

        self.print_title("What its two ends saw, blocked in read");
        let error = stage.server.expect_line(&format!("{victim} "))?;
        self.print_line(&format!("server    {error}"));
        let error = stage.clients[VICTIM].actor.expect_line("")?;
        self.print_line(&format!("client 2  {error}"));

        self.print_title("What everybody else saw: nothing");
        for number in [0, 2] {
            let actor = &mut stage.clients[number].actor;
            actor.send("ping")?;
            actor.expect_line("echo ping")?;
            self.print_line(&format!("client {}  sent ping, got it back", number + 1));
        }
        let new_client = Actor::client(stage.address)?;
        self.print_line(&format!(
            "listener  accepted a new connection, {}",
            new_client.local
        ));

        self.print_title("The server's rows now");
        let left = rows(&mut table, stage.address)?;
        self.show(&left);
        if left.iter().any(|row| row.peer() == victim.into()) {
            return Err(format!("{victim} is still there").into());
        }
        self.print_title("Exactly one connection was deleted, the one that was named.");
        Ok(())
    }

    fn print_title(&mut self, text: &str) {
        let style = self.style;
        self.write(&format!("{style}{text}{style:#}\n"));
    }

    fn print_line(&mut self, text: &str) {
        self.write(&format!("  {text}\n"));
    }

    fn show(&mut self, rows: &[Connection]) {
        for row in rows {
            let state = row.state.to_string();
            self.print_line(&format!(
                "{state:<12} {:<22} {}",
                row.local().to_string(),
                row.peer()
            ));
        }
    }

    fn write(&mut self, text: &str) {
        // A reader that goes away does not stop the demo, which has processes to end.
        if self.written.is_ok() {
            let written = self.out.write_all(text.as_bytes());
            self.written = written.and_then(|()| self.out.flush());
        }
    }
}

/// Returns the rows of the server's port, the listener first.
fn rows(table: &mut TcpTable, server: SocketAddr) -> Result<Vec<Connection>, tcpentry::Error> {
    let states = States::CONNECTIONS.union(States::LISTENING);
    let mut rows = Vec::new();
    for row in table.connections(&Query::in_states(states))? {
        let row = row?;
        if row.local() == server.into() {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| (row.peer().port(), row.cookie));
    Ok(rows)
}

fn describe(deleted: &Deleted, micros: u128) -> String {
    let pair: Pair = deleted.connection.pair;
    format!(
        "NO_ERROR: {pair} deleted by {} in {micros} us",
        deleted.method
    )
}

fn v4(address: SocketAddr) -> Result<SocketAddrV4, String> {
    match address {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(address) => Err(format!("{address} is not IPv4")),
    }
}

/// The client whose connection is deleted.
const VICTIM: usize = 1;
