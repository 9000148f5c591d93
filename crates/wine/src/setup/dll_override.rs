//! The override of `iphlpapi` in the registry, by which Wine loads the copy in a prefix.

/// The key of the overrides that a user has made.
pub(super) const OVERRIDES: &str = r"HKCU\Software\Wine\DllOverrides";
/// The value by which Wine loads the copy in the prefix.
pub(super) const OVERRIDE: (&str, &str) = ("iphlpapi", "native,builtin");

/// The override that an installation sets, as it is shown.
pub const OUR_OVERRIDE: &str = "iphlpapi=native,builtin";
/// The override of `iphlpapi`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DllOverride {
    /// The one that an installation sets.
    Ours,
    /// Another one, or several.
    Other {
        /// A value of these in the registry, without regard to case.
        name: &'static str,
        /// All of these, as they are shown.
        text: String,
    },
    /// None.
    Missing,
}

impl DllOverride {
    /// Returns the override in what `reg query` prints: name, type and text, separated by four spaces.
    pub(super) fn parse(text: &str) -> Self {
        let found: Vec<_> = text.lines().filter_map(parse_value).collect();
        match found[..] {
            [] => Self::Missing,
            [OVERRIDE] => Self::Ours,
            [first, ..] => {
                let other = found.iter().find(|value| **value != OVERRIDE);
                let texts = found.iter().map(|(name, value)| format!("{name}={value}"));
                Self::Other {
                    name: other.unwrap_or(&first).0,
                    text: texts.collect::<Vec<_>>().join(", "),
                }
            }
        }
    }

    /// Returns it as it is shown.
    pub fn text(&self) -> &str {
        match self {
            Self::Ours => OUR_OVERRIDE,
            Self::Other { text, .. } => text,
            Self::Missing => "none",
        }
    }

    /// Returns the words of the command that deletes it, or one of several.
    pub fn words_to_delete(&self) -> Vec<&'static str> {
        let name = match self {
            Self::Other { name, .. } => name,
            Self::Ours | Self::Missing => OVERRIDE.0,
        };
        let mut words = vec!["wine"];
        words.extend(delete_words(name));
        words
    }
}

/// Returns the words of `wine` that delete an override by its name.
pub(super) fn delete_words(name: &str) -> [&str; 6] {
    ["reg", "delete", OVERRIDES, "/v", name, "/f"]
}

/// Returns name and text of a value that is about `iphlpapi`.
fn parse_value(line: &str) -> Option<(&'static str, &str)> {
    let mut cells = line
        .split("    ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    let name = cells.next()?;
    // With an asterisk it is meant for every folder.
    let name = ["iphlpapi", "*iphlpapi", "iphlpapi.dll", "*iphlpapi.dll"]
        .into_iter()
        .find(|it| name.eq_ignore_ascii_case(it))?;
    let is_text = cells.next() == Some("REG_SZ");
    is_text.then(|| (name, cells.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_found_among_others() {
        let printed = "\r\nHKEY_CURRENT_USER\\Software\\Wine\\DllOverrides\r\n    \
            *d3d11    REG_SZ    native\r\n    IPHLPAPI    REG_SZ    native,builtin\r\n\r\n";
        assert_eq!(DllOverride::parse(printed), DllOverride::Ours);
        let other = |name, text: &str| DllOverride::Other {
            name,
            text: text.to_owned(),
        };
        for (lines, expected) in [
            ("    iphlpapi    REG_SZ    ", other("iphlpapi", "iphlpapi=")),
            (
                "    iphlpapi    REG_SZ    native",
                other("iphlpapi", "iphlpapi=native"),
            ),
            (
                "    *iphlpapi    REG_SZ    native,builtin",
                other("*iphlpapi", "*iphlpapi=native,builtin"),
            ),
            (
                "    iphlpapi    REG_SZ    native,builtin\r\n    *iphlpapi    REG_SZ    builtin",
                other("*iphlpapi", "iphlpapi=native,builtin, *iphlpapi=builtin"),
            ),
            ("    iphlpapi2    REG_SZ    native", DllOverride::Missing),
        ] {
            let printed = format!("\r\nHKEY\r\n{lines}\r\n");
            let found = DllOverride::parse(&printed);
            assert_eq!(found, expected, "{lines}");
            if let DllOverride::Other { name, .. } = expected {
                assert!(found.words_to_delete().contains(&name), "{lines}");
            }
        }
    }
}
