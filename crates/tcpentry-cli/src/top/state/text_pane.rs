//! A scrolled text that is shown instead of the table: the help, or the details of a connection.

use super::super::message::{DetailText, SocketTarget};
use super::Focus;

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
    pub(crate) scroll: Scroll,
}
