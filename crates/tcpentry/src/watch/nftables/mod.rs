//! Sets of nftables: what is in them, and what becomes of them.

pub(super) mod change;
pub(super) mod element;
pub(super) mod set;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use self::change::{Decoder, SetChange};
use self::element::{Coverage, RawElement, SetElement, gather};
use self::set::{KnownSet, SetContent, SetInfo, SetName};
use crate::error::{Error, ErrorKind, Operation, Reason};
use crate::netlink::{Conversation, Queue, Subscription};
use crate::privilege::more_rights;
use crate::sock_diag::NetlinkSocket;

/// A watch over the sets of nftables, in the network namespace of the thread that opened it.
///
/// It hears what user space does to sets of the types `ipv4_addr` and `ipv6_addr` (`nft add element`, a ban daemon), also of
/// intervals and with timeouts. Other sets, maps and concatenations are named by [`sets`](Self::sets) as unsupported, and their
/// elements are never guessed. Anonymous sets are passed over, and so are sets whose names are not UTF-8. The kernel announces
/// neither the elements that rules add from the packet path nor those that expire (Linux 6.18): to see them, read the
/// [`elements`](Self::elements).
///
/// It takes `CAP_NET_ADMIN` in the user namespace that owns the network namespace.
///
/// ```
/// use tcpentry::watch::{SetChange, SetWatch};
///
/// let mut watch = match SetWatch::open() {
///     Ok(watch) => watch,
///     // No right, or a kernel without nf_tables.
///     Err(error) => return println!("{error}; {}", error.hint().unwrap_or_default()),
/// };
/// // Here a service would wait: poll(2) for POLLIN.
/// for change in watch.read().unwrap() {
///     match change {
///         SetChange::Added { set, elements } => {
///             let prefixes = elements.iter().map(|element| element.prefix);
///             println!("{set}: {} banned", prefixes.count());
///         }
///         SetChange::Unclear { set } => println!("{:?}", watch.elements(&set)),
///         SetChange::Lost => println!("{:?}", watch.sets()),
///         _ => {}
///     }
/// }
/// ```
pub struct SetWatch {
    socket: NetlinkSocket,
    events: Subscription,
    conversation: Conversation,
    decoder: Decoder,
    /// Set where events were lost, until the sets are known again.
    is_behind: bool,
}

impl SetWatch {
    /// Opens a socket of `NETLINK_NETFILTER` that hears of `NFNLGRP_NFTABLES`.
    ///
    /// Its receive buffer is 16 MiB (`SO_RCVBUFFORCE`), which the kernel takes only as far as events lie in it: enough for
    /// 250,000 elements in one transaction (Linux 6.18). Without `CAP_NET_ADMIN` over the host it is as large as `net.core.rmem_max` allows.
    ///
    /// # Errors
    /// `AccessDenied` ([`Reason::NoNetAdmin`]) without `CAP_NET_ADMIN`; `NotSupported` ([`Reason::NoNfTables`]) where the
    /// kernel has no nf_tables.
    pub fn open() -> Result<Self, Error> {
        let open = || {
            let socket = NetlinkSocket::open_for_netfilter()?;
            // As large as it may be: what does not fit is reported.
            let _ = socket.set_receive_buffer(RECEIVE_BUFFER);
            socket.join(wire::NFTABLES_GROUP)?;
            Ok((socket, NetlinkSocket::open_for_netfilter()?))
        };
        let (socket, other) =
            open().map_err(|errno| failed("open a socket of nfnetlink", errno))?;
        let events = Subscription::over(socket.clone());
        let mut this = Self {
            socket,
            events,
            conversation: Conversation::over(other),
            decoder: Decoder::default(),
            is_behind: false,
        };
        this.catch_up()?;
        Ok(this)
    }

    /// Reads the changes that have come, without waiting; none where nothing has happened. Those of a transaction come when all of it is
    /// there.
    ///
    /// # Errors
    /// Fails where the socket can't be read, or where the sets can't be read anew after a loss; then the next call tries that again.
    pub fn read(&mut self) -> Result<Vec<SetChange>, Error> {
        let decoder = &mut self.decoder;
        let queue = self.events.drain(|kind, body| decoder.message(kind, body));
        match queue.map_err(|errno| failed("read from nfnetlink", errno))? {
            Queue::Overrun => self.is_behind = true,
            Queue::Empty | Queue::Unfinished => {}
        }
        let mut changes = self.decoder.take();
        if self.is_behind {
            self.catch_up()?;
            changes.push(SetChange::Lost);
        }
        Ok(changes)
    }

    /// Returns the sets that have names: `NFT_MSG_GETSET`.
    ///
    /// # Errors
    /// As [`open`](Self::open) does; and `Os` (`EAGAIN`) where the sets keep changing while they are read.
    pub fn sets(&mut self) -> Result<Vec<SetInfo>, Error> {
        let sets = dump_sets(&mut self.conversation)?;
        let named = sets.into_iter().filter(|set| !set.is_anonymous);
        Ok(named.map(|set| set.info).collect())
    }

    /// Returns the elements of a set, also those that rules have added: `NFT_MSG_GETSETELEM`.
    ///
    /// A range that is no prefix comes as several prefixes.
    ///
    /// # Errors
    /// `NotFound` where there is no such set; `NotSupported` where its elements are not addresses; `Os` (`EAGAIN`) where it
    /// keeps changing while it is read.
    pub fn elements(&mut self, set: &SetName) -> Result<Vec<SetElement>, Error> {
        for _ in 0..ATTEMPTS {
            let known = find_set(&mut self.conversation, set)?;
            let bits = match known.info.content {
                SetContent::Unsupported(why) => {
                    let cause = format!("{set}: {why}");
                    let error = Error::new(Operation::ReadSets, ErrorKind::NotSupported, cause);
                    return Err(
                        error.with_hint("only sets of the types ipv4_addr and ipv6_addr are read")
                    );
                }
                SetContent::Ipv4 => 32,
                SetContent::Ipv6 => 128,
            };
            let elements = dump_elements(&mut self.conversation, set, bits)?;
            // Another set may have had this name when the elements were read.
            if find_set(&mut self.conversation, set)? == known {
                return Ok(gather(elements, bits, known.is_interval, Coverage::Set).elements);
            }
        }
        Err(failed("read the elements", Errno::AGAIN))
    }

    /// Learns the sets as they are, and discards the changes before: whoever opens has read nothing yet, and whoever has lost events
    /// reads everything anew.
    ///
    /// The events that are queued may be older than what is learnt. They are applied all the same, since the last one of each set agrees with
    /// it; only what they say of elements may have been read by the wrong kind of a set.
    fn catch_up(&mut self) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let decoder = &mut self.decoder;
            decoder.reset(dump_sets(&mut self.conversation)?);
            let queue = self.events.drain(|kind, body| decoder.message(kind, body));
            drop(decoder.take());
            if queue.map_err(|errno| failed("read from nfnetlink", errno))? == Queue::Empty {
                self.is_behind = false;
                return Ok(());
            }
        }
        Err(failed("read the sets", Errno::AGAIN))
    }
}

impl AsFd for SetWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for SetWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetWatch").finish_non_exhaustive()
    }
}

fn dump_sets(conversation: &mut Conversation) -> Result<Vec<KnownSet>, Error> {
    let question = wire::question(wire::GETSET, 0, None);
    let sets = conversation.collect(&question, |sets, kind, body| {
        sets.extend(read_set(kind, body));
    });
    sets.map_err(|errno| match errno {
        // So nfnetlink refuses a subsystem that it does not have.
        Errno::INVAL => failed("read the sets", Errno::OPNOTSUPP),
        errno => failed("read the sets", errno),
    })
}

fn find_set(conversation: &mut Conversation, set: &SetName) -> Result<KnownSet, Error> {
    let missing = || {
        let cause = format!("there is no set {set}");
        Error::new(Operation::ReadSets, ErrorKind::NotFound, cause)
            .with_hint("`nft list sets` shows those of this network namespace")
    };
    if !set.is_possible() {
        return Err(missing());
    }
    let names = [(wire::SET_TABLE, &*set.table), (wire::SET_NAME, &*set.set)];
    let question = wire::question(wire::GETSET, set.family.number(), Some(names));
    let found = conversation.collect(&question, |sets, kind, body| {
        sets.extend(read_set(kind, body));
    });
    match found {
        Ok(found) => found.into_iter().next().ok_or_else(missing),
        Err(Errno::NOENT) => Err(missing()),
        Err(errno) => Err(failed("find the set", errno)),
    }
}

fn dump_elements(
    conversation: &mut Conversation,
    set: &SetName,
    bits: u8,
) -> Result<Vec<RawElement>, Error> {
    let names = [
        (wire::ELEMENTS_TABLE, &*set.table),
        (wire::ELEMENTS_SET, &*set.set),
    ];
    let question = wire::question(wire::GETSETELEM, set.family.number(), Some(names));
    let elements = conversation.collect(&question, |elements, kind, body| {
        if let Some((wire::NEWSETELEM, _, attributes)) = wire::split(kind, body) {
            elements.extend(RawElement::read_all(attributes, bits).flatten());
        }
    });
    elements.map_err(|errno| failed("read the elements", errno))
}

fn read_set(kind: u16, body: &[u8]) -> Option<KnownSet> {
    match wire::split(kind, body)? {
        (wire::NEWSET, family, attributes) => KnownSet::read(family, attributes),
        _ => None,
    }
}

/// Makes the error of a system call, or of an answer of the kernel.
fn failed(doing: &str, errno: Errno) -> Error {
    let operation = Operation::ReadSets;
    match errno {
        Errno::PERM | Errno::ACCESS => Error::denied(
            operation,
            "it takes CAP_NET_ADMIN over this network namespace",
        )
        .because(Reason::NoNetAdmin)
        .with_hint(more_rights())
        .with_errno(errno),
        // No NETLINK_NETFILTER, or no nf_tables behind it.
        Errno::PROTONOSUPPORT | Errno::OPNOTSUPP => {
            let cause = "this kernel has no nf_tables";
            Error::new(operation, ErrorKind::NotSupported, cause)
                .because(Reason::NoNfTables)
                .with_hint("`modprobe nf_tables` loads the module, where there is one")
                .with_errno(errno)
        }
        Errno::AGAIN => Error::os(operation, doing, errno)
            .with_hint("they changed while they were read, again and again: try it later"),
        errno => Error::os(operation, doing, errno),
    }
}

/// As large as that of `nft monitor`.
const RECEIVE_BUFFER: usize = 16 << 20;
/// So often is read what others change meanwhile.
const ATTEMPTS: usize = 5;
