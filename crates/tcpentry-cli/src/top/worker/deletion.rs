//! What may be deleted, and deleting it: with the guards of the program, exactly what was confirmed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use tcpentry::{Connection, Error, Guard, Outcome, Owners};

use super::super::message::{Item, Target, Update};
use super::super::state::{Key, May, Refusal};
use super::facts::{Names, search};
use super::{Field, Worker};
use crate::session::OwnSession;

impl Worker {
    /// Whether each may be deleted, in their order.
    pub(super) fn verdicts(&mut self, wanted: impl Iterator<Item = (Key, Connection)>) -> Vec<May> {
        let wanted: Vec<_> = wanted.collect();
        let mut verdicts: Vec<Option<May>> = wanted
            .iter()
            .map(|(_, connection)| self.refusal(connection).map(May::No))
            .collect();
        for field in &mut self.fields {
            let here: Vec<usize> = (0..wanted.len())
                .filter(|place| wanted[*place].0.site == field.number && verdicts[*place].is_none())
                .collect();
            let mut places = here.iter();
            let connections = here.iter().map(|place| wanted[*place].1.clone());
            let tell = |_: &Connection, result: Result<_, Error>| {
                if let Some(place) = places.next() {
                    verdicts[*place] = Some(match result {
                        Ok(method) => May::By(method),
                        Err(error) => May::No(Refusal::from(&error)),
                    });
                }
                ControlFlow::Continue(())
            };
            field
                .site
                .table
                .check_all(connections, &self.settings.options, tell);
        }
        let elsewhere = || May::No(elsewhere());
        verdicts
            .into_iter()
            .map(|verdict| verdict.unwrap_or_else(elsewhere))
            .collect()
    }

    /// Why the program spares it.
    fn refusal(&mut self, connection: &Connection) -> Option<Refusal> {
        if self.settings.own_session {
            return None;
        }
        let session = self.session.get_or_insert_with(OwnSession::find);
        session
            .is_carried_by(connection)
            .then(|| Refusal::from(&Error::refused(Guard::OwnSession, connection.pair)))
    }

    /// Finds out what a deletion of these would do.
    pub(super) fn rehearse(&mut self, serial: u64, targets: Vec<Target>) {
        // Who works in tmux may have come back by another connection.
        self.session = None;
        let wanted = targets
            .iter()
            .map(|target| (target.key, target.connection.clone()));
        let verdicts = self.verdicts(wanted);
        // What was on the screen has been looked up; a walk over all processes takes its time.
        let known = |target: &Target| self.facts.get(&target.key)?.holders.clone();
        let unknown = targets.iter().filter(|target| known(target).is_none());
        let inodes: Vec<_> = unknown
            .filter_map(|target| target.connection.inode)
            .collect();
        let owners = if inodes.is_empty() {
            Owners::default()
        } else {
            search(Owners::search().of_sockets(inodes)).unwrap_or_default()
        };
        let items = targets.into_iter().zip(verdicts).map(|(target, may)| {
            let known = known(&target);
            let known = known.or_else(|| Names::known_by(&target.connection, &owners).holders);
            let holders = known.map_or("-".to_owned(), |holders| holders.text.clone());
            let told = self
                .fields
                .iter()
                .find(|field| field.number == target.key.site);
            let told = told.is_some_and(|field| field.site.table.tells_users());
            let user = self.names.user(&target.connection, told);
            Item {
                holders,
                user: user.as_deref().unwrap_or("-").to_owned(),
                may,
                target,
            }
        });
        let items = items.collect();
        (self.tell)(Update::Preview { serial, items });
    }

    /// Deletes these, each by its cookie, and tells what became of each.
    pub(super) fn delete(&mut self, serial: u64, targets: Vec<Target>) {
        self.session = None;
        let mut by_field: HashMap<u32, Vec<Target>> = HashMap::new();
        for target in targets {
            // The session may have come by another connection since the preview.
            match self.refusal(&target.connection) {
                Some(refusal) => self.report(serial, target, Err(refusal)),
                None => by_field.entry(target.key.site).or_default().push(target),
            }
        }
        for place in 0..self.fields.len() {
            let Field { number, site, .. } = &mut self.fields[place];
            let Some(here) = by_field.remove(number) else {
                continue;
            };
            let connections: Vec<_> = here
                .iter()
                .map(|target| target.connection.clone())
                .collect();
            let mut here = here.into_iter();
            let tell = &self.tell;
            let report = |connection: &Connection, result: Result<_, Error>| {
                // They are told in their order.
                if let Some(target) = here.next() {
                    debug_assert_eq!(target.connection.cookie, connection.cookie);
                    tell(Update::Outcome {
                        serial,
                        target: Box::new(target),
                        result: result.map_err(|error| Refusal::from(&error)),
                    });
                }
                ControlFlow::Continue(())
            };
            site.table
                .delete_all(connections, &self.settings.options, report);
        }
        for target in by_field.into_values().flatten() {
            self.report(serial, target, Err(elsewhere()));
        }
        (self.tell)(Update::Done { serial });
    }

    fn report(&self, serial: u64, target: Target, result: Result<tcpentry::Method, Refusal>) {
        (self.tell)(Update::Outcome {
            serial,
            target: Box::new(target),
            result,
        });
    }
}

/// Of a namespace that has been left since.
fn elsewhere() -> Refusal {
    Refusal {
        outcome: Outcome::Failed,
        cause: "its network namespace is not looked at any more".to_owned(),
        hint: Some("show it again (a: all namespaces)".to_owned()),
    }
}
