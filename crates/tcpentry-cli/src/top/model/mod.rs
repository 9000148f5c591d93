//! The table as data: rows, the frame of one reading, its order, and the text of its cells. No I/O.

mod arrange;
mod arrangement;
mod cell;
mod counters;
mod find;
mod frame;
mod group;
mod host_name;
mod joined_ends;
mod moment;
mod peer_service;
mod predecessors;
mod rate_history;
mod row;
mod row_connection;
mod row_sums;
mod state_counts;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use arrange::{Arranged, Sorter, TableLine};
pub(crate) use arrangement::Arrangement;
pub(crate) use cell::{describe_rates, describe_total, short_state};
pub(crate) use find::Find;
pub(crate) use frame::{Baseline, Frame, HostCount};
pub(crate) use group::{Group, GroupKey};
pub(crate) use host_name::HostName;
pub(crate) use joined_ends::find_pairs;
pub(crate) use moment::Moment;
pub(crate) use peer_service::{FIRST_EPHEMERAL, PeerService};
pub(crate) use row::{
    Change, Deletability, HolderNames, NotDeleted, RateSum, Rates, Resolved, Row, RowKey, RowNames,
};
pub(crate) use state_counts::StateCounts;
