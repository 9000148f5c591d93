//! The precedence of `and` and `or` on one level: the tree before that is decided, and its readings.

use crate::filter::error::{FilterError, Span, printable};
use crate::filter::expr::{Expr, Filter, all_of, any_of, negated};

/// An expression before it is decided how `and` and `or` of one level bind.
pub(super) enum Tree {
    Leaf(Expr),
    Not(Box<Tree>),
    Level(Box<Tree>, Vec<(Junction, Tree)>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Junction {
    And,
    Or,
}

/// A way to read a level that mixes `and` with `or`. Where it does not, all of them agree.
#[derive(Clone, Copy)]
pub(super) enum Precedence {
    /// As ss 6.1 does.
    LeftToRight,
    /// As its manual says of `and`.
    Tighter(Junction),
}

/// Makes the error that refuses to guess, with the readings to choose from.
pub(super) fn mixed(span: Span, filter: Option<impl Fn(Precedence) -> Filter>) -> FilterError {
    let error = FilterError::new(span, "`and` and `or` are mixed without parentheses");
    let Some(filter) = filter else {
        return error.with_hint("put parentheses around what belongs together");
    };
    let tight_and = filter(Precedence::Tighter(Junction::And));
    let left = filter(Precedence::LeftToRight);
    let hint = if left == tight_and {
        let tight_or = filter(Precedence::Tighter(Junction::Or));
        format!("with `and` first, as ss reads it: `{left}`; with `or` first: `{tight_or}`")
    } else {
        format!(
            "from left to right, as ss 6.1 reads it: `{left}`; with `and` first, as its manual says: `{tight_and}`"
        )
    };
    error.with_hint(printable(&hint))
}

impl Tree {
    /// Returns the deepest nesting of any reading: from left to right each change between `and` and `or` is a level.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Leaf(expr) => expr.depth(),
            Self::Not(tree) => 1 + tree.depth(),
            Self::Level(first, rest) => {
                let turns = rest.windows(2).filter(|two| two[0].0 != two[1].0);
                let inner = rest.iter().map(|(_, tree)| tree.depth()).max();
                1 + turns.count() + first.depth().max(inner.unwrap_or(0))
            }
        }
    }

    pub(super) fn read(&self, reading: Precedence) -> Expr {
        match self {
            Self::Leaf(expr) => expr.clone(),
            Self::Not(tree) => negated(tree.read(reading)),
            Self::Level(first, rest) => {
                let first = first.read(reading);
                let rest = rest.iter().map(|(how, tree)| (*how, tree.read(reading)));
                match reading {
                    Precedence::LeftToRight => {
                        rest.fold(first, |before, (how, next)| how.of(vec![before, next]))
                    }
                    Precedence::Tighter(tight) => {
                        let mut groups = vec![vec![first]];
                        for (how, next) in rest {
                            match groups.last_mut() {
                                Some(group) if how == tight => group.push(next),
                                _ => groups.push(vec![next]),
                            }
                        }
                        let groups = groups.into_iter().map(|group| tight.of(group));
                        tight.other().of(groups.collect())
                    }
                }
            }
        }
    }
}

impl Junction {
    fn of(self, exprs: Vec<Expr>) -> Expr {
        match self {
            Self::And => all_of(exprs),
            Self::Or => any_of(exprs),
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::And => Self::Or,
            Self::Or => Self::And,
        }
    }
}
