//! Turns plain text, as in the files of `crates/tcpentry-cli/manual`, into roff.
//!
//! - A blank line ends a paragraph.
//! - Lines that start with two spaces are shown as they are.
//! - A line `term -- description` is an entry of a list; the lines that follow belong to it, up to a blank
//!   line or the next entry. Inside of a paragraph, ` -- ` is nothing special.

use roff::{Roff, bold, roman};

/// Appends a text to the page.
pub(super) fn render(roff: &mut Roff, text: &str) {
    for block in blocks(text) {
        match block {
            Block::Paragraph(text) => {
                roff.control("PP", []);
                roff.text([roman(text)]);
            }
            Block::Entry { term, description } => {
                roff.control("TP", []);
                roff.text([bold(term)]);
                roff.text([roman(description)]);
            }
            Block::Literal(lines) => {
                roff.control("PP", []);
                roff.control("RS", ["4"]);
                roff.control("nf", []);
                for line in lines {
                    roff.text([roman(line)]);
                }
                roff.control("fi", []);
                roff.control("RE", []);
            }
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Block<'a> {
    Paragraph(String),
    Entry { term: &'a str, description: String },
    Literal(Vec<&'a str>),
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    // The number of blank lines since the last other one: they end a block, unless they are inside a literal one.
    let mut blank = 0;
    for line in text.lines() {
        if line.trim().is_empty() {
            blank += 1;
            continue;
        }
        add(&mut blocks, line, blank);
        blank = 0;
    }
    blocks
}

fn add<'a>(blocks: &mut Vec<Block<'a>>, line: &'a str, blank: usize) {
    let literal = line.strip_prefix("  ").map(str::trim_end);
    let entry = line.split_once(" -- ");
    match (blocks.last_mut(), literal) {
        (Some(Block::Literal(lines)), Some(literal)) => {
            lines.extend(std::iter::repeat_n("", blank));
            lines.push(literal);
        }
        (_, Some(literal)) => blocks.push(Block::Literal(vec![literal])),
        (Some(Block::Paragraph(paragraph)), None) if blank == 0 => append(paragraph, line),
        (Some(Block::Entry { description, .. }), None) if blank == 0 && entry.is_none() => {
            append(description, line);
        }
        (_, None) => blocks.push(match entry {
            Some((term, description)) => Block::Entry {
                term: term.trim(),
                description: description.trim().to_owned(),
            },
            None => Block::Paragraph(line.trim().to_owned()),
        }),
    }
}

fn append(text: &mut String, line: &str) {
    text.push('\n');
    text.push_str(line.trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roff(text: &str) -> String {
        let mut roff = Roff::new();
        render(&mut roff, text);
        roff.to_roff()
    }

    #[test]
    fn paragraphs() {
        assert_eq!(
            roff("One\ntwo.\n\n\nThree -- four"),
            ".PP\nOne\ntwo.\n.TP\n\\fBThree\\fR\nfour\n"
        );
        assert_eq!(roff("One\ntwo -- three"), ".PP\nOne\ntwo \\-\\- three\n");
        assert_eq!(roff(""), "");
    }

    #[test]
    fn entries() {
        assert_eq!(
            roff("0 -- all is well,\nreally\n1 -- not\n\nText."),
            ".TP\n\\fB0\\fR\nall is well,\nreally\n.TP\n\\fB1\\fR\nnot\n.PP\nText.\n"
        );
    }

    #[test]
    fn literal_blocks_keep_their_blank_lines_and_indent() {
        assert_eq!(
            roff("See:\n\n  $ a\n    b\n\n  c\n\nText."),
            ".PP\nSee:\n.PP\n.RS 4\n.nf\n$ a\n  b\n\nc\n.fi\n.RE\n.PP\nText.\n"
        );
    }

    #[test]
    fn nothing_in_a_text_is_a_request_to_roff() {
        assert_eq!(
            roff("  .so /etc/passwd"),
            ".PP\n.RS 4\n.nf\n\\&.so /etc/passwd\n.fi\n.RE\n"
        );
        assert_eq!(roff("a\n.b \\n"), ".PP\na\n\\&.b \\\\n\n");
    }
}
