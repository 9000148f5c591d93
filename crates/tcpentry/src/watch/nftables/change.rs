//! Changes of sets, made of the messages that the kernel sends about a transaction.

use std::collections::HashMap;

use super::element::{Coverage, RawElement, SetElement, gather};
use super::set::{KnownSet, SetInfo, SetName, TableFamily, set_name};
use super::wire;
use crate::netlink::attribute;

/// A change of the sets of nftables.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SetChange {
    /// A set has been made, or one that is there has been declared again.
    Created(SetInfo),
    /// Elements have been added, or announced again: nft repeats some that were there, and another timeout comes so, too.
    ///
    /// A transaction of 60,000 elements is one of these.
    Added {
        /// The set.
        set: SetName,
        /// The elements.
        elements: Vec<SetElement>,
    },
    /// Elements have been removed: by name, or all by `flush set`. Those whose time is over go without an event.
    Removed {
        /// The set.
        set: SetName,
        /// The elements, with the time that they had left.
        elements: Vec<SetElement>,
    },
    /// A set has been removed, alone or with its table.
    Deleted {
        /// The set.
        set: SetName,
    },
    /// Elements of this set have changed so that the event does not say by what: read them anew
    /// ([`SetWatch::elements`](super::SetWatch::elements)). So it is with an interval that reaches to the last of all addresses, and with one
    /// whose timeout alone has changed.
    Unclear {
        /// The set.
        set: SetName,
    },
    /// Events did not fit into the receive buffer (`ENOBUFS`): read all sets and elements anew.
    Lost,
}

/// Reads the messages of nf_tables, in which elements say nothing of their kind: that is known from the message about their set,
/// which comes before, or from a dump of all sets.
#[derive(Default)]
pub(super) struct Decoder {
    known: HashMap<SetName, KnownSet>,
    /// The elements of the last messages, while all are of one set and one direction in one transaction.
    run: Option<ElementRun>,
    changes: Vec<SetChange>,
}

struct ElementRun {
    set: SetName,
    is_removal: bool,
    /// `None` for a set whose elements are not read.
    content: Option<RunElements>,
}

struct RunElements {
    bits: u8,
    is_interval: bool,
    elements: Vec<RawElement>,
    /// Set where there was something in a message that could not be read.
    is_unclear: bool,
}

impl Decoder {
    /// Forgets the sets and the unfinished transaction, and learns these sets.
    pub(super) fn reset(&mut self, sets: impl IntoIterator<Item = KnownSet>) {
        self.run = None;
        let sets = sets.into_iter().map(|set| (set.info.name.clone(), set));
        self.known = sets.collect();
    }

    /// Returns the changes that are complete.
    pub(super) fn take(&mut self) -> Vec<SetChange> {
        std::mem::take(&mut self.changes)
    }

    /// Reads a message. What is none of nf_tables, or not to be understood, changes nothing.
    pub(super) fn message(&mut self, kind: u16, body: &[u8]) {
        let Some((kind, family, attributes)) = wire::split(kind, body) else {
            return;
        };
        match kind {
            wire::NEWSETELEM => self.elements(family, attributes, false),
            wire::DELSETELEM => self.elements(family, attributes, true),
            wire::NEWSET => {
                self.end_run();
                if let Some(set) = KnownSet::read(family, attributes) {
                    if !set.is_anonymous {
                        self.changes.push(SetChange::Created(set.info.clone()));
                    }
                    self.known.insert(set.info.name.clone(), set);
                }
            }
            wire::DELSET => {
                self.end_run();
                let name = set_name(family, attributes, [wire::SET_TABLE, wire::SET_NAME]);
                if let Some(name) = name {
                    self.delete(name);
                }
            }
            wire::DELTABLE => {
                self.end_run();
                let table = attribute(attributes, wire::TABLE_NAME).and_then(wire::name);
                let family = TableFamily::of(family);
                let is_in_it = |it: &&SetName| it.family == family && Some(&*it.table) == table;
                let sets: Vec<_> = self.known.keys().filter(is_in_it).cloned().collect();
                for name in sets {
                    self.delete(name);
                }
            }
            wire::NEWGEN => self.end_run(),
            _ => {}
        }
    }

    fn delete(&mut self, name: SetName) {
        let set = self.known.remove(&name);
        // One that nobody has heard of could be of any kind.
        if set.is_none_or(|set| !set.is_anonymous) {
            self.changes.push(SetChange::Deleted { set: name });
        }
    }

    fn elements(&mut self, family: u8, attributes: &[u8], is_removal: bool) {
        let name = |kind| attribute(attributes, kind).and_then(wire::name);
        let (Some(table), Some(set)) = (name(wire::ELEMENTS_TABLE), name(wire::ELEMENTS_SET))
        else {
            return;
        };
        let family = TableFamily::of(family);
        let continues = self.run.as_ref().is_some_and(|run| {
            let it = &run.set;
            run.is_removal == is_removal
                && it.family == family
                && it.table == table
                && it.set == set
        });
        if !continues {
            self.end_run();
            self.begin_run(SetName::new(family, table, set), is_removal);
        }
        let Some(RunElements {
            bits,
            elements,
            is_unclear,
            ..
        }) = self.run.as_mut().and_then(|run| run.content.as_mut())
        else {
            return;
        };
        for element in RawElement::read_all(attributes, *bits) {
            match element {
                Some(element) => elements.push(element),
                None => *is_unclear = true,
            }
        }
    }

    fn begin_run(&mut self, set: SetName, is_removal: bool) {
        let content = match self.known.get(&set) {
            Some(known) if known.is_anonymous => None,
            Some(known) => known.info.content.bits().map(|bits| RunElements {
                bits,
                is_interval: known.is_interval,
                elements: Vec::new(),
                is_unclear: false,
            }),
            None => {
                self.changes.push(SetChange::Unclear { set: set.clone() });
                None
            }
        };
        self.run = Some(ElementRun {
            set,
            is_removal,
            content,
        });
    }

    fn end_run(&mut self) {
        let Some(ElementRun {
            set,
            is_removal,
            content: Some(content),
        }) = self.run.take()
        else {
            return;
        };
        let RunElements {
            bits,
            is_interval,
            elements,
            is_unclear,
        } = content;
        let gathered = gather(elements, bits, is_interval, Coverage::Changes);
        let is_unclear = is_unclear || !gathered.is_complete;
        let elements = gathered.elements;
        if !elements.is_empty() {
            let set = set.clone();
            self.changes.push(if is_removal {
                SetChange::Removed { set, elements }
            } else {
                SetChange::Added { set, elements }
            });
        }
        if is_unclear {
            self.changes.push(SetChange::Unclear { set });
        }
    }
}
