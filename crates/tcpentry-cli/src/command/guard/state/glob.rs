//! Patterns with `*`, for the names of devices, tables and sets.

/// Returns true if a text is as a pattern says, in which `*` is anything.
pub(crate) fn matches_glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(first) else {
        return false;
    };
    (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .any(|at| matches_glob(rest, &text[at..]))
}
