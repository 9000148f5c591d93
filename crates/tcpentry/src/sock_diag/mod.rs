//! The kernel's `sock_diag` interface (`net/ipv4/inet_diag.c`): dump, exact look-up, destroy.
//!
//! This is the only place that knows the wire format. It knows nothing of guards, methods, outcomes
//! or text: [`Diag`] speaks in connections and errnos.

mod attribute;
mod batch;
pub(crate) mod bytecode;
mod channel;
mod details;
mod diag;
mod dump;
#[cfg(test)]
pub(crate) mod fake;
mod family;
mod grace;
mod message;
mod probe;
mod reader;
mod scope;
mod tcp_info;
#[cfg(test)]
mod tests;

pub(crate) use attribute::next_attribute;
#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) use attribute::read_socket;
#[cfg(feature = "fuzz-internals")]
pub(crate) use attribute::read_socket_into;
pub(crate) use batch::DESTROY_BATCH;
#[cfg(any(test, feature = "bench-internals", feature = "fuzz-internals"))]
pub(crate) use channel::Datagram;
pub(crate) use channel::{Channel, NetlinkSocket};
#[cfg(feature = "fuzz-internals")]
pub(crate) use details::read_details;
pub(crate) use diag::Diag;
pub(crate) use dump::{Dump, DumpError};
pub(crate) use family::{AF_INET, AF_INET6};
#[cfg(test)]
pub(crate) use message::testing;
pub(crate) use message::{
    HEADER_LENGTH, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, next_raw,
    result_of,
};
pub(crate) use reader::Reader;
pub(crate) use scope::{Pass, Scope};
