//! Columns: aligned for people, tab-separated for scripts; streamed either way.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::{Cells, Shape};

/// The name of a column and the alignment of its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnSpec {
    pub(crate) name: &'static str,
    pub(crate) align: Align,
}

impl ColumnSpec {
    /// Creates a column of words.
    pub(crate) const fn left(name: &'static str) -> Self {
        Self {
            name,
            align: Align::Left,
        }
    }

    /// Creates a column of numbers.
    pub(crate) const fn right(name: &'static str) -> Self {
        Self {
            name,
            align: Align::Right,
        }
    }
}

/// Returns the columns that every listing has.
pub(crate) fn columns_of_list() -> Vec<ColumnSpec> {
    vec![
        ColumnSpec::left("STATE"),
        ColumnSpec::right("RECV-Q"),
        ColumnSpec::right("SEND-Q"),
        ColumnSpec::left("LOCAL"),
        ColumnSpec::left("PEER"),
    ]
}

/// Returns the columns that every report of deletions has; the name of the first marks a dry run.
pub(crate) fn columns_of_delete(dry_run: bool) -> Vec<ColumnSpec> {
    let outcome = if dry_run { "DRY-RUN" } else { "OUTCOME" };
    [outcome, "STATE", "LOCAL", "PEER", "METHOD"]
        .map(ColumnSpec::left)
        .to_vec()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Writes rows. For people it holds back the first rows to learn the widths of the columns.
pub(crate) struct Columns<W> {
    out: W,
    shape: Shape,
    specs: Vec<ColumnSpec>,
    widths: Vec<usize>,
    held: Vec<Cells>,
    flowing: bool,
}

impl<W: Write> Columns<W> {
    pub(crate) fn new(out: W, shape: Shape, columns: Vec<ColumnSpec>, header: bool) -> Self {
        let widths = vec![0; columns.len()];
        let mut held = Vec::new();
        if header {
            let style = match shape {
                Shape::Human { color: true } => Style::new().bold(),
                _ => Style::new(),
            };
            let mut names = Cells::default();
            for column in &columns {
                names.styled(column.name, style);
            }
            held.push(names);
        }
        Self {
            out,
            shape,
            specs: columns,
            widths,
            held,
            flowing: false,
        }
    }

    pub(crate) fn row(&mut self, cells: &Cells) -> io::Result<()> {
        debug_assert_eq!(cells.iter().len(), self.specs.len());
        if self.flowing {
            return self.write(cells);
        }
        self.held.push(cells.clone());
        if !self.shape.is_human() || self.held.len() > MAX_HELD {
            self.flow()?;
        }
        Ok(())
    }

    /// Writes whole lines, behind the rows so far.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        self.flow()?;
        self.out.write_all(lines)
    }

    /// Writes the rows that are held back, and flushes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.flow()?;
        self.out.flush()
    }

    fn flow(&mut self) -> io::Result<()> {
        if self.flowing {
            return Ok(());
        }
        self.flowing = true;
        let held = std::mem::take(&mut self.held);
        for cells in &held {
            for (width, (text, _)) in self.widths.iter_mut().zip(cells.iter()) {
                *width = (*width).max(text.width());
            }
        }
        held.iter().try_for_each(|cells| self.write(cells))
    }

    fn write(&mut self, cells: &Cells) -> io::Result<()> {
        let Shape::Human { color } = self.shape else {
            let line = cells.tabbed();
            self.out.write_all(&line[..line.len() - 1])?;
            return self.out.write_all(b"\n");
        };
        let last = self.specs.len().saturating_sub(1);
        for (index, (text, style)) in cells.iter().enumerate() {
            let missing = self.widths[index].saturating_sub(text.width());
            let (before, after) = match self.specs[index].align {
                Align::Right => (missing, 0),
                // Nothing stands behind the last column: no trailing spaces.
                Align::Left if index == last => (0, 0),
                Align::Left => (0, missing),
            };
            write!(self.out, "{:before$}", "")?;
            if color {
                write!(self.out, "{style}{text}{style:#}")?;
            } else {
                self.out.write_all(text.as_bytes())?;
            }
            let separator = if index == last { "\n" } else { "  " };
            write!(self.out, "{:after$}{separator}", "")?;
        }
        Ok(())
    }
}

/// The number of rows that decide the widths.
const MAX_HELD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn show(shape: Shape, rows: &[[&str; 3]]) -> String {
        let columns = [
            ("STATE", Align::Left),
            ("Q", Align::Right),
            ("LOCAL", Align::Left),
        ]
        .map(|(name, align)| ColumnSpec { name, align });
        let mut out = Vec::new();
        let mut printer = Columns::new(&mut out, shape, columns.to_vec(), true);
        for row in rows {
            let mut cells = Cells::default();
            for text in row {
                cells.put(*text);
            }
            printer.row(&cells).unwrap();
        }
        printer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn aligned_for_people() {
        let shown = show(
            Shape::Human { color: false },
            &[["established", "1234", "a"], ["grün", "5", "b"]],
        );
        assert_eq!(
            shown,
            "STATE           Q  LOCAL\nestablished  1234  a\ngrün            5  b\n"
        );
    }

    #[test]
    fn tabs_for_scripts() {
        let shown = show(Shape::Tabs, &[["established", "1234", "a"]]);
        assert_eq!(shown, "STATE\tQ\tLOCAL\nestablished\t1234\ta\n");
    }
}
