//! A scrolled text that is shown instead of the table: the help, or the details of a connection.

use std::time::Duration;

use super::super::message::{DetailText, SocketTarget};
use super::Focus;
use super::detail_history::DetailHistory;

/// The scroll position in a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scroll {
    /// The number of lines above the screen.
    pub(crate) offset: usize,
    /// The number of lines of the text, once it has been drawn.
    pub(crate) lines: usize,
}

impl Scroll {
    /// Scrolls down by this many lines, or up, until the end is on a screen of this height.
    pub(super) fn by(&mut self, lines: isize, height: usize) {
        let last = (self.lines + 1).saturating_sub(height);
        self.offset = self.offset.saturating_add_signed(lines).min(last);
    }
}

/// The list of keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HelpPane {
    pub(crate) scroll: Scroll,
    /// The part to which closing it returns.
    pub(super) behind: Focus,
}

/// The details of one connection.
#[derive(Clone, Debug)]
pub(crate) struct DetailsPane {
    pub(crate) target: SocketTarget,
    /// `None` until the worker has answered.
    pub(crate) text: Option<Box<DetailText>>,
    pub(crate) history: DetailHistory,
    /// Counters are shown by the kernel's names.
    pub(crate) has_kernel_names: bool,
    pub(crate) scroll: Scroll,
}

impl DetailsPane {
    pub(super) fn new(target: SocketTarget) -> Self {
        Self {
            target,
            text: None,
            history: DetailHistory::default(),
            has_kernel_names: false,
            scroll: Scroll::default(),
        }
    }

    /// Takes what was read; that is done at this interval.
    pub(super) fn take(&mut self, text: Box<DetailText>, interval: Duration) {
        self.history.add(text.reading, interval);
        self.text = Some(text);
    }
}
