//! The signs that are not letters: as the locale has them, or else of ASCII.

/// The signs of the screen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signs {
    /// The sign in the place of what is left out.
    pub(super) ellipsis: char,
    /// The sign of a group whose rows are shown.
    pub(super) expanded: char,
    /// The sign of a group whose rows are not shown.
    pub(super) collapsed: char,
    /// The name of the keys that go up and down.
    pub(super) up_down: &'static str,
    /// The name of the keys that go to the left and to the right.
    pub(super) left_right: &'static str,
    /// The sign between a client and its server.
    pub(super) to: &'static str,
    /// The separator of two things that are offered.
    pub(super) between: &'static str,
    /// Graphs are made of braille dots.
    pub(super) has_braille: bool,
}

impl Signs {
    pub(crate) const UTF_8: Self = Self {
        ellipsis: '…',
        expanded: '▾',
        collapsed: '▸',
        to: " → ",
        between: " · ",
        has_braille: true,
        up_down: "↑↓",
        left_right: "←→",
    };
    pub(crate) const ASCII: Self = Self {
        ellipsis: '~',
        expanded: 'v',
        collapsed: '>',
        to: " -> ",
        between: " | ",
        has_braille: false,
        up_down: "Up/Down",
        left_right: "Left/Right",
    };

    /// Returns the signs for a locale, named as in the environment.
    pub(crate) fn of_locale(name: Option<&str>) -> Self {
        let name = name.unwrap_or_default().to_ascii_lowercase();
        // `en_GB.UTF-8`, `C.utf8`, `de_DE.utf-8@euro`
        let codeset = name.split('@').next().and_then(|name| name.split_once('.'));
        match codeset {
            Some((_, "utf-8" | "utf8")) => Self::UTF_8,
            _ => Self::ASCII,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_of_utf_8_has_signs_and_any_other_has_ascii() {
        for name in ["en_GB.UTF-8", "C.UTF-8", "C.utf8", "de_DE.utf-8@euro"] {
            assert_eq!(Signs::of_locale(Some(name)), Signs::UTF_8, "{name}");
        }
        for name in ["C", "POSIX", "", "en_US", "de_DE.ISO-8859-15@euro"] {
            assert_eq!(Signs::of_locale(Some(name)), Signs::ASCII, "{name}");
        }
        assert_eq!(Signs::of_locale(None), Signs::ASCII);
    }
}
