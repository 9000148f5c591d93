//! Reading the tables.

use std::sync::Arc;
use std::time::Instant;

use tcpentry::{Connection, Error, Owners, Truth};

use super::super::message::Update;
use super::super::model::{Facts, Frame, Key, Question, Row};
use super::facts::{Names, search};
use super::{Field, Worker};

impl Worker {
    /// Reads them, and shows what is selected; unless something urgent comes meanwhile.
    pub(in super::super) fn read_table(&mut self) {
        self.survey();
        let start = Instant::now();
        self.knowledge.forget();
        self.names.forget();
        // What is shown by counters is asked for with them.
        let mut reading = Reading::default();
        for place in 0..self.fields.len() {
            match self.read_field(place, &mut reading) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => reading.fail(&self.fields[place], &error),
            }
        }
        if let (true, Some(trouble)) = (reading.failed == self.fields.len(), reading.notes.first())
        {
            (self.tell)(Update::Trouble(trouble.clone()));
            return;
        }
        if self.arrangement.needs_holders() {
            self.look_for_all_holders(&mut reading.rows);
        }
        let question = std::mem::replace(&mut self.question, Question::Same);
        let frame = self
            .frame
            .followed_by(reading.rows, question, Instant::now());
        self.frame = Arc::new(Frame {
            unseen: reading.unseen,
            notes: reading.notes,
            took: start.elapsed(),
            ..frame
        });
        self.forget_facts();
        self.show();
        self.tell_details();
    }

    /// False where something urgent has come.
    fn read_field(&mut self, place: usize, reading: &mut Reading) -> Result<bool, Error> {
        let several = self.fields.len() > 1 || self.all_netns;
        // The walk borrows the field; what may call meanwhile is looked at beside it.
        let Self {
            fields,
            knowledge,
            names,
            facts,
            commands,
            waiting,
            ..
        } = self;
        let Field {
            number,
            site,
            selection,
            devices,
        } = &mut fields[place];
        let netns = site.name.as_deref().filter(|_| several).map(Arc::from);
        let users_told = site.table.has_local_users();
        let query = selection.query().clone().with_info();
        let rows = site.table.connections(&query)?;
        for (count, connection) in rows.enumerate() {
            if count % TOGETHER == TOGETHER - 1 {
                waiting.extend(commands.try_iter());
                if waiting.iter().any(super::is_urgent) {
                    return Ok(false);
                }
            }
            let connection = connection?;
            match selection.judge(&connection, knowledge)? {
                Truth::True => {}
                Truth::Hidden => {
                    reading.unseen += 1;
                    continue;
                }
                Truth::False | Truth::Unknown => continue,
            }
            let key = Key {
                site: *number,
                cookie: connection.cookie,
            };
            let interface = connection.interface();
            reading.rows.push(Row {
                netns: netns.clone(),
                device: interface.map(|interface| devices.name(interface).to_string().into()),
                user: names.user(&connection, users_told),
                unit: names.unit(&connection),
                facts: facts.get(&key).cloned().unwrap_or_default(),
                ..Row::read(key, connection, Instant::now())
            });
        }
        Ok(true)
    }

    /// Those of all rows, because they are sorted or grouped by them.
    fn look_for_all_holders(&mut self, rows: &mut [Row]) {
        let is_unknown = |row: &Row| row.facts.holders.is_none() && row.connection.inode.is_some();
        if !rows.iter().any(is_unknown) {
            return;
        }
        let Ok(owners) = search(Owners::search()) else {
            // They are shown as not looked up.
            return;
        };
        for row in rows.iter_mut().filter(|row| is_unknown(row)) {
            let known = Names::known_by(&row.connection, &owners);
            let facts = known.or(&row.facts);
            self.facts.insert(row.key, facts.clone());
            row.facts = facts;
        }
    }

    /// Keeps what is known of the sockets that are there.
    fn forget_facts(&mut self) {
        if self.facts.len() < 2 * self.frame.rows.len() + 1000 {
            return;
        }
        let there: std::collections::HashSet<Key> =
            self.frame.rows.iter().map(|row| row.key).collect();
        self.facts.retain(|key, _| there.contains(key));
    }

    /// Looks up what is not known of these, which are on the screen.
    pub(super) fn look_up(&mut self, keys: &[Key]) {
        let wanted: std::collections::HashSet<Key> = keys.iter().copied().collect();
        let frame = Arc::clone(&self.frame);
        let rows = frame.rows.iter().filter(|row| wanted.contains(&row.key));
        let rows: Vec<(Key, Connection)> =
            rows.map(|row| (row.key, row.connection.clone())).collect();
        let inodes = rows.iter().filter_map(|(_, connection)| connection.inode);
        // Where processes can't be read, nobody is known.
        let owners = search(Owners::search().of_sockets(inodes)).unwrap_or_default();
        let verdicts = self.verdicts(
            rows.iter()
                .map(|(key, connection)| (*key, connection.clone())),
        );
        let mut told = Vec::new();
        for ((key, connection), may) in rows.iter().zip(verdicts) {
            let facts = Facts {
                may: Some(may),
                ..Names::known_by(connection, &owners)
            };
            let known = self.facts.entry(*key).or_default();
            *known = facts.or(known);
            told.push((*key, known.clone()));
        }
        (self.tell)(Update::Facts(told));
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    rows: Vec<Row>,
    unseen: u64,
    failed: usize,
    notes: Vec<String>,
}

impl Reading {
    fn fail(&mut self, field: &Field, error: &Error) {
        self.failed += 1;
        self.notes.push(match &field.site.name {
            Some(name) => format!("{name}: {error}"),
            None => error.to_string(),
        });
    }
}

/// After how many rows it is looked at whether something else is wanted.
const TOGETHER: usize = 1024;
