//! The text of the help.

/// Each key with its description; without a key, a heading.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("", "Find"),
    (
        "/",
        "Find what has these words on its row: parts of ends, states and names. Or type a filter, as for `tcpentry list`: state close-wait, idle gt 10m; or both: nginx and idle gt 10m",
    ),
    (
        " ",
        "Tab shows what one word may stand for exactly, such as process or user; Enter keeps, Esc goes back; Up on an empty line shows what was entered before",
    ),
    (
        "=  !",
        "Show only the rows that have a cell of this one, or all but those: each cell has a letter; Enter takes that of the sorted column",
    ),
    (
        "N",
        "List the network namespaces and containers with their connections and rates; Enter shows those of one",
    ),
    ("Esc", "Clear the marks, then the filter"),
    ("s", "Switch between connections, listeners and all states"),
    (
        "a",
        "Show all network namespaces (containers), or only this one",
    ),
    ("", "Delete"),
    ("Space", "Mark the row, or all rows of the group"),
    ("*  u", "Mark all rows that the filter selects; unmark all"),
    (
        "d, Del",
        "Preview the deletion of the marked rows, or of the current one. Only y then deletes them; above 100, or of all connections if above 20, their number and Enter",
    ),
    (
        "h",
        "In the preview, before y: for 10 minutes also delete whatever comes back of the same peers to the same ports. The first line counts it",
    ),
    (
        "x",
        "Stop a paced deletion (--rate, --spread): the remaining connections stay open. Hold nobody off any more",
    ),
    ("l", "Show the log of deletions; s saves it to a new file"),
    ("", "Look"),
    (
        "Up Down  k j",
        "Move. Also PageUp, PageDown, Home, End, g, G, the mouse wheel and a click (hold Shift to select text)",
    ),
    (
        "Left Right",
        "Scroll the columns; < and > in the line of titles stand for some that are not shown. State, peer and the sorted one stay",
    ),
    (
        "F",
        "Follow the row under the cursor wherever it goes; any move of the cursor ends that. Otherwise the screen stays, and the cursor on its row while that is on it",
    ),
    (
        "Enter  i",
        "Show why the row is slow, charts of the time since then, all its counters (t: by the kernel's names), and the command that deletes it; expand a group",
    ),
    (
        "n",
        "Show peers by name, as this machine resolves their addresses, and ports by service; or addresses again. Only what is on the screen is looked up. Filters, / and orders know addresses",
    ),
    (
        "b",
        "Show a connection of which both ends are here, in one namespace and one state, as one row: client -> server, as the client's end; or each end again. It counts once",
    ),
    (
        "Tab",
        "Group by process, user, peer, its network, local port, container, network namespace, host (with --on), state; ungroup. Shift-Tab goes back",
    ),
    (
        " ",
        "A group is a line with the number of its connections, their states, sums of rates and queues, the worst round-trip time and the longest idle time",
    ),
    (
        "o",
        "Sort by a column: each has a letter. Groups, too; the column that is sorted by already: reverse",
    ),
    (
        "<  >",
        "Sort by the column to the left or right; a click on a title sorts too",
    ),
    ("r", "Reverse the order"),
    ("c", "Choose the columns and their order"),
    (
        "e  E",
        "Hide rows that have left, or show them again: at the end, where there is room; list the last 1,000 of them",
    ),
    ("p", "Pause, and resume"),
    (
        ",  .  [  ]",
        "In a replay, go back or on: by a frame, which pauses it, or by a minute",
    ),
    ("+  -", "Refresh less often, more often; F5 refreshes now"),
    (
        "W  T",
        "Keep columns, order, groups, interval and theme for later runs, in ~/.config/tcpentry/top.toml; change the theme: dark, light, none",
    ),
    ("Ctrl-Z", "Suspend; fg resumes"),
    ("Ctrl-L", "Redraw the screen"),
    ("q, Ctrl-C", "Quit"),
    ("", "Signs"),
    (
        "2 clsw",
        "in the second line: so many are in this state; a click shows only those. Beside it the sum of all rates, and its graph over the last refreshes",
    ),
    ("+ green", "new"),
    ("~ yellow", "its state has changed"),
    ("- red", "it has ended, or is no longer selected"),
    ("*  -", "marked; some rows of the group are"),
    (
        "estb clsw",
        "established, close-wait. Also, where the screen is narrow: syns synr fin1 fin2 timw lack clsg clsd lstn bnd",
    ),
    ("...", "not looked up yet"),
];
