//! A backend that draws on the terminal and never queries it.
//!
//! `crossterm` queries the cursor by an escape sequence and waits for the answer among the keys, which another thread reads;
//! where the kernel does not report the size, it runs `tput`. Neither is wanted here.

use std::io::{self, BufWriter};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use rustix::stdio::stdout as descriptor;

use crate::output::stdout;
use crate::stream::Stdout;

pub(super) struct Tty(CrosstermBackend<BufWriter<Stdout>>);

impl Tty {
    pub(super) fn new() -> Self {
        Self(CrosstermBackend::new(stdout()))
    }

    /// Returns the writer for commands other than drawing.
    pub(super) const fn out(&mut self) -> &mut CrosstermBackend<BufWriter<Stdout>> {
        &mut self.0
    }
}

impl Backend for Tty {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.0.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    /// Shows the cursor, and never fails.
    ///
    /// `Terminal` shows it when it is dropped, and prints a failure to standard error with `eprintln!`. Where that is the
    /// terminal too, and gone, that panics.
    fn show_cursor(&mut self) -> io::Result<()> {
        let _ = self.0.show_cursor();
        Ok(())
    }

    /// Returns the origin: each frame sets the cursor anyway.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.0.clear_region(clear_type)
    }

    /// Returns the size by `TIOCGWINSZ`, or 80x24 where that is zero, as on a serial line.
    fn size(&self) -> io::Result<Size> {
        let size = rustix::termios::tcgetwinsize(descriptor())?;
        Ok(match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => Size::new(80, 24),
            (columns, lines) => Size::new(columns, lines),
        })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size()?,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.0)
    }
}
