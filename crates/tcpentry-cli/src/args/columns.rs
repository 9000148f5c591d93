//! The names that `top` takes for `--columns`, `--sort` and `--group`.

use clap::ValueEnum;

/// A column of `top`; the doc comment of each is its description in the help and on the screen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum TopColumn {
    /// TCP state
    State,
    /// Local end
    Local,
    /// Peer's end
    Peer,
    /// Processes that hold the socket
    Process,
    /// User the socket belongs to
    User,
    /// Container or systemd unit
    Unit,
    /// Network namespace
    Netns,
    /// Host, where --on names several
    Host,
    /// Bytes received and not yet read
    #[value(name = "recvq")]
    RecvQueue,
    /// Bytes sent and not yet acknowledged
    #[value(name = "sendq")]
    SendQueue,
    /// Round-trip time
    Rtt,
    /// Retransmits, current and total
    #[value(name = "retrans")]
    Retransmits,
    /// Time since data last moved, in either direction
    Idle,
    /// Bytes received per second
    #[value(name = "in")]
    Received,
    /// Bytes sent and acknowledged per second
    #[value(name = "out")]
    Sent,
    /// Bytes moved per second at the last 16 refreshes, as a graph
    History,
    /// Method by which you may delete it, or why not
    DeleteBy,
    /// Connections of the group
    Count,
}

impl TopColumn {
    /// The columns shown where none were chosen, in their order.
    pub(crate) const DEFAULT: [Self; 13] = [
        Self::State,
        Self::Local,
        Self::Peer,
        Self::Process,
        Self::Idle,
        Self::RecvQueue,
        Self::SendQueue,
        Self::Received,
        Self::Sent,
        Self::History,
        Self::Retransmits,
        Self::User,
        Self::Unit,
    ];

    /// Returns all columns, in the order of the help.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns the name that `--sort` takes.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the description that the help gives.
    pub(crate) fn description(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }
}

/// The property by which `top` groups rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Grouping {
    #[default]
    None,
    /// Process, with those of its children that have its name
    Process,
    User,
    Peer,
    /// Network of the peer: 24 bits of IPv4, 64 of IPv6
    Network,
    /// Local port, with its service
    Port,
    /// Container or systemd unit
    #[value(name = "container")]
    Unit,
    Netns,
    /// Host, where --on names several
    Host,
    State,
}

impl Grouping {
    /// Returns the name that `--group` takes.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the column that shows the names of the groups.
    pub(crate) const fn column(self) -> Option<TopColumn> {
        Some(match self {
            Self::None => return None,
            Self::Process => TopColumn::Process,
            Self::User => TopColumn::User,
            Self::Peer | Self::Network => TopColumn::Peer,
            Self::Port => TopColumn::Local,
            Self::Unit => TopColumn::Unit,
            Self::Netns => TopColumn::Netns,
            Self::Host => TopColumn::Host,
            Self::State => TopColumn::State,
        })
    }

    /// Returns the grouping after this one, cyclically.
    pub(crate) fn next(self) -> Self {
        let all = Self::value_variants();
        let place = all.iter().position(|it| *it == self).unwrap_or_default();
        all[(place + 1) % all.len()]
    }

    /// Returns the grouping before this one, cyclically.
    pub(crate) fn previous(self) -> Self {
        let mut grouping = self;
        while grouping.next() != self {
            grouping = grouping.next();
        }
        grouping
    }
}

/// The colours of `top`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Palette {
    /// For a dark background
    #[default]
    Dark,
    /// For a light background
    Light,
    /// No colours
    None,
}

impl Palette {
    /// Returns the name that is kept.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the one after this one, cyclically.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::None,
            Self::None => Self::Dark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_described() {
        for column in TopColumn::value_variants() {
            assert!(!column.description().is_empty(), "{column:?}");
        }
    }

    #[test]
    fn the_groupings_form_a_cycle() {
        let mut grouping = Grouping::None;
        for _ in Grouping::value_variants() {
            assert_eq!(Grouping::from_str(&grouping.name(), false), Ok(grouping));
            assert_eq!(grouping.next().previous(), grouping);
            grouping = grouping.next();
        }
        assert_eq!(grouping, Grouping::None);
    }
}
