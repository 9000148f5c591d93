//! The sections of tcpentry(1) that the definition of the options can't hold, and the pages that are prose alone: text files
//! in `manual/`.
//!
//! Their form is plain text, which `cargo xtask generate` turns into roff:
//!
//! - A blank line ends a paragraph.
//! - A line that starts with two spaces is shown as it is.
//! - `term -- description` is an entry of a list; it goes on in the lines that follow, up to a blank line or the
//!   next entry.

use std::borrow::Cow;

/// Returns the sections as heading and text, in the order of the page; EXAMPLES goes before the options.
pub fn manual() -> &'static [(&'static str, &'static str)] {
    &[
        ("EXAMPLES", include_str!("../manual/examples.txt")),
        (
            "WHAT A DELETION DOES",
            include_str!("../manual/deletion.txt"),
        ),
        ("PERMISSIONS", include_str!("../manual/permissions.txt")),
        ("FILTER", include_str!("../manual/filter.txt")),
        ("HABITS", include_str!("../manual/habits.txt")),
        ("WHY", include_str!("../manual/why.txt")),
        ("NAMESPACES", include_str!("../manual/namespaces.txt")),
        ("REMOTE HOSTS", include_str!("../manual/remote.txt")),
        #[cfg(feature = "tui")]
        ("TOP", include_str!("../manual/top.txt")),
        #[cfg(feature = "tui")]
        ("RECORDING", include_str!("../manual/recording.txt")),
        ("GUARDS", include_str!("../manual/guards.txt")),
        ("REPEATING", include_str!("../manual/repeating.txt")),
        ("BAN", include_str!("../manual/ban.txt")),
        ("WINE", include_str!("../manual/wine.txt")),
        ("PACE", include_str!("../manual/pace.txt")),
        ("OUTPUT", include_str!("../manual/output.txt")),
        ("JSON", include_str!("../manual/json.txt")),
        ("IDENTITIES", include_str!("../manual/identities.txt")),
        ("EXIT STATUS", include_str!("../manual/exit_status.txt")),
        ("ENVIRONMENT", include_str!("../manual/environment.txt")),
        ("SEE ALSO", include_str!("../manual/see_also.txt")),
    ]
}

/// A page of the manual that is prose alone.
#[derive(Clone, Debug)]
pub struct ManualPage {
    /// The name: `tcpentry-guard`.
    pub name: &'static str,
    /// The number of its section of the manual, and that section's title.
    pub section: (u8, &'static str),
    /// The words behind its name, in its section NAME.
    pub about: &'static str,
    /// The other sections as heading and text, in the order of the page.
    pub sections: Vec<(&'static str, Cow<'static, str>)>,
}

/// Returns the pages beside tcpentry(1).
pub fn manual_pages() -> Vec<ManualPage> {
    vec![
        ManualPage {
            name: "tcpentry-guard",
            section: (8, "System Administration"),
            about: "end TCP connections by rule",
            sections: prose(&[
                ("SYNOPSIS", include_str!("../manual/guard/synopsis.txt")),
                (
                    "DESCRIPTION",
                    include_str!("../manual/guard/description.txt"),
                ),
                ("COMMANDS", include_str!("../manual/guard/commands.txt")),
                ("SIGNALS", include_str!("../manual/guard/signals.txt")),
                (
                    "PERMISSIONS",
                    include_str!("../manual/guard/permissions.txt"),
                ),
                ("FILES", include_str!("../manual/guard/files.txt")),
                ("SOCKET", include_str!("../manual/guard/socket.txt")),
                ("LOG", include_str!("../manual/guard/log.txt")),
                ("METRICS", include_str!("../manual/guard/metrics.txt")),
                (
                    "EXIT STATUS",
                    include_str!("../manual/guard/exit_status.txt"),
                ),
                (
                    "ENVIRONMENT",
                    include_str!("../manual/guard/environment.txt"),
                ),
                ("SEE ALSO", include_str!("../manual/guard/see_also.txt")),
            ]),
        },
        ManualPage {
            name: "guard.d",
            section: (5, "File Formats"),
            about: "rules of tcpentry guard: when connections end, which, and how much at most",
            sections: rules_sections(),
        },
    ]
}

/// Returns the sections of guard.d(5). The examples are files, which are shown as they are.
fn rules_sections() -> Vec<(&'static str, Cow<'static, str>)> {
    let examples = [
        include_str!("../examples/guard.d/10-left-address.toml"),
        include_str!("../examples/guard.d/20-banned.toml"),
        include_str!("../examples/guard.d/30-moved.toml"),
        include_str!("../examples/guard.d/40-leak.toml"),
        include_str!("../examples/guard.d/50-bans.toml"),
    ];
    let shown = |text: &str| format!("  {}\n", text.trim_end().replace('\n', "\n  "));
    let mut sections = prose(&[
        (
            "DESCRIPTION",
            include_str!("../manual/guard.d/description.txt"),
        ),
        ("RULES", include_str!("../manual/guard.d/rules.txt")),
        ("GUARD", include_str!("../manual/guard.d/guard.txt")),
        ("SEE ALSO", include_str!("../manual/guard.d/see_also.txt")),
    ]);
    let examples = examples.map(shown).join("\n");
    sections.insert(3, ("EXAMPLES", examples.into()));
    sections
}

fn prose(sections: &[(&'static str, &'static str)]) -> Vec<(&'static str, Cow<'static, str>)> {
    let sections = sections.iter();
    sections
        .map(|(heading, text)| (*heading, Cow::Borrowed(*text)))
        .collect()
}
