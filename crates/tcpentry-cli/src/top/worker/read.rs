//! Reading the tables, and looking up what the rows on the screen lack.

use std::sync::Arc;
use std::time::Instant;

use tcpentry::Error;
use tcpentry::filter::Truth;

use super::super::message::Update;
use super::super::model::{Baseline, Frame, Moment, Row, RowKey};
use super::names::NamespaceNames;
use super::reused_rows::ReusedRows;
use super::{WatchedNamespace, Worker};

impl Worker {
    /// Reads the tables and sends a new frame, unless an urgent command interrupts it.
    pub(in super::super) fn read_table(&mut self) {
        self.update_namespaces();
        let start = Instant::now();
        self.attribution.forget();
        self.names.begin_reading();
        let mut reading = PartialFrame {
            rows: ReusedRows::new(self.take_memory()),
            ..PartialFrame::default()
        };
        for place in 0..self.namespaces.len() {
            match self.read_namespace(place, &mut reading) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => reading.fail(&self.namespaces[place], &error),
            }
        }
        if let (true, Some(trouble)) = (
            reading.failed == self.namespaces.len(),
            reading.notes.first(),
        ) {
            (self.send)(Update::Trouble(trouble.clone()));
            return;
        }
        let mut rows = reading.rows.finish();
        if self.needs_holders() {
            self.resolve_all_holders(&mut rows);
        }
        let baseline = std::mem::replace(&mut self.baseline, Baseline::Previous);
        let frame = self.frame.followed_by(rows, baseline, Instant::now());
        let mut frame = Frame {
            hidden: reading.hidden,
            notes: reading.notes,
            read_time: start.elapsed(),
            read_at: Some(start),
            ..frame
        };
        self.record(&mut frame, baseline);
        let frame = Arc::new(frame);
        self.frame_before = Some(std::mem::replace(&mut self.frame, frame));
        self.prune_resolved();
        self.send_frame();
        self.send_details();
    }

    /// Returns the rows of the frame before, to be replaced, unless the screen has not yet let go of them.
    fn take_memory(&mut self) -> Vec<Row> {
        let frame = self.frame_before.take().and_then(Arc::into_inner);
        let mut rows = frame.map(|frame| frame.rows).unwrap_or_default();
        // A table that was much larger gives its memory back.
        let most = 2 * self.frame.rows.len();
        rows.truncate(most);
        rows.shrink_to(most);
        rows
    }

    /// Reads one table. Returns false where an urgent command has come.
    fn read_namespace(&mut self, place: usize, reading: &mut PartialFrame) -> Result<bool, Error> {
        let several = self.namespaces.len() > 1 || self.all_netns;
        // The dump borrows the namespace, so that the other fields are borrowed apart.
        let Self {
            namespaces,
            attribution,
            names,
            resolved,
            queue,
            ..
        } = self;
        let WatchedNamespace {
            number,
            opened,
            selection,
            devices,
        } = &mut namespaces[place];
        let mut place = NamespaceNames {
            number: *number,
            netns: opened.name.as_deref().filter(|_| several).map(Arc::from),
            has_users: opened.table.has_local_users(),
            devices,
        };
        let query = selection.query().clone().with_info();
        let mut rows = opened.table.connections(&query)?;
        let mut read_at = Moment::from(Instant::now());
        let mut count = 0_usize;
        while let Some(connection) = rows.advance()? {
            count += 1;
            if count % ROWS_PER_CHECK == 0 && queue.has_urgent() {
                return Ok(false);
            }
            if count % ROWS_PER_TIME == 0 {
                read_at = Instant::now().into();
            }
            match selection.judge(connection, attribution)? {
                Truth::True => {}
                Truth::Hidden => {
                    reading.hidden += 1;
                    continue;
                }
                Truth::False | Truth::Unknown => continue,
            }
            let key = RowKey {
                netns: *number,
                cookie: connection.cookie,
            };
            let row_names = names.of_row(connection, &mut place);
            let mut row = Row::new(key, connection, row_names, read_at);
            if let Some(known) = resolved.get(&key) {
                row.resolved = known.clone();
            }
            reading.rows.push(row);
        }
        Ok(true)
    }

    /// Looks up the holders of all rows, by which they are sorted or grouped.
    fn resolve_all_holders(&mut self, rows: &mut [Row]) {
        let is_unknown =
            |row: &Row| row.resolved.holders.is_none() && row.connection.inode.is_some();
        let unknown = rows.iter().filter(|row| is_unknown(row));
        let sockets =
            unknown.filter_map(|row| Some((row.connection.inode?, row.first_read_at.into())));
        self.holders.look_for(sockets);
        let unknown = rows.iter_mut().filter(|row| is_unknown(row));
        for row in unknown {
            let known = self
                .holders
                .of(row.connection.inode, row.first_read_at.into());
            let resolved = known.or(&row.resolved);
            self.resolved.insert(row.key, resolved.clone());
            row.resolved = resolved;
        }
    }

    /// Forgets what was looked up for sockets that are gone, once that has become much.
    fn prune_resolved(&mut self) {
        if self.resolved.len() < 2 * self.frame.rows.len() + 1000 {
            return;
        }
        let present: std::collections::HashSet<RowKey> =
            self.frame.rows.iter().map(|row| row.key).collect();
        self.resolved.retain(|key, _| present.contains(key));
    }

    /// Finds out of each of these rows of which that is not known if it can be deleted.
    pub(super) fn check_rows<'r>(&mut self, rows: impl Iterator<Item = &'r Row>) {
        let is_unchecked = |row: &&Row| {
            let known = self.resolved.get(&row.key);
            known.is_none_or(|known| known.deletability.is_none())
        };
        let unchecked: Vec<_> = rows
            .filter(is_unchecked)
            .map(|row| (row.key, row.to_connection()))
            .collect();
        let deletabilities = self.deletabilities(unchecked.iter().cloned());
        for ((key, _), deletability) in unchecked.into_iter().zip(deletabilities) {
            self.resolved.entry(key).or_default().deletability = Some(deletability);
        }
    }

    /// Looks up holders and deletability of these rows, and sends them.
    pub(super) fn resolve(&mut self, keys: &[RowKey]) {
        let wanted: std::collections::HashSet<RowKey> = keys.iter().copied().collect();
        let frame = Arc::clone(&self.frame);
        let rows = frame.rows.iter().filter(|row| wanted.contains(&row.key));
        let rows: Vec<&Row> = rows.collect();
        let sockets = rows.iter();
        let sockets =
            sockets.filter_map(|row| Some((row.connection.inode?, row.first_read_at.into())));
        self.holders.look_for(sockets);
        // Those that scrolled away before an answer came may be asked about twice.
        self.check_rows(rows.iter().copied());
        let mut answer = Vec::new();
        for row in rows {
            let known = self.resolved.entry(row.key).or_default();
            if known.holders.is_none() {
                let found = self
                    .holders
                    .of(row.connection.inode, row.first_read_at.into());
                *known = known.or(&found);
            }
            answer.push((row.key, known.clone()));
        }
        (self.send)(Update::Resolved(answer));
    }
}

/// The result of a reading so far.
#[derive(Default)]
struct PartialFrame {
    rows: ReusedRows,
    hidden: u64,
    failed: usize,
    notes: Vec<String>,
}

impl PartialFrame {
    fn fail(&mut self, namespace: &WatchedNamespace, error: &Error) {
        self.failed += 1;
        self.notes.push(match &namespace.opened.name {
            Some(name) => format!("{name}: {error}"),
            None => error.to_string(),
        });
    }
}

/// The number of rows after which pending commands are checked.
const ROWS_PER_CHECK: usize = 1024;
/// The number of rows after which the clock is read. The kernel sends more than these at once, and reads their counters then.
const ROWS_PER_TIME: usize = 32;
