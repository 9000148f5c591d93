//! The facts that the evaluation of an expression takes.

use super::expr::{Expr, Term};

/// The facts that the evaluation of an expression takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked for on its own, by another caller"
)]
pub(crate) struct Needs {
    /// `INET_DIAG_INFO`
    pub(crate) info: bool,
    /// The holders of the sockets.
    pub(crate) owners: bool,
    /// The paths of the cgroups.
    pub(crate) cgroups: bool,
    /// The marks, which the kernel shows only to `CAP_NET_ADMIN`.
    pub(crate) marks: bool,
    /// The range out of which the kernel chooses local ports.
    pub(crate) local_ports: bool,
    /// The network namespace.
    pub(crate) netns: bool,
    /// The users of sockets.
    pub(crate) users: bool,
}

impl Needs {
    pub(crate) fn of(expr: &Expr) -> Self {
        let any = |is_meant: fn(&Term) -> bool| mentions(expr, &is_meant);
        Self {
            info: any(|term| {
                matches!(term, Term::Idle(..) | Term::Rtt(..) | Term::Retransmits(..))
            }),
            owners: any(|term| matches!(term, Term::Pid { .. } | Term::Process(_))),
            cgroups: any(|term| matches!(term, Term::Unit(_) | Term::Container(_))),
            marks: any(|term| matches!(term, Term::Mark { .. })),
            local_ports: any(|term| *term == Term::Autobound),
            netns: any(|term| matches!(term, Term::Netns { .. })),
            users: any(|term| matches!(term, Term::User { .. })),
        }
    }
}

pub(super) fn mentions(expr: &Expr, is_meant: &impl Fn(&Term) -> bool) -> bool {
    match expr {
        Expr::And(several) | Expr::Or(several) => {
            several.iter().any(|expr| mentions(expr, is_meant))
        }
        Expr::Not(expr) => mentions(expr, is_meant),
        Expr::Term(term) => is_meant(term),
    }
}
