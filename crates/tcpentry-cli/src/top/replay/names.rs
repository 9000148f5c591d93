//! The names in a filter over rows of elsewhere: what they mean there is not known here.

use std::cell::Cell;
use std::io;
use std::net::IpAddr;

use tcpentry::filter::Names;
use tcpentry::process::Process;
use tcpentry::{Interface, SystemNames};

/// Looks up services alone, and notes that others were asked about.
#[derive(Debug, Default)]
pub(super) struct NamesOfElsewhere(Cell<bool>);

impl NamesOfElsewhere {
    /// Returns true where a name was asked about that means nothing here.
    pub(super) fn were_asked(&self) -> bool {
        self.0.get()
    }

    fn unknown<T>(&self) -> Option<T> {
        self.0.set(true);
        None
    }

    fn refused<T>(&self) -> io::Result<T> {
        self.0.set(true);
        Err(io::Error::other("it is a name of elsewhere"))
    }
}

impl Names for NamesOfElsewhere {
    fn service(&self, name: &str) -> Option<u16> {
        SystemNames::service_port(name)
    }

    fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no host is looked up here"))
    }

    fn device(&self, _: &str) -> Option<Interface> {
        self.unknown()
    }

    fn user(&self, _: &str) -> Option<u32> {
        self.unknown()
    }

    fn netns(&self, _: &str) -> io::Result<u64> {
        self.refused()
    }

    fn process(&self, _: i32) -> Option<Process> {
        self.unknown()
    }

    fn cgroup(&self, _: &str) -> io::Result<u64> {
        self.refused()
    }
}
