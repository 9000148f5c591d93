//! Graphs of one line: bars of braille dots, or of ASCII.

use super::Signs;

/// Returns a chart of so many lines, the highest first: two values in each column, the largest of all is the highest.
///
/// What is known has at least a dot, what is unknown has none.
pub(super) fn chart(values: &[Option<f32>], lines: usize, signs: Signs) -> Vec<String> {
    let largest = values.iter().flatten().copied().fold(0.0, f32::max);
    #[expect(clippy::cast_precision_loss, reason = "there are a few lines")]
    let most = MAX_HEIGHT * lines as f32 - 1.0;
    let height = |value: &Option<f32>| match value {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at most the height of a chart"
        )]
        Some(value) if *value > 0.0 => 1 + (value / largest * most).ceil() as usize,
        Some(_) => 1,
        None => 0,
    };
    // The latest is at the right edge of its column.
    let odd = values.len() % 2;
    let heights: Vec<_> = std::iter::repeat_n(0, odd)
        .chain(values.iter().map(height))
        .collect();
    let bars = if signs.has_braille { braille } else { ascii };
    let line = |below: usize| {
        let part = |height: usize| height.saturating_sub(below * 4).min(4);
        let pairs = heights.chunks_exact(2);
        pairs
            .map(|pair| bars(part(pair[0]), part(pair[1])))
            .collect()
    };
    (0..lines).rev().map(line).collect()
}

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
    fn a_chart_has_a_dot_for_0_and_none_for_what_is_unknown() {
        let values = [
            None,
            None,
            Some(0.0),
            Some(0.0),
            Some(1.0),
            Some(8.0),
            None,
            Some(4.0),
        ];
        assert_eq!(chart(&values, 1, Signs::UTF_8), [" ⣀⣼⢰"]);
        assert_eq!(chart(&values, 2, Signs::ASCII), ["  #.", " .##"]);
        assert_eq!(chart(&values[1..], 1, Signs::ASCII), [" .#+"]);
        assert_eq!(chart(&[], 2, Signs::ASCII), ["", ""]);
    }

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
