//! Judged once, acted upon later: what changed hands, or began to work, between its listing and its deletion.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;

use tcpentry::delete::Ending;
use tcpentry::{
    Action, Connection, Error, ErrorKind, Filter, Options, Outcome, Query, Selection, States,
    SystemNames, TcpTable,
};
use tcpentry_testkit::holder::Holder;
use tcpentry_testkit::in_flight::InFlight;
use tcpentry_testkit::{isolated, named::Named, skip, tcp, user};

use crate::util::{lives, pair_of, table};

fn selection(table: &mut TcpTable, filter: &str) -> Arc<Selection> {
    let filter = Filter::parse(filter, &SystemNames::new(table)).unwrap();
    Arc::new(Selection::new(filter, States::CONNECTIONS, table).unwrap())
}

fn row_of(table: &mut TcpTable, stream: &TcpStream) -> Connection {
    table.find(&pair_of(stream).into()).unwrap()
}

/// Deletes these as a batch does, and returns the outcome of each.
fn delete_all(table: &mut TcpTable, rows: Vec<Connection>, options: &Options) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    table.delete_all(rows, options, |_, result| {
        outcomes.push(result.map_or_else(|error| error.outcome(), |_| Outcome::Deleted));
        ControlFlow::Continue(())
    });
    outcomes
}

#[test]
fn what_went_to_an_excluded_process_after_its_listing_is_spared() {
    isolated(|| {
        for filter in ["not process worker", "not process work*"] {
            let mut table = table();
            let options = Options::default().while_selected(selection(&mut table, filter));
            let (kept, moved) = (tcp::connected(), tcp::connected());
            let rows = [&kept.server, &moved.server].map(|it| row_of(&mut table, it));
            let moved_row = rows[1].clone();
            // The first deletion of a batch knows who holds it; the second one's holder changes before its turn.
            assert_eq!(
                delete_all(&mut table, vec![rows[0].clone()], &options),
                [Outcome::Deleted]
            );
            let _worker = Named::holding(&moved.server, b"worker");
            let client = moved.client;
            drop(moved.server);
            let error = table.delete(&moved_row, &options).unwrap_err();
            assert_eq!(
                (error.kind(), error.outcome()),
                (ErrorKind::Spared, Outcome::Spared)
            );
            assert_eq!(error.cause(), "it no longer matches");
            assert_eq!(
                delete_all(&mut table, vec![moved_row], &options),
                [Outcome::Spared]
            );
            assert_eq!(
                table.find(&pair_of(&client).into()).unwrap().peer(),
                pair_of(&client).peer()
            );
        }
    });
}

/// The row waits in the queue of the dump when it goes to another process.
#[test]
fn what_changes_hands_in_the_queue_of_a_dump_is_spared() {
    isolated(|| {
        let mut table = table();
        let selection = selection(&mut table, "not process worker");
        let options = Options::default().while_selected(Arc::clone(&selection));
        let (kept, moved) = (tcp::connected(), tcp::connected());
        let (name, kept_name) = (pair_of(&moved.server), pair_of(&kept.server));
        let mut server = Some(moved.server);
        let mut worker = None;
        let select = |row: &Connection| {
            if row.pair == name {
                let server = server.take().unwrap();
                worker = Some(Named::holding(&server, b"worker"));
            }
            if row.pair == name || row.pair == kept_name {
                Action::Delete
            } else {
                Action::Skip
            }
        };
        let mut outcomes = Vec::new();
        let report = |row: &Connection, result: Result<Ending, Error>| {
            let outcome = result.map_or_else(|error| error.outcome(), |_| Outcome::Deleted);
            outcomes.push((row.pair, outcome));
            ControlFlow::Continue(())
        };
        table
            .delete_matching(&Query::default(), &options, select, report)
            .unwrap();
        outcomes.sort_by_key(|(pair, _)| *pair == name);
        assert_eq!(
            outcomes,
            [(kept_name, Outcome::Deleted), (name, Outcome::Spared)]
        );
        drop(worker);
    });
}

#[test]
fn a_process_that_shares_it_since_counts_although_the_first_holder_stays() {
    isolated(|| {
        let mut table = table();
        let ends = tcp::connected();
        let row = row_of(&mut table, &ends.server);
        let options = |table: &mut TcpTable, filter: &str| {
            Options::default().while_selected(selection(table, filter))
        };
        let not_worker = options(&mut table, "not process worker");
        let worker = Named::holding(&ends.server, b"worker");
        assert_eq!(
            delete_all(&mut table, vec![row.clone()], &not_worker),
            [Outcome::Spared]
        );
        assert!(lives(&ends.client, &ends.server));
        let of_worker = options(&mut table, &format!("pid {}", worker.pid()));
        drop(worker);
        assert_eq!(
            delete_all(&mut table, vec![row.clone()], &of_worker),
            [Outcome::Spared]
        );
        assert_eq!(
            delete_all(&mut table, vec![row], &not_worker),
            [Outcome::Deleted]
        );
    });
}

#[test]
fn what_has_begun_to_work_since_is_spared() {
    isolated(|| {
        let mut table = table();
        let ends = tcp::connected();
        let options =
            Options::default().while_selected(selection(&mut table, "state established recvq = 0"));
        let row = row_of(&mut table, &ends.server);
        (&ends.client).write_all(b"a query").unwrap();
        tcpentry_testkit::until("it is there", || {
            row_of(&mut table, &ends.server).recv_queue == 7
        });
        assert_eq!(
            delete_all(&mut table, vec![row.clone()], &options),
            [Outcome::Spared]
        );
        (&ends.server).read_exact(&mut [0; 7]).unwrap();
        assert_eq!(
            delete_all(&mut table, vec![row], &options),
            [Outcome::Deleted]
        );
    });
}

#[test]
fn autobound_is_what_it_was() {
    isolated(|| {
        let mut table = table();
        let ends = tcp::connected();
        let options = Options::default().while_selected(selection(&mut table, "autobound"));
        let row = row_of(&mut table, &ends.client);
        assert_eq!(
            delete_all(&mut table, vec![row], &options),
            [Outcome::Deleted]
        );
    });
}

#[test]
fn a_connection_in_another_state_is_spared_where_that_is_asked_for() {
    isolated(|| {
        let mut table = table();
        let ends = tcp::connected();
        let row = row_of(&mut table, &ends.server);
        ends.client.shutdown(std::net::Shutdown::Write).unwrap();
        tcpentry_testkit::until("the other side is closed", || {
            row_of(&mut table, &ends.server).state == tcpentry::State::CloseWait
        });
        let options = Options::default().in_same_state();
        let error = table.delete(&row, &options).unwrap_err();
        assert_eq!(error.cause(), "it was established, and is close-wait now");
        assert_eq!(
            delete_all(&mut table, vec![row.clone()], &options),
            [Outcome::Spared]
        );
        assert!(table.delete(&row, &Options::default()).is_ok());
    });
}

#[test]
fn the_holder_of_a_descriptor_in_the_table_of_a_thread_is_looked_at_again_there() {
    isolated(|| {
        let mut table = table();
        let kinds: [fn(&TcpStream) -> Holder; 2] = [
            |socket| Holder::in_table_of_thread(socket, None),
            |socket| Holder::without_first_thread(socket, None),
        ];
        for start in kinds {
            let both = [tcp::connected(), tcp::connected()];
            let holders = both.each_ref().map(|ends| start(&ends.server));
            let rows = both.each_ref().map(|ends| row_of(&mut table, &ends.server));
            let _clients = both.map(|ends| ends.client);
            let pid = |place: usize| holders[place].pid();
            let filter = format!("pid {} or pid {}", pid(0), pid(1));
            let options = Options::default().while_selected(selection(&mut table, &filter));
            let [first, second] = rows;
            assert!(table.delete(&first, &options).is_ok());
            assert_eq!(
                delete_all(&mut table, vec![second], &options),
                [Outcome::Deleted]
            );
        }
    });
}

#[test]
fn what_no_process_holds_is_no_excluded_ones() {
    isolated(|| {
        if !user::sees_all_holders() {
            skip!("{}", user::NOT_ALL_HOLDERS);
        }
        let mut table = table();
        for (filter, outcome) in [
            ("not process worker", Outcome::Deleted),
            ("process worker", Outcome::Spared),
        ] {
            let options = Options::default().while_selected(selection(&mut table, filter));
            let tcp::Ends { client, server } = tcp::connected();
            let row = row_of(&mut table, &server);
            let flight = InFlight::sending(&server);
            drop(server);
            assert_eq!(delete_all(&mut table, vec![row], &options), [outcome]);
            drop((flight, client));
        }
    });
}
