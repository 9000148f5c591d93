//! Graphs of one line: bars of braille dots, or of ASCII.

use super::Signs;

/// Returns bars for values, two in each column of the screen; the largest of all is the highest. What is unknown is blank.
pub(super) fn graph(values: &[Option<f32>], signs: Signs) -> String {
    let known = values.iter().flatten();
    let largest = known.copied().fold(0.0, f32::max);
    let height = |value: &Option<f32>| match value {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at most the height of a bar"
        )]
        Some(value) if *value > 0.0 => (value / largest * MAX_HEIGHT).ceil() as usize,
        _ => 0,
    };
    // The latest is at the right edge of its column.
    let odd = values.len() % 2;
    let heights = std::iter::repeat_n(0, odd).chain(values.iter().map(height));
    let heights: Vec<_> = heights.collect();
    let pairs = heights.chunks_exact(2);
    let bars = if signs.has_braille { braille } else { ascii };
    pairs.map(|pair| bars(pair[0], pair[1])).collect()
}

/// Returns the braille character of two bars.
fn braille(left: usize, right: usize) -> char {
    const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
    const RIGHT: [u32; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
    match LEFT[left] | RIGHT[right] {
        0 => ' ',
        dots => char::from_u32(0x2800 | dots).unwrap_or(' '),
    }
}

/// Returns the ASCII character of the higher one of two bars.
fn ascii(left: usize, right: usize) -> char {
    [' ', '.', ':', '+', '#'][left.max(right)]
}

/// The height of the largest bar, in dots.
const MAX_HEIGHT: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_the_highest_and_what_moves_is_seen() {
        let values = [
            None,
            Some(0.0),
            Some(0.001),
            Some(1.0),
            Some(2.0),
            Some(4.0),
        ];
        assert_eq!(graph(&values, Signs::UTF_8), " ⣀⣼");
        assert_eq!(graph(&values, Signs::ASCII), " .#");
        assert_eq!(graph(&values[1..], Signs::ASCII), " .#");
        assert_eq!(graph(&[], Signs::ASCII), "");
        assert_eq!(graph(&[Some(0.0); 4], Signs::ASCII), "  ");
    }
}
