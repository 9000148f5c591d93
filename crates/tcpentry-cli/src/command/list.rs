//! `tcpentry list`: the TCP table.

use std::io::{self, Write};

use tcpentry::{Connection, Devices, Error, Place, Query, State, States, TcpTable};
use uzers::UsersCache;

use crate::args::ListArgs;
use crate::exit::Exit;
use crate::output::{
    Align, Cell, Column, Columns, Counters, Shape, Socket, complain, complain_of, duration, line,
    local, stdout, user,
};

pub(crate) fn run(args: &ListArgs) -> Exit {
    match list(args) {
        Ok(()) => Exit::Done,
        Err(Trouble::Table(error)) => {
            complain_of(&error);
            Exit::of_listing(&error)
        }
        // Whoever reads has seen enough: `tcpentry list | head`.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Trouble::Output(error)) => {
            complain(&format!("cannot write the table: {error}"));
            Exit::Failed
        }
    }
}

/// What can end a listing.
enum Trouble {
    Table(Error),
    Output(io::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn list(args: &ListArgs) -> Result<(), Trouble> {
    let mut table = TcpTable::open()?;
    let place = table.place()?;
    let mut view = View {
        args,
        shape: Shape::of(&args.output),
        place,
        devices: table.devices(),
        users: UsersCache::new(),
    };
    let rows = table.connections(&query(args))?.filter(|row| {
        row.as_ref()
            .map_or(true, |connection| is_asked_for(connection, args))
    });
    let mut out = stdout();
    if view.shape == Shape::Json {
        for connection in rows {
            let socket = view.object(&connection?);
            line(&mut out, &socket)?;
        }
        return Ok(out.flush()?);
    }
    let header = !args.output.no_header;
    let mut columns = Columns::new(out, view.shape, view.columns(), header);
    for connection in rows {
        columns.row(view.cells(&connection?))?;
    }
    Ok(columns.flush()?)
}

fn query(args: &ListArgs) -> Query {
    let states = match (args.all, args.listening) {
        (true, _) => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
        (false, true) => States::LISTENING,
        (false, false) => States::CONNECTIONS,
    };
    if args.info {
        Query::of(states).with_info()
    } else {
        Query::of(states)
    }
}

fn is_asked_for(connection: &Connection, args: &ListArgs) -> bool {
    match (args.ipv4, args.ipv6) {
        (true, false) => connection.pair.is_ipv4(),
        (false, true) => !connection.pair.is_ipv4(),
        (true, true) | (false, false) => true,
    }
}

/// What is shown of a connection, and what is needed to show it.
struct View<'a> {
    args: &'a ListArgs,
    shape: Shape,
    place: Place,
    devices: Devices,
    users: UsersCache,
}

impl View<'_> {
    fn columns(&self) -> Vec<Column> {
        let left = |name| Column {
            name,
            align: Align::Left,
        };
        let right = |name| Column {
            name,
            align: Align::Right,
        };
        let mut columns = vec![
            left("STATE"),
            right("RECV-Q"),
            right("SEND-Q"),
            left("LOCAL"),
            left("PEER"),
        ];
        if self.args.user {
            columns.push(left("USER"));
        }
        if self.args.info {
            let names = if self.shape.is_human() {
                ["IDLE", "RTT", "RETRANS", "TOTAL"]
            } else {
                ["IDLE_MS", "RTT_US", "RETRANS", "TOTAL"]
            };
            columns.extend(names.map(right));
        }
        if self.args.id {
            columns.push(left("ID"));
        }
        columns
    }

    fn cells(&mut self, connection: &Connection) -> Vec<Cell> {
        let mut cells = vec![
            connection.state.into(),
            connection.receive_queue.into(),
            connection.send_queue.into(),
            local(&connection.pair, &mut self.devices).into(),
            connection.peer().into(),
        ];
        if self.args.user {
            cells.push(user(connection, &self.users).unwrap_or_else(nothing).into());
        }
        if self.args.info {
            cells.extend(
                self.counters(connection)
                    .map(|text| text.unwrap_or_else(nothing).into()),
            );
        }
        if self.args.id {
            cells.push(self.place.identity(connection).into());
        }
        cells
    }

    fn counters(&self, connection: &Connection) -> [Option<String>; 4] {
        let human = self.shape.is_human();
        let info = connection
            .info
            .as_deref()
            .filter(|_| connection.state != State::Listening);
        let time = |time, raw: u128| {
            if human {
                duration(time)
            } else {
                raw.to_string()
            }
        };
        [
            connection.idle().map(|idle| time(idle, idle.as_millis())),
            info.map(|info| time(info.rtt, info.rtt.as_micros())),
            info.map(|info| info.retransmits.to_string()),
            info.map(|info| info.total_retransmits.to_string()),
        ]
    }

    fn object(&mut self, connection: &Connection) -> Socket {
        let mut object = Socket::new(connection, self.place, &mut self.devices);
        if self.args.user {
            object.user = user(connection, &self.users);
        }
        if self.args.info {
            object.counters = Counters::of(connection);
        }
        object
    }
}

/// What a cell shows when there is nothing to show.
fn nothing() -> String {
    "-".to_owned()
}
