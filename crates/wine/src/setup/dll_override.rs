//! The override of `iphlpapi` in the registry, by which Wine loads the copy in a prefix.

/// The key of the overrides that a user has made.
pub(super) const OVERRIDES: &str = r"HKCU\Software\Wine\DllOverrides";
/// The words that delete the override.
pub(super) const DELETE_OVERRIDE: [&str; 6] = ["reg", "delete", OVERRIDES, "/v", OVERRIDE.0, "/f"];
/// The value by which Wine loads the copy in the prefix.
pub(super) const OVERRIDE: (&str, &str) = ("iphlpapi", "native,builtin");

/// The override that an installation sets, as it is shown.
pub const OUR_OVERRIDE: &str = "iphlpapi=native,builtin";
/// The override of `iphlpapi`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DllOverride {
    /// The one that an installation sets.
    Ours,
    /// Another one.
    Other(String),
    /// None.
    Missing,
}

impl DllOverride {
    /// Returns the override in what `reg query` prints: name, type and text, separated by four spaces.
    pub(super) fn parse(text: &str) -> Self {
        let found: Vec<_> = text.lines().filter_map(parse_value).collect();
        match found[..] {
            [] => Self::Missing,
            [(name, value)] if name.eq_ignore_ascii_case(OVERRIDE.0) && value == OVERRIDE.1 => {
                Self::Ours
            }
            _ => {
                let texts = found.iter().map(|(name, value)| format!("{name}={value}"));
                Self::Other(texts.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Returns the words of the command that deletes an override.
pub fn delete_override_words() -> Vec<&'static str> {
    [&["wine"], &DELETE_OVERRIDE[..]].concat()
}

/// Returns name and text of a value that is about `iphlpapi`.
fn parse_value(line: &str) -> Option<(&str, &str)> {
    let mut cells = line
        .split("    ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    let name = cells.next()?;
    // With an asterisk it is meant for every folder.
    let is_named = ["iphlpapi", "*iphlpapi", "iphlpapi.dll", "*iphlpapi.dll"]
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it));
    let is_text = cells.next() == Some("REG_SZ");
    (is_named && is_text).then(|| (name, cells.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_found_among_others() {
        let printed = "\r\nHKEY_CURRENT_USER\\Software\\Wine\\DllOverrides\r\n    \
            *d3d11    REG_SZ    native\r\n    IPHLPAPI    REG_SZ    native,builtin\r\n\r\n";
        assert_eq!(DllOverride::parse(printed), DllOverride::Ours);
        let other = |text: &str| DllOverride::Other(text.to_owned());
        for (lines, expected) in [
            ("    iphlpapi    REG_SZ    ", other("iphlpapi=")),
            ("    iphlpapi    REG_SZ    native", other("iphlpapi=native")),
            (
                "    *iphlpapi    REG_SZ    native,builtin",
                other("*iphlpapi=native,builtin"),
            ),
            (
                "    iphlpapi    REG_SZ    native,builtin\r\n    *iphlpapi    REG_SZ    builtin",
                other("iphlpapi=native,builtin, *iphlpapi=builtin"),
            ),
            ("    iphlpapi2    REG_SZ    native", DllOverride::Missing),
        ] {
            let printed = format!("\r\nHKEY\r\n{lines}\r\n");
            assert_eq!(DllOverride::parse(&printed), expected, "{lines}");
        }
    }
}
