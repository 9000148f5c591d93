//! The sections of tcpentry(1) that the definition of the options can't hold, and all of guard.d(5): text files in `manual/`.
//!
//! Their form is plain text, which `cargo xtask generate` turns into roff:
//!
//! - A blank line ends a paragraph.
//! - A line that starts with two spaces is shown as it is.
//! - `term -- description` is an entry of a list; it goes on in the lines that follow, up to a blank line or the
//!   next entry.

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
        ("NAMESPACES", include_str!("../manual/namespaces.txt")),
        #[cfg(feature = "tui")]
        ("TOP", include_str!("../manual/top.txt")),
        ("GUARDS", include_str!("../manual/guards.txt")),
        ("REPEATING", include_str!("../manual/repeating.txt")),
        ("BAN", include_str!("../manual/ban.txt")),
        ("PACE", include_str!("../manual/pace.txt")),
        ("OUTPUT", include_str!("../manual/output.txt")),
        ("JSON", include_str!("../manual/json.txt")),
        ("IDENTITIES", include_str!("../manual/identities.txt")),
        ("EXIT STATUS", include_str!("../manual/exit_status.txt")),
        ("ENVIRONMENT", include_str!("../manual/environment.txt")),
        ("SEE ALSO", include_str!("../manual/see_also.txt")),
    ]
}

/// Returns the sections of guard.d(5), likewise. The examples are files, which are shown as they are.
pub fn guard_manual() -> Vec<(&'static str, String)> {
    let examples = [
        include_str!("../examples/guard.d/10-left-address.toml"),
        include_str!("../examples/guard.d/20-banned.toml"),
        include_str!("../examples/guard.d/30-moved.toml"),
        include_str!("../examples/guard.d/40-leak.toml"),
        include_str!("../examples/guard.d/50-bans.toml"),
    ];
    let shown = |text: &str| format!("  {}\n", text.trim_end().replace('\n', "\n  "));
    let examples = examples.map(shown);
    let prose = |heading, text: &str| (heading, text.to_owned());
    vec![
        prose("NAME", include_str!("../manual/guard.d/name.txt")),
        prose(
            "DESCRIPTION",
            include_str!("../manual/guard.d/description.txt"),
        ),
        prose("RULES", include_str!("../manual/guard.d/rules.txt")),
        prose("GUARD", include_str!("../manual/guard.d/guard.txt")),
        ("EXAMPLES", examples.join("\n")),
        prose("SEE ALSO", include_str!("../manual/guard.d/see_also.txt")),
    ]
}
