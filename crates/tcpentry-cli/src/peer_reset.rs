//! The words for what the peer of a deleted connection learned: of `delete`, its log, and the log of `top`.

use tcpentry::Endpoint;
use tcpentry::delete::{Ending, NoReset, PeerReset};

/// Describes the way in which a connection was ended: the method, and its peer where that is out of the ordinary.
pub(crate) fn describe(ending: Ending, local: Endpoint) -> String {
    let Ending { method, reset, .. } = ending;
    let address = local.address();
    match (reset, reset.kept_back()) {
        (_, Some(reason)) => {
            let because = because(reason);
            format!(
                "by {method}, but its peer was not notified: {address} is no longer on this host, and {because}"
            )
        }
        (PeerReset::SentFromLostAddress, None) => {
            format!(
                "by {method}, and its peer was notified although {address} is no longer on this host"
            )
        }
        (_, None) => format!("by {method}"),
    }
}

/// Returns the rest of a sentence that says why a reset did not leave.
pub(crate) fn because(reason: NoReset) -> String {
    match reason {
        NoReset::Method => "--method sock-diag borrows no descriptor".to_owned(),
        reason => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tcpentry::Method;

    use super::*;

    #[test]
    fn only_what_is_out_of_the_ordinary_is_said() {
        let local = "10.0.0.50:80".parse().unwrap();
        let said = |reset| {
            let mut ending = Ending::foreseen(Method::SockDiag);
            ending.reset = reset;
            describe(ending, local)
        };
        for usual in [
            PeerReset::Sent,
            PeerReset::Unknown,
            PeerReset::NotSent(NoReset::State),
        ] {
            assert_eq!(said(usual), "by sock-diag");
        }
        assert_eq!(
            said(PeerReset::SentFromLostAddress),
            "by sock-diag, and its peer was notified although 10.0.0.50 is no longer on this host"
        );
        assert_eq!(
            said(PeerReset::NotSent(NoReset::NoRoute)),
            "by sock-diag, but its peer was not notified: 10.0.0.50 is no longer on this host, and there is no route to the peer"
        );
    }
}
