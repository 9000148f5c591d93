//! The variables of a rule's filter: `$elements` is what the filter language has as the set `@elements`.

/// The variables that events bring, without the `$`.
pub(in crate::command::guard) const VARIABLES: [&str; 3] = ["address", "elements", "former"];

/// A variable in the text of a filter.
#[derive(Debug, PartialEq)]
pub(super) struct Variable<'t> {
    /// Without the `$`.
    pub(super) name: &'t str,
    /// The number of characters before it.
    pub(super) column: usize,
}

/// Replaces each `$NAME` by the set `@NAME`, which is as long, and returns the variables.
pub(super) fn to_sets(text: &str) -> (String, Vec<Variable<'_>>) {
    let mut sets = String::with_capacity(text.len());
    let mut variables = Vec::new();
    for piece in pieces(text) {
        let Some(rest) = piece.strip_prefix('$') else {
            sets.push_str(piece);
            continue;
        };
        let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        variables.push(Variable {
            name: &rest[..end],
            column: sets.chars().count(),
        });
        sets.push('@');
        sets.push_str(rest);
    }
    (sets, variables)
}

/// Replaces each set in the canonical form of a filter by its variable.
pub(super) fn from_sets(text: &str) -> String {
    let mut variables = String::with_capacity(text.len());
    let mut last = "";
    for piece in pieces(text) {
        let set = piece.strip_prefix('@');
        let is_of_end = ["src", "dst", "host"].contains(&last);
        match set.filter(|name| is_of_end && VARIABLES.contains(name)) {
            Some(name) => {
                variables.push('$');
                variables.push_str(name);
            }
            // The name of a process: in quotes it is no variable.
            None if piece.starts_with('$') && piece.contains('\'') => {
                let escaped = piece.replace('\\', r"\\").replace('"', "\\\"");
                variables.extend(["\"", &escaped, "\""]);
            }
            None if piece.starts_with('$') => variables.extend(["'", piece, "'"]),
            None => variables.push_str(piece),
        }
        if !piece.chars().all(char::is_whitespace) {
            last = piece;
        }
    }
    variables
}

/// Splits a filter as its language does: a quoted name, a word, and each blank and operator for itself.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match first {
            '"' | '\'' => quoted_length(rest, first),
            first if is_separator(first) => first.len_utf8(),
            _ => rest.find(is_separator).unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(piece)
    })
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || "()!=<>&|".contains(c)
}

/// Returns the length of the quoted name that begins here, quotes included; of one that does not end, all.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text[1..].find(|c: char| {
        let ends = c == quote && !is_escaped;
        is_escaped = quote == '"' && c == '\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |inside| inside + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_sets_of_the_same_length() {
        for (text, sets, names) in [
            ("dst $elements", "dst @elements", &[("elements", 4)][..]),
            (
                "src=$address or(src $x-y:1)",
                "src=@address or(src @x-y:1)",
                &[("address", 4), ("x-y", 20)],
            ),
            ("process \"a $b\" $", "process \"a $b\" @", &[("", 15)]),
            ("process 'ä $b' $c", "process 'ä $b' @c", &[("c", 15)]),
            ("process a$b", "process a$b", &[]),
            ("process \"\\\"$b", "process \"\\\"$b", &[]),
            ("", "", &[]),
        ] {
            let (found, variables) = to_sets(text);
            let variables: Vec<_> = variables.iter().map(|it| (it.name, it.column)).collect();
            assert_eq!((&*found, &variables[..]), (sets, names), "{text}");
        }
    }

    #[test]
    fn sets_are_variables_again() {
        for (sets, text) in [
            (
                "dst @elements and sport = :22",
                "dst $elements and sport = :22",
            ),
            ("not src @address", "not src $address"),
            ("process @elements", "process @elements"),
            ("process $a", "process '$a'"),
            ("process $a'b", "process \"$a'b\""),
            ("process \"dst @elements\"", "process \"dst @elements\""),
            ("dst @other", "dst @other"),
        ] {
            assert_eq!(from_sets(sets), text);
        }
    }
}
