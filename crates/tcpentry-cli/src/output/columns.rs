//! Columns: aligned for people, tab-separated for scripts; streamed either way.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::Shape;

/// A column: its name and which side its cells lean to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) align: Align,
}

impl Column {
    /// One of words.
    pub(crate) const fn left(name: &'static str) -> Self {
        Self {
            name,
            align: Align::Left,
        }
    }

    /// One of numbers.
    pub(crate) const fn right(name: &'static str) -> Self {
        Self {
            name,
            align: Align::Right,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A cell: text without control characters, and its colour.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text.to_string(), Style::new())
    }
}

/// Writes rows. For people it holds back the first rows to learn how wide the columns are.
pub(crate) struct Columns<W> {
    out: W,
    shape: Shape,
    kinds: Vec<Column>,
    widths: Vec<usize>,
    held: Vec<Vec<Cell>>,
    flowing: bool,
}

impl<W: Write> Columns<W> {
    pub(crate) fn new(out: W, shape: Shape, columns: Vec<Column>, header: bool) -> Self {
        let widths = vec![0; columns.len()];
        let held = if header {
            let bold = match shape {
                Shape::Human { color: true } => Style::new().bold(),
                _ => Style::new(),
            };
            vec![
                columns
                    .iter()
                    .map(|column| Cell::styled(column.name, bold))
                    .collect(),
            ]
        } else {
            Vec::new()
        };
        Self {
            out,
            shape,
            kinds: columns,
            widths,
            held,
            flowing: false,
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.kinds.len());
        if self.flowing {
            return self.write(&cells);
        }
        self.held.push(cells);
        if !self.shape.is_human() || self.held.len() > HELD_BACK {
            self.flow()?;
        }
        Ok(())
    }

    /// Writes what is held back, and flushes.
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
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.width());
            }
        }
        held.iter().try_for_each(|cells| self.write(cells))
    }

    fn write(&mut self, cells: &[Cell]) -> io::Result<()> {
        let last = cells.len().saturating_sub(1);
        for (index, cell) in cells.iter().enumerate() {
            match self.shape {
                Shape::Human { color } => self.write_aligned(index, cell, index == last, color)?,
                Shape::Tabs | Shape::Json => self.out.write_all(cell.text.as_bytes())?,
            }
            let separator: &[u8] = match (index == last, self.shape.is_human()) {
                (true, _) => b"\n",
                (false, true) => b"  ",
                (false, false) => b"\t",
            };
            self.out.write_all(separator)?;
        }
        Ok(())
    }

    fn write_aligned(
        &mut self,
        index: usize,
        cell: &Cell,
        last: bool,
        color: bool,
    ) -> io::Result<()> {
        let missing = self.widths[index].saturating_sub(cell.text.width());
        let (before, after) = match self.kinds[index].align {
            Align::Right => (missing, 0),
            // Nothing stands behind the last column: no trailing blanks.
            Align::Left if last => (0, 0),
            Align::Left => (0, missing),
        };
        write!(self.out, "{:before$}", "")?;
        if color {
            write!(self.out, "{}{}{:#}", cell.style, cell.text, cell.style)?;
        } else {
            self.out.write_all(cell.text.as_bytes())?;
        }
        write!(self.out, "{:after$}", "")
    }
}

/// How many rows decide the widths.
const HELD_BACK: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn show(shape: Shape, rows: &[[&str; 3]]) -> String {
        let columns = [
            ("STATE", Align::Left),
            ("Q", Align::Right),
            ("LOCAL", Align::Left),
        ]
        .map(|(name, align)| Column { name, align });
        let mut out = Vec::new();
        let mut printer = Columns::new(&mut out, shape, columns.to_vec(), true);
        for row in rows {
            printer.row(row.map(Cell::from).to_vec()).unwrap();
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
