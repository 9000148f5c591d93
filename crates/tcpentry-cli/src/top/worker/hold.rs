//! Peers that are held off for a while: what comes of them is deleted, by the guards of every other deletion.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use tcpentry::filter::Truth;
use tcpentry::{Connection, Error, Selection, States};

use super::super::message::{PreviewBasis, SocketTarget, Update};
use super::super::model::{PeerService, RowKey};
use super::held::HeldPeers;
use super::{Worker, problem};
use crate::pace::pause_after;
use crate::tables::selection::{self, FilterInput};

impl Worker {
    /// Begins to hold off these peers.
    pub(super) fn hold_off(
        &mut self,
        serial: u64,
        services: &[(u32, PeerService)],
        until: Instant,
    ) {
        let mut selections = HashMap::new();
        for place in 0..self.namespaces.len() {
            let number = self.namespaces[place].number;
            let here = services.iter().filter(|(netns, _)| *netns == number);
            let terms: Vec<_> = here.map(|(_, it)| format!("( {} )", it.term())).collect();
            if terms.is_empty() {
                continue;
            }
            let text = [terms.join(" or ")];
            let input = FilterInput {
                words: &text,
                args: &self.settings.select,
                sets: &self.settings.sets,
            };
            let opened = &mut self.namespaces[place].opened;
            match selection::prepare_elsewhere(input, States::CONNECTIONS, opened) {
                Ok(selection) => _ = selections.insert(number, Arc::new(selection)),
                Err(refusal) => {
                    let reason = Some(problem(refusal).message);
                    (self.send)(Update::HoldEnded { serial, reason });
                    return;
                }
            }
        }
        self.held.push(HeldPeers {
            serial,
            until,
            selections,
            tried: HashSet::new(),
        });
        self.next_hold_round = Instant::now();
    }

    /// Returns the time at which peers that are held off are looked for, if there are any.
    pub(super) fn hold_due(&self) -> Option<Instant> {
        (!self.held.is_empty()).then_some(self.next_hold_round)
    }

    /// Deletes what has come of the peers that are held off, if it is time to look.
    pub(super) fn hold_round(&mut self) {
        let start = Instant::now();
        if self.hold_due().is_none_or(|due| start < due) {
            return;
        }
        for mut held in std::mem::take(&mut self.held) {
            let serial = held.serial;
            if start >= held.until {
                (self.send)(Update::HoldEnded {
                    serial,
                    reason: None,
                });
                continue;
            }
            let targets = self.returned(&mut held);
            if !targets.is_empty() {
                let keys: HashSet<_> = targets.iter().map(|target| target.key).collect();
                let basis = PreviewBasis {
                    deletable: keys.clone(),
                    selected: keys,
                    selections: held.selections.clone(),
                };
                self.delete(serial, targets, &basis, true);
            }
            self.held.push(held);
        }
        self.next_hold_round = Instant::now() + pause_after(start.elapsed());
    }

    /// Returns the connections that the peers have by now.
    fn returned(&mut self, held: &mut HeldPeers) -> Vec<SocketTarget> {
        let mut targets = Vec::new();
        for place in 0..self.namespaces.len() {
            let number = self.namespaces[place].number;
            let Some(selection) = held.selections.get(&number).map(Arc::clone) else {
                continue;
            };
            // Where the table can't be read now, the screen says so; the next round tries again.
            let found = self.selected_in(place, &selection).unwrap_or_default();
            let name = self.namespaces[place].opened.name.as_deref().map(Arc::from);
            for connection in found {
                let key = RowKey {
                    netns: number,
                    cookie: connection.cookie,
                };
                if held.tried.insert((key, connection.state)) {
                    targets.push(SocketTarget {
                        key,
                        connection,
                        host: None,
                        netns: name.clone(),
                    });
                }
            }
        }
        targets
    }

    fn selected_in(
        &mut self,
        place: usize,
        selection: &Selection,
    ) -> Result<Vec<Connection>, Error> {
        let table = &mut self.namespaces[place].opened.table;
        let mut found = Vec::new();
        for connection in table.connections(selection.query())? {
            let connection = connection?;
            if selection.judge(&connection, &mut self.attribution)? == Truth::True {
                found.push(connection);
            }
        }
        Ok(found)
    }
}
