//! The settings that are kept between runs.

use std::time::Duration;

use crate::args::{Grouping, Palette, TopColumn};

/// The settings of a file; what is missing there is as without it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct KeptSettings {
    pub(crate) columns: Vec<TopColumn>,
    pub(crate) sort: Option<TopColumn>,
    /// The order is not the natural one of the column.
    pub(crate) reverse: bool,
    pub(crate) interval: Option<Duration>,
    pub(crate) group: Option<Grouping>,
    pub(crate) theme: Option<Palette>,
}
