//! Deletion with the guards of the program, of exactly what was confirmed, and its preview.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::delete::{Ending, Subflows};
use tcpentry::filter::Truth;
use tcpentry::{Connection, Error, Options, Outcome};

use super::super::message::{PreviewBasis, PreviewItem, SocketTarget, Update};
use super::super::model::{Deletability, NotDeleted, RowKey};
use super::{UpdateSender, Worker};
use crate::own_session;

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
            .map(|refused| refused.map(|error| NotDeleted::from(&error).into()))
            .collect();
        for namespace in &mut self.namespaces {
            let here: Vec<usize> = (0..wanted.len())
                .filter(|place| {
                    wanted[*place].0.netns == namespace.number && answers[*place].is_none()
                })
                .collect();
            let mut places = here.iter();
            let connections = here.iter().map(|place| wanted[*place].1.clone());
            let record = |_: &Connection, result: Result<Ending, Error>| {
                if let Some(place) = places.next() {
                    answers[*place] = Some(match result {
                        Ok(ending) => Deletability::By(ending.method),
                        Err(error) => NotDeleted::from(&error).into(),
                    });
                }
                ControlFlow::Continue(())
            };
            namespace
                .opened
                .table
                .check_all(connections, &self.settings.options, record);
        }
        let elsewhere = || elsewhere().into();
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(elsewhere))
            .collect()
    }

    /// Sends the expected outcome of deleting these.
    pub(super) fn preview(&mut self, serial: u64, targets: Vec<SocketTarget>) {
        self.session.forget();
        let subflows = self.subflows(&targets);
        let targets = self.with_other_subflows(targets, &subflows);
        let keys = targets.iter().map(|target| target.key).collect();
        let mut refusals = self.refuse_torn(&targets, &subflows, &keys);
        let wanted = targets
            .iter()
            .map(|target| (target.key, target.connection.clone()));
        let mut deletabilities = self.deletabilities(wanted);
        for (target, deletability) in targets.iter().zip(&mut deletabilities) {
            if let Some(refusal) = refusals.remove(&target.key) {
                *deletability = refusal.into();
            }
        }
        let selected = targets
            .iter()
            .filter(|target| {
                self.is_selected(target)
                    && others_of(target, &subflows).all(|it| self.is_selected(&it))
            })
            .map(|target| target.key)
            .collect();
        let deletable = targets
            .iter()
            .zip(&deletabilities)
            .filter(|(_, deletability)| matches!(deletability, Deletability::By(_)))
            .map(|(target, _)| target.key)
            .collect();
        let namespaces = self.namespaces.iter();
        let basis = Arc::new(PreviewBasis {
            deletable,
            selected,
            selections: namespaces
                .map(|it| (it.number, Arc::clone(&it.selection)))
                .collect(),
        });
        // Rows on the screen have been looked up already; a scan of all processes takes long.
        let known = |target: &SocketTarget| self.resolved.get(&target.key)?.holders.clone();
        let unknown = targets.iter().filter(|target| known(target).is_none());
        let now = Instant::now();
        let inodes = unknown.filter_map(|target| Some((target.connection.inode?, now)));
        self.holders.look_for_at_once(inodes);
        let items = targets
            .into_iter()
            .zip(deletabilities)
            .map(|(target, deletability)| {
                let known = self.resolved.get(&target.key);
                let known = known.and_then(|known| known.holders.clone());
                let known = known.or_else(|| self.holders.of(target.connection.inode, now).holders);
                let holders = known.map_or("-".to_owned(), |holders| holders.text.clone());
                let namespace = self
                    .namespaces
                    .iter()
                    .find(|namespace| namespace.number == target.key.netns);
                let has_users =
                    namespace.is_some_and(|namespace| namespace.opened.table.has_local_users());
                let user = self.names.user(&target.connection, has_users);
                PreviewItem {
                    holders,
                    user: user.as_deref().unwrap_or("-").to_owned(),
                    deletability,
                    target,
                }
            });
        let items = items.collect();
        (self.send)(Update::Preview {
            serial,
            items,
            basis,
        });
    }

    /// Returns true if the filter in force selects it as it is shown. (A row that was marked under another filter is
    /// deleted because it was marked.)
    fn is_selected(&mut self, target: &SocketTarget) -> bool {
        let mut namespaces = self.namespaces.iter();
        let namespace = namespaces.find(|namespace| namespace.number == target.key.netns);
        let selection = namespace.map(|namespace| &namespace.selection);
        selection.is_some_and(|selection| {
            let truth = selection.judge(&target.connection, &mut self.attribution);
            matches!(truth, Ok(Truth::True))
        })
    }

    /// Returns the subflows of the MPTCP connections of each namespace of these.
    fn subflows(&mut self, of: &[SocketTarget]) -> HashMap<u32, Subflows> {
        let numbers: HashSet<_> = of.iter().map(|target| target.key.netns).collect();
        let namespaces = self.namespaces.iter_mut();
        let namespaces = namespaces.filter(|it| numbers.contains(&it.number));
        // Where they can't be read now, each deletion reads them again.
        let each = namespaces.map(|it| (it.number, it.opened.table.subflows().unwrap_or_default()));
        each.collect()
    }

    /// Adds the other subflows of the MPTCP connections that would end, so that they are shown and counted.
    ///
    /// Where the filter in force selects one and not the others, none is added: what is chosen by a filter ends only if
    /// that holds for all.
    fn with_other_subflows(
        &mut self,
        mut targets: Vec<SocketTarget>,
        subflows: &HashMap<u32, Subflows>,
    ) -> Vec<SocketTarget> {
        let mut keys: HashSet<_> = targets.iter().map(|target| target.key).collect();
        for place in 0..targets.len() {
            let others: Vec<_> = others_of(&targets[place], subflows).collect();
            if others.is_empty() {
                continue;
            }
            let is_selected = self.is_selected(&targets[place]);
            for other in others {
                if (!is_selected || self.is_selected(&other)) && keys.insert(other.key) {
                    targets.push(other);
                }
            }
        }
        targets
    }

    /// Returns the reasons for which subflows must not be deleted: another one, which would end with it, is not among
    /// those that are meant, or carries the own session.
    fn refuse_torn(
        &mut self,
        targets: &[SocketTarget],
        subflows: &HashMap<u32, Subflows>,
        keys: &HashSet<RowKey>,
    ) -> HashMap<RowKey, NotDeleted> {
        let mut refusals = HashMap::new();
        for target in targets {
            let pair = target.connection.pair;
            for other in others_of(target, subflows) {
                let refusal = if self.session.admit(&other.connection).is_err() {
                    own_session::refused(pair)
                } else if keys.contains(&other.key) {
                    continue;
                } else {
                    Error::subflow_not_selected(pair, &other.connection.pair)
                };
                refusals.insert(target.key, NotDeleted::from(&refusal));
                break;
            }
        }
        refusals
    }

    /// Deletes these, each by its cookie, and sends the outcome of each.
    ///
    /// Each must still be as it was shown: in its state, and selected by the filter of the preview, where that selected it.
    /// A paced one takes along the other subflows of its MPTCP connection, which end with it.
    pub(super) fn delete(
        &mut self,
        serial: u64,
        mut targets: Vec<SocketTarget>,
        basis: &PreviewBasis,
        paced: bool,
    ) {
        // The connection that carries the session may have changed since the preview.
        if paced {
            self.session.forget_if_old(Instant::now());
        } else {
            self.session.forget();
        }
        let subflows = self.subflows(&targets);
        if paced {
            let others = targets.iter().flat_map(|it| others_of(it, &subflows));
            let others: Vec<_> = others
                .filter(|other| basis.deletable.contains(&other.key))
                .collect();
            targets.extend(others);
        }
        let mut refusals = self.refuse_torn(&targets, &subflows, &basis.deletable);
        let mut by_namespace: HashMap<u32, Vec<SocketTarget>> = HashMap::new();
        for target in targets {
            let admitted = self.session.admit(&target.connection);
            let refusal = admitted.err().map(|error| NotDeleted::from(&error));
            match refusal.or_else(|| refusals.remove(&target.key)) {
                None => by_namespace
                    .entry(target.key.netns)
                    .or_default()
                    .push(target),
                Some(refusal) => report(&self.send, serial, target, Err(refusal)),
            }
        }
        for place in 0..self.namespaces.len() {
            let number = self.namespaces[place].number;
            let Some(here) = by_namespace.remove(&number) else {
                continue;
            };
            let options = self.settings.options.clone().in_same_state();
            let selection = basis.selections.get(&number);
            let selection = selection.unwrap_or(&self.namespaces[place].selection);
            let of_filter = options.clone().while_selected(Arc::clone(selection));
            let (selected, marked): (Vec<_>, Vec<_>) = here
                .into_iter()
                .partition(|target| basis.selected.contains(&target.key));
            self.delete_in(serial, place, selected, &of_filter);
            self.delete_in(serial, place, marked, &options);
        }
        for target in by_namespace.into_values().flatten() {
            report(&self.send, serial, target, Err(elsewhere()));
        }
        (self.send)(Update::Done { serial });
    }

    /// Deletes sockets of one namespace.
    fn delete_in(
        &mut self,
        serial: u64,
        place: usize,
        targets: Vec<SocketTarget>,
        options: &Options,
    ) {
        let connections: Vec<_> = targets.iter().map(|it| it.connection.clone()).collect();
        let mut targets = targets.into_iter();
        let send = &self.send;
        let report_each = |connection: &Connection, result: Result<_, Error>| {
            // Results come in the order of the connections.
            if let Some(target) = targets.next() {
                debug_assert_eq!(target.connection.cookie, connection.cookie);
                let result = result.map_err(|error| NotDeleted::from(&error));
                report(send, serial, target, result);
            }
            ControlFlow::Continue(())
        };
        let table = &mut self.namespaces[place].opened.table;
        table.delete_all(connections, options, report_each);
    }
}

/// Returns the other subflows of its MPTCP connection.
fn others_of<'s>(
    target: &SocketTarget,
    subflows: &'s HashMap<u32, Subflows>,
) -> impl Iterator<Item = SocketTarget> + use<'s> {
    let (netns, name) = (target.key.netns, target.netns.clone());
    let here = subflows.get(&netns).into_iter();
    let others: Vec<_> = here
        .flat_map(|subflows| subflows.others_of(&target.connection))
        .collect();
    others.into_iter().map(move |connection| SocketTarget {
        key: RowKey {
            netns,
            cookie: connection.cookie,
        },
        connection: connection.clone(),
        host: None,
        netns: name.clone(),
    })
}

/// Sends the outcome for one target.
fn report(
    send: &UpdateSender,
    serial: u64,
    target: SocketTarget,
    result: Result<Ending, NotDeleted>,
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
