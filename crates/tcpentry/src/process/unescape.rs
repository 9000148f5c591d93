//! Bytes that are written as digits behind a backslash.

/// Decodes the escapes of `systemd-escape(1)`: `\x2d` is a hyphen.
pub(super) fn unescape_hex(name: &str) -> String {
    String::from_utf8_lossy(&unescape(name.as_bytes(), b"\\x", 2, 16)).into_owned()
}

/// Decodes the escapes of `/proc/PID/mountinfo`: `\040` is a space.
pub(super) fn unescape_octal(field: &[u8]) -> Vec<u8> {
    unescape(field, b"\\", 3, 8)
}

/// Decodes bytes that are written as so many digits behind a mark; anything else stays as it is.
fn unescape(text: &[u8], mark: &[u8], digits: usize, radix: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let code = rest
            .strip_prefix(mark)
            .and_then(|behind| behind.split_at_checked(digits))
            // A sign is not a digit.
            .filter(|(code, _)| code.iter().all(u8::is_ascii_hexdigit))
            .and_then(|(code, behind)| {
                let code = std::str::from_utf8(code).ok()?;
                Some((u8::from_str_radix(code, radix).ok()?, behind))
            });
        let (byte, behind) = code.unwrap_or((byte, behind));
        out.push(byte);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_systemd() {
        for (name, plain) in [
            ("a\\x2db", "a-b"),
            ("\\x2d", "-"),
            ("\\x2", "\\x2"),
            ("\\xzz", "\\xzz"),
            ("\\", "\\"),
            ("\\x+1", "\\x+1"),
            ("gr\\xc3\\xbcn", "grün"),
            ("\\xff", "\u{fffd}"),
        ] {
            assert_eq!(unescape_hex(name), plain, "{name}");
        }
    }
}
