//! What may be deleted, and deleting it: with the guards of the program, exactly what was confirmed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use tcpentry::{Connection, Error, Method, Outcome, Owners};

use super::super::message::{Item, Target, Update};
use super::super::model::{Key, May, Refusal};
use super::facts::{Names, search};
use super::{Field, Tell, Worker};

impl Worker {
    /// Whether each may be deleted, in their order.
    pub(super) fn verdicts(&mut self, wanted: impl Iterator<Item = (Key, Connection)>) -> Vec<May> {
        let wanted: Vec<_> = wanted.collect();
        let mut verdicts: Vec<Option<May>> = wanted
            .iter()
            .map(|(_, connection)| self.session.admit(connection).err())
            .map(|spared| spared.map(|error| May::No(Refusal::from(&error))))
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

    /// Finds out what a deletion of these would do.
    pub(super) fn rehearse(&mut self, serial: u64, targets: Vec<Target>) {
        self.session.forget();
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
            let told = told.is_some_and(|field| field.site.table.has_local_users());
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
        // The session may have come by another connection since the preview.
        self.session.forget();
        let mut by_field: HashMap<u32, Vec<Target>> = HashMap::new();
        for target in targets {
            match self.session.admit(&target.connection) {
                Ok(()) => by_field.entry(target.key.site).or_default().push(target),
                Err(error) => report(&self.tell, serial, target, Err(Refusal::from(&error))),
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
            let tell_each = |connection: &Connection, result: Result<_, Error>| {
                // They are told in their order.
                if let Some(target) = here.next() {
                    debug_assert_eq!(target.connection.cookie, connection.cookie);
                    let result = result.map_err(|error| Refusal::from(&error));
                    report(tell, serial, target, result);
                }
                ControlFlow::Continue(())
            };
            site.table
                .delete_all(connections, &self.settings.options, tell_each);
        }
        for target in by_field.into_values().flatten() {
            report(&self.tell, serial, target, Err(elsewhere()));
        }
        (self.tell)(Update::Done { serial });
    }
}

/// Tells what became of one.
fn report(tell: &Tell, serial: u64, target: Target, result: Result<Method, Refusal>) {
    tell(Update::Outcome {
        serial,
        target: Box::new(target),
        result,
    });
}

/// Of a namespace that has been left since.
fn elsewhere() -> Refusal {
    Refusal {
        outcome: Outcome::Failed,
        cause: "its network namespace is not looked at any more".to_owned(),
        hint: Some("show it again (a: all namespaces)".to_owned()),
    }
}
