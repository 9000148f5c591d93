//! All keys, in words.

/// Each key with what it does; without a key, a heading.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("", "Find"),
    (
        "/",
        "a filter, as `tcpentry list` takes it: port = :443, state close-wait, host 10.0.0.0/8, process nginx, idle gt 10m",
    ),
    (
        " ",
        "typed, a bare address, port or program is offered as a filter: Tab or Enter takes it. Esc goes back; of an empty line, Tab brings back the filter that is shown",
    ),
    ("Esc", "takes the marks away, then the filter"),
    ("s", "connections, listeners, all states"),
    ("a", "all network namespaces (containers), or this one"),
    ("", "Delete"),
    ("Space", "marks the row, or all of the group"),
    (
        "*  u",
        "marks all that the filter selects; takes all marks away",
    ),
    (
        "d, Del",
        "shows what a deletion of the marked (or of the row) would do; y does it, and nothing else does",
    ),
    (
        "l",
        "what became of each deletion; s saves it in a new file",
    ),
    ("", "Look"),
    (
        "Up Down  k j",
        "PageUp, PageDown, Home, End, g, G; the wheel of the mouse, and a click (Shift and the mouse mark text)",
    ),
    (
        "Enter  i",
        "all that is known of the row, and the command that deletes it; opens a group",
    ),
    ("Tab", "groups by process, peer, container, state; none"),
    (
        "<  >",
        "sorts by the column on the left or on the right; so does a click on its title",
    ),
    ("r", "turns the order round"),
    ("c", "which columns, and in which order"),
    ("p", "stops reading the table, and goes on"),
    ("+  -", "reads it less often, more often; F5 now"),
    ("Ctrl-Z", "suspends; fg comes back"),
    ("Ctrl-L", "draws everything again"),
    ("q, Ctrl-C", "ends"),
    ("", "Signs"),
    ("+ green", "new"),
    ("~ yellow", "its state has changed"),
    ("- red", "it has ended, or is not selected any more"),
    ("*", "marked"),
    ("...", "not looked up yet"),
];
