//! Lines from elsewhere, a host or a recording: none is trusted to end.

use std::io::{self, BufRead, Read as _};

/// The result of a read.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum LineRead {
    /// A line, without its newline.
    Whole,
    /// The beginning of a line that is longer than the limit.
    TooLong,
    End,
}

/// Reads the next line of at most so many bytes into `line`, in place of what is in it.
pub(crate) fn read(
    input: &mut impl BufRead,
    limit: usize,
    line: &mut Vec<u8>,
) -> io::Result<LineRead> {
    line.clear();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    input.take(most).read_until(b'\n', line)?;
    Ok(match line.last() {
        None => LineRead::End,
        Some(b'\n') => {
            line.pop();
            LineRead::Whole
        }
        Some(_) if line.len() > limit => LineRead::TooLong,
        // The last one.
        Some(_) => LineRead::Whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_its_limit() {
        let mut input = &b"ab\n\nabc\nabcd\nx"[..];
        let mut line = Vec::new();
        let mut next = || (read(&mut input, 3, &mut line).unwrap(), line.clone());
        assert_eq!(next(), (LineRead::Whole, b"ab".to_vec()));
        assert_eq!(next(), (LineRead::Whole, Vec::new()));
        assert_eq!(next(), (LineRead::Whole, b"abc".to_vec()));
        assert_eq!(next(), (LineRead::TooLong, b"abcd".to_vec()));
        assert_eq!(next(), (LineRead::Whole, Vec::new()));
        assert_eq!(next(), (LineRead::Whole, b"x".to_vec()));
        assert_eq!(next(), (LineRead::End, Vec::new()));
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert_eq!(
            read(&mut endless, 1000, &mut Vec::new()).unwrap(),
            LineRead::TooLong
        );
    }
}
