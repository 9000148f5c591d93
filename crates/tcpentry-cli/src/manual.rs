//! The sections of tcpentry(1) that the definition of the options can't hold: text files in `manual/`.
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
