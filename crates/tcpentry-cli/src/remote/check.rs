//! The words of a filter before they are sent: what is wrong with them is said once, and by no host.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tcpentry::filter::{Names, PrefixSet};
use tcpentry::process::Process;
use tcpentry::{Filter, Interface};

use super::input::SetInputs;
use crate::exit::Exit;
use crate::tables::selection::SelectionError;
use crate::usage;

/// Parses a filter, if there is one; where it is wrong, says so and returns the exit code.
pub(super) fn filter(words: &[String], sets: &SetInputs) -> Result<Option<Filter>, Exit> {
    if words.iter().all(String::is_empty) {
        return Ok(None);
    }
    match Filter::parse_words(words, &NamesElsewhere { sets }) {
        Ok(filter) => Ok(Some(filter)),
        Err(error) => {
            let text = words.join(" ");
            let refusal = SelectionError::Filter { error, text };
            Err(usage::print_refusal(&refusal, Exit::of_listing))
        }
    }
}

/// Names that are looked up on other hosts: any may be there.
struct NamesElsewhere<'a> {
    sets: &'a SetInputs,
}

impl Names for NamesElsewhere<'_> {
    fn service(&self, _: &str) -> Option<u16> {
        Some(1)
    }

    fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    fn device(&self, _: &str) -> Option<Interface> {
        Interface::new(1)
    }

    fn user(&self, _: &str) -> Option<u32> {
        Some(0)
    }

    fn netns(&self, _: &str) -> io::Result<u64> {
        Ok(1)
    }

    fn process(&self, _: i32) -> Option<Process> {
        None
    }

    fn cgroup(&self, _: &str) -> io::Result<u64> {
        Ok(1)
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        self.sets.has(name).then(Arc::default)
    }

    fn set_names(&self) -> Vec<&str> {
        self.sets.names()
    }
}
