//! Captured messages, as text.

/// Makes bytes of hexadecimal digits, with spaces between them.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|it| !it.is_ascii_whitespace())
        .collect();
    let bytes = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    bytes
        .map(|it| u8::from_str_radix(it, 16).unwrap())
        .collect()
}
