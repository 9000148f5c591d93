//! Exact names of connections, as Python has them: identities, connections that were listed, and pairs of addresses.

use pyo3::prelude::*;
use tcpentry::{Endpoint, Interface, Pair, ScopedEndpoint, Target, TcpTable};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::identity::Identity;

/// One identity, in any of its forms.
#[derive(FromPyObject)]
pub(crate) enum IdentityArgument<'py> {
    Identity(Identity),
    Connection(PyRef<'py, Connection>),
    Text(String),
}

impl IdentityArgument<'_> {
    fn read(&self) -> Result<tcpentry::Identity, Failure> {
        match self {
            Self::Identity(Identity(identity)) => Ok(*identity),
            Self::Connection(connection) => Ok(connection.name()),
            Self::Text(text) => text.parse().map_err(Failure::value),
        }
    }
}

/// One identity, or several.
#[derive(FromPyObject)]
pub(crate) enum IdentitiesArgument<'py> {
    One(IdentityArgument<'py>),
    Several(Vec<IdentityArgument<'py>>),
}

impl IdentitiesArgument<'_> {
    /// Reads all of them.
    pub(crate) fn read(&self) -> Result<Vec<tcpentry::Identity>, Failure> {
        match self {
            Self::One(one) => Ok(vec![one.read()?]),
            Self::Several(several) => several.iter().map(IdentityArgument::read).collect(),
        }
    }
}

/// One end: a text in any notation, or a tuple as the socket module makes it.
#[derive(FromPyObject)]
pub(crate) enum EndArgument {
    Text(String),
    Inet((String, u16)),
    /// Address, port, flow information and scope.
    Inet6((String, u16, u32, u32)),
}

impl EndArgument {
    /// Reads it; the device is the scope of a link-local address.
    fn read(&self) -> Result<ScopedEndpoint, Failure> {
        let (address, port, scope) = match self {
            Self::Text(text) => return text.parse().map_err(Failure::value),
            Self::Inet((address, port)) => (address, *port, 0),
            Self::Inet6((address, port, _, scope)) => (address, *port, *scope),
        };
        // Python writes the scope of a link-local address behind it, too.
        let (address, written) = match address.split_once('%') {
            Some((address, device)) => (address, Some(device)),
            None => (&**address, None),
        };
        let parsed = address.parse().map_err(|_| Failure::Value {
            message: format!("`{}` is not an IP address", address.escape_debug()),
            hint: Some("names of hosts are for filters: `host NAME`".to_owned()),
        })?;
        let end = Endpoint::new(parsed, port);
        match (Interface::new(scope), written) {
            (Some(scope), _) => Ok(ScopedEndpoint::new(
                end,
                Some(tcpentry::connection::Device::Index(scope)),
            )),
            (None, Some(device)) => format!("[{address}%{device}]:{port}")
                .parse()
                .map_err(Failure::value),
            (None, None) => Ok(ScopedEndpoint::new(end, None)),
        }
    }
}

/// The two ends of a connection as an argument.
pub(crate) type PairArgument = (EndArgument, EndArgument);

/// The exact names of connections, which are looked up.
pub(crate) enum Names {
    Pair(ScopedEndpoint, ScopedEndpoint),
    Identities(Vec<tcpentry::Identity>),
}

impl Names {
    /// Reads a pair.
    pub(crate) fn of_pair((local, peer): &PairArgument) -> Result<Self, Failure> {
        let (local, peer) = (local.read()?, peer.read()?);
        // The families are compared before any table is opened.
        Pair::new(local.endpoint, peer.endpoint).map_err(Failure::value)?;
        Ok(Self::Pair(local, peer))
    }

    /// Returns what is to be looked for in a table.
    pub(crate) fn targets(&self, table: &TcpTable) -> Result<Vec<Target>, tcpentry::Error> {
        match self {
            Self::Pair(local, peer) => Ok(vec![table.resolve(local, peer)?.into()]),
            Self::Identities(all) => Ok(all.iter().copied().map(Target::from).collect()),
        }
    }
}
