//! Draws a terminal's screen, colours and all, as an SVG made of text.

use anstyle::{Color, RgbColor};
use anstyle_svg::{Palette, Term};

/// Returns the picture of a screen that tmux has captured with its escape sequences.
pub(super) fn of(screen: &str) -> String {
    let svg = Term::new()
        .palette(PALETTE)
        .fg_color(Color::Rgb(FOREGROUND))
        .bg_color(Color::Rgb(BACKGROUND))
        .render_svg(screen.trim_end_matches('\n'));
    format!("<!-- made by: cargo xtask screenshot -->\n{svg}")
}

const BACKGROUND: RgbColor = RgbColor(0x1b, 0x1e, 0x26);
const FOREGROUND: RgbColor = RgbColor(0xd5, 0xd9, 0xe0);
/// Black, red, green, yellow, blue, magenta, cyan, white, and bright ones alike: the program uses the first eight.
const PALETTE: Palette = Palette([
    BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, FOREGROUND, BLACK, RED, GREEN, YELLOW, BLUE,
    MAGENTA, CYAN, FOREGROUND,
]);
const BLACK: RgbColor = RgbColor(0x3b, 0x40, 0x4c);
const RED: RgbColor = RgbColor(0xf2, 0x77, 0x7a);
const GREEN: RgbColor = RgbColor(0x92, 0xd1, 0x92);
const YELLOW: RgbColor = RgbColor(0xf2, 0xc6, 0x6d);
const BLUE: RgbColor = RgbColor(0x7a, 0xa6, 0xf2);
const MAGENTA: RgbColor = RgbColor(0xd9, 0x9b, 0xf2);
const CYAN: RgbColor = RgbColor(0x6f, 0xcd, 0xd6);
