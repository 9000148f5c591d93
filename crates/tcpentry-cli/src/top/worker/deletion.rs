//! Deletion with the guards of the program, of exactly what was confirmed, and its preview.

use std::collections::HashMap;
use std::ops::ControlFlow;

use tcpentry::process::Owners;
use tcpentry::{Connection, Error, Method, Outcome};

use super::super::message::{PreviewItem, SocketTarget, Update};
use super::super::model::{Deletability, NotDeleted, RowKey};
use super::names::{NameCache, search};
use super::{UpdateSender, WatchedNamespace, Worker};

impl Worker {
    /// Returns the deletability of each socket, in their order.
    pub(super) fn deletabilities(
        &mut self,
        wanted: impl Iterator<Item = (RowKey, Connection)>,
    ) -> Vec<Deletability> {
        let wanted: Vec<_> = wanted.collect();
        let mut answers: Vec<Option<Deletability>> = wanted
            .iter()
            .map(|(_, connection)| self.session.admit(connection).err())
            .map(|refused| refused.map(|error| Deletability::No(NotDeleted::from(&error))))
            .collect();
        for namespace in &mut self.namespaces {
            let here: Vec<usize> = (0..wanted.len())
                .filter(|place| {
                    wanted[*place].0.netns == namespace.number && answers[*place].is_none()
                })
                .collect();
            let mut places = here.iter();
            let connections = here.iter().map(|place| wanted[*place].1.clone());
            let record = |_: &Connection, result: Result<_, Error>| {
                if let Some(place) = places.next() {
                    answers[*place] = Some(match result {
                        Ok(method) => Deletability::By(method),
                        Err(error) => Deletability::No(NotDeleted::from(&error)),
                    });
                }
                ControlFlow::Continue(())
            };
            namespace
                .site
                .table
                .check_all(connections, &self.settings.options, record);
        }
        let elsewhere = || Deletability::No(elsewhere());
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(elsewhere))
            .collect()
    }

    /// Sends the expected outcome of deleting these.
    pub(super) fn preview(&mut self, serial: u64, targets: Vec<SocketTarget>) {
        self.session.forget();
        let wanted = targets
            .iter()
            .map(|target| (target.key, target.connection.clone()));
        let deletabilities = self.deletabilities(wanted);
        // Rows on the screen have been looked up already; a scan of all processes takes long.
        let known = |target: &SocketTarget| self.resolved.get(&target.key)?.holders.clone();
        let unknown = targets.iter().filter(|target| known(target).is_none());
        let inodes: Vec<_> = unknown
            .filter_map(|target| target.connection.inode)
            .collect();
        let owners = if inodes.is_empty() {
            Owners::default()
        } else {
            search(Owners::search().of_sockets(inodes)).unwrap_or_default()
        };
        let items = targets
            .into_iter()
            .zip(deletabilities)
            .map(|(target, deletability)| {
                let known = known(&target);
                let known =
                    known.or_else(|| NameCache::from_owners(&target.connection, &owners).holders);
                let holders = known.map_or("-".to_owned(), |holders| holders.text.clone());
                let namespace = self
                    .namespaces
                    .iter()
                    .find(|namespace| namespace.number == target.key.netns);
                let has_users =
                    namespace.is_some_and(|namespace| namespace.site.table.has_local_users());
                let user = self.names.user(&target.connection, has_users);
                PreviewItem {
                    holders,
                    user: user.as_deref().unwrap_or("-").to_owned(),
                    deletability,
                    target,
                }
            });
        let items = items.collect();
        (self.send)(Update::Preview { serial, items });
    }

    /// Deletes these, each by its cookie, and sends the outcome of each.
    pub(super) fn delete(&mut self, serial: u64, targets: Vec<SocketTarget>) {
        // The connection that carries the session may have changed since the preview.
        self.session.forget();
        let mut by_namespace: HashMap<u32, Vec<SocketTarget>> = HashMap::new();
        for target in targets {
            match self.session.admit(&target.connection) {
                Ok(()) => by_namespace
                    .entry(target.key.netns)
                    .or_default()
                    .push(target),
                Err(error) => report(&self.send, serial, target, Err(NotDeleted::from(&error))),
            }
        }
        for place in 0..self.namespaces.len() {
            let WatchedNamespace { number, site, .. } = &mut self.namespaces[place];
            let Some(here) = by_namespace.remove(number) else {
                continue;
            };
            let connections: Vec<_> = here
                .iter()
                .map(|target| target.connection.clone())
                .collect();
            let mut here = here.into_iter();
            let send = &self.send;
            let report_each = |connection: &Connection, result: Result<_, Error>| {
                // Results come in the order of the connections.
                if let Some(target) = here.next() {
                    debug_assert_eq!(target.connection.cookie, connection.cookie);
                    let result = result.map_err(|error| NotDeleted::from(&error));
                    report(send, serial, target, result);
                }
                ControlFlow::Continue(())
            };
            site.table
                .delete_all(connections, &self.settings.options, report_each);
        }
        for target in by_namespace.into_values().flatten() {
            report(&self.send, serial, target, Err(elsewhere()));
        }
        (self.send)(Update::Done { serial });
    }
}

/// Sends the outcome for one target.
fn report(
    send: &UpdateSender,
    serial: u64,
    target: SocketTarget,
    result: Result<Method, NotDeleted>,
) {
    send(Update::Outcome {
        serial,
        target: Box::new(target),
        result,
    });
}

/// Returns the failure for a socket in a namespace that is no longer shown.
fn elsewhere() -> NotDeleted {
    NotDeleted {
        outcome: Outcome::Failed,
        cause: "its network namespace is no longer shown".to_owned(),
        hint: Some("show it again (a: all namespaces)".to_owned()),
    }
}
