//! The connections of a peer that are one service: those that it makes again.

use std::net::IpAddr;

use tcpentry::Pair;

/// A peer, and the port of the service between it and this host: which side has chosen its port anew each time is told by
/// the kernel's range of such ports, and where it is not, either port will do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct PeerService {
    pub(crate) peer: IpAddr,
    local_port: Option<u16>,
    peer_port: Option<u16>,
}

impl PeerService {
    /// Returns the service of a connection.
    pub(crate) fn of(pair: &Pair) -> Self {
        let (local, peer) = (pair.local().port(), pair.peer().port());
        let is_local = local < FIRST_EPHEMERAL || peer >= FIRST_EPHEMERAL;
        let is_peers = peer < FIRST_EPHEMERAL || local >= FIRST_EPHEMERAL;
        Self {
            peer: pair.peer().address().to_canonical(),
            local_port: is_local.then_some(local),
            peer_port: is_peers.then_some(peer),
        }
    }

    /// Returns true for a connection of the peer with the service.
    pub(crate) fn has(&self, pair: &Pair) -> bool {
        let (local, peer) = (pair.local().port(), pair.peer().port());
        pair.peer().address().to_canonical() == self.peer
            && (self.local_port == Some(local) || self.peer_port == Some(peer))
    }

    /// Returns the filter that selects these connections.
    pub(crate) fn term(&self) -> String {
        let address = match self.peer {
            IpAddr::V4(address) => format!("dst {address}"),
            IpAddr::V6(address) => format!("dst [{address}]"),
        };
        let local = self.local_port.map(|port| format!("sport = :{port}"));
        let peer = self.peer_port.map(|port| format!("dport = :{port}"));
        match (local, peer) {
            (Some(local), Some(peer)) => format!("{address} and ( {local} or {peer} )"),
            (local, peer) => format!("{address} and {}", local.or(peer).unwrap_or_default()),
        }
    }
}

/// The first port that Linux chooses by itself, unless it was told otherwise (`ip_local_port_range`).
pub(crate) const FIRST_EPHEMERAL: u16 = 32_768;

#[cfg(test)]
mod tests {
    use tcpentry::{Filter, SystemNames, TcpTable};

    use super::*;

    fn between(local: &str, peer: &str) -> Pair {
        Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_peer_that_comes_again_has_the_same_port_at_one_end() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        for (local, peer, term) in [
            (
                "192.0.2.1:443",
                "198.51.100.7:50000",
                "dst 198.51.100.7 and sport = :443",
            ),
            (
                "192.0.2.1:50000",
                "198.51.100.7:443",
                "dst 198.51.100.7 and dport = :443",
            ),
            (
                "[2001:db8::1]:50051",
                "[2001:db8::2]:40000",
                "dst [2001:db8::2] and ( sport = :50051 or dport = :40000 )",
            ),
            (
                "[::ffff:192.0.2.1]:22",
                "[::ffff:198.51.100.7]:1022",
                "dst 198.51.100.7 and ( sport = :22 or dport = :1022 )",
            ),
        ] {
            let pair = between(local, peer);
            let service = PeerService::of(&pair);
            assert_eq!(service.term(), term);
            assert!(service.has(&pair));
            assert!(Filter::parse(&service.term(), &names).is_ok());
        }
        let service = PeerService::of(&between("192.0.2.1:443", "198.51.100.7:50000"));
        assert!(service.has(&between("192.0.2.1:443", "198.51.100.7:50001")));
        assert!(!service.has(&between("192.0.2.1:22", "198.51.100.7:50000")));
        assert!(!service.has(&between("192.0.2.1:443", "198.51.100.8:50000")));
    }
}
