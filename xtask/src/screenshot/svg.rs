//! A screen with its colours, as tmux tells it, becomes a picture made of text.

use std::fmt::Write as _;

/// The picture of a screen that is so many columns wide. No character of it is wide.
pub(super) fn picture(screen: &str, columns: usize) -> String {
    let mut style = Style::default();
    let lines: Vec<_> = screen
        .lines()
        .map(|line| runs(line, &mut style, columns))
        .collect();
    let (width, height) = (columns * CELL + 2 * MARGIN, lines.len() * LINE + 2 * MARGIN);
    let mut out = format!(
        "<!-- made by: cargo xtask screenshot -->\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"{SIZE}\" xml:space=\"preserve\">\n"
    );
    for (number, runs) in lines.iter().enumerate() {
        for run in runs {
            drawn(run, MARGIN + number * LINE, &mut out);
        }
    }
    out + "</g>\n</svg>\n"
}

/// Characters of one style, side by side.
#[derive(Debug, Eq, PartialEq)]
struct Run {
    column: usize,
    text: String,
    style: Style,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Style {
    color: Option<usize>,
    bold: bool,
    reversed: bool,
}

impl Style {
    /// Takes in the parameters of `CSI ... m` (ECMA-48, SGR), of which the program uses a few.
    fn select(&mut self, parameters: &str) {
        let mut parameters = parameters.split(';').map(|it| it.parse().unwrap_or(0));
        while let Some(parameter) = parameters.next() {
            match parameter {
                0 => *self = Self::default(),
                1 => self.bold = true,
                7 => self.reversed = true,
                22 => self.bold = false,
                27 => self.reversed = false,
                color @ 30..=37 => self.color = Some(color - 30),
                // Of the colours by number, the first are the same.
                38 => {
                    self.color = parameters.nth(1).filter(|color| *color < PALETTE.len());
                }
                39 => self.color = None,
                _ => {}
            }
        }
    }
}

fn runs(line: &str, style: &mut Style, columns: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut rest = line;
    loop {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic());
            let Some(end) = end else { break };
            if sequence[end..].starts_with('m') {
                style.select(&sequence[..end]);
            }
            rest = &sequence[end + 1..];
            continue;
        }
        let Some(character) = rest.chars().next() else {
            break;
        };
        rest = &rest[character.len_utf8()..];
        match runs.last_mut().filter(|run| run.style == *style) {
            Some(run) => run.text.push(character),
            None => runs.push(Run {
                column,
                text: character.into(),
                style: *style,
            }),
        }
        column += 1;
    }
    // tmux leaves out the blanks at the end, whatever their style.
    if let Some(last) = runs.last_mut().filter(|run| run.style.reversed) {
        let missing = columns.saturating_sub(column);
        last.text.extend(std::iter::repeat_n(' ', missing));
    }
    runs
}

fn drawn(run: &Run, y: usize, out: &mut String) {
    let Run {
        column,
        text,
        style,
    } = run;
    let color = style.color.map_or(FOREGROUND, |color| PALETTE[color]);
    let (x, width) = (MARGIN + column * CELL, text.chars().count() * CELL);
    let fill = if style.reversed { BACKGROUND } else { color };
    if style.reversed {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{LINE}\" fill=\"{color}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if style.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    // Its length is told, so that columns are straight in whatever font there is.
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" fill=\"{fill}\"{weight}>{}</text>",
        y + BASELINE,
        escaped(text)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace(' ', "\u{a0}")
}

/// In pixels: a cell of a font of this size, whose characters are as wide as those of most monospace fonts.
const SIZE: usize = 15;
const CELL: usize = 9;
const LINE: usize = 19;
const BASELINE: usize = 14;
const MARGIN: usize = 12;
const BACKGROUND: &str = "#1b1e26";
const FOREGROUND: &str = "#d5d9e0";
/// Black, red, green, yellow, blue, magenta, cyan, white.
const PALETTE: [&str; 8] = [
    "#3b404c", "#f2777a", "#92d192", "#f2c66d", "#7aa6f2", "#d99bf2", "#6fcdd6", "#d5d9e0",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_begin_and_end_where_they_are_told_to() {
        let mut style = Style::default();
        let runs = runs("a\u{1b}[1;38;5;1mb<\u{1b}[0m c\u{1b}[7md", &mut style, 8);
        let shown: Vec<_> = runs
            .iter()
            .map(|run| (run.column, &*run.text, run.style.color, run.style.reversed))
            .collect();
        assert_eq!(
            shown,
            [
                (0, "a", None, false),
                (1, "b<", Some(1), false),
                (3, " c", None, false),
                (5, "d  ", None, true)
            ]
        );
    }

    #[test]
    fn text_is_no_markup() {
        let picture = picture("<b> & \u{1b}[32mx", 20);
        assert!(picture.contains("&lt;b&gt;\u{a0}&amp;"));
        assert!(picture.contains(&format!("fill=\"{}\">x</text>", PALETTE[2])));
        assert_eq!(picture.matches("<text").count(), 2);
    }
}
