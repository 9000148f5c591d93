//! Texts that are not filters: what is said of each, and where it points.

use super::parse;
use crate::escape::escape_for_terminal;

#[test]
fn what_is_no_filter_says_where_and_why() {
    for (text, carets, message, hint) in BAD.iter().copied() {
        let error = parse(text).expect_err(text);
        let excerpt = format!("{}\n{carets}", escape_for_terminal(text.as_bytes()));
        assert_eq!(error.excerpt(text), excerpt, "of {text:?}: {error}");
        assert_eq!(error.to_string(), message, "of {text:?}");
        assert_eq!(error.hint().unwrap_or_default(), hint, "of {text:?}");
    }
}

#[test]
fn a_column_counts_characters_and_what_is_missing_has_no_length() {
    let error = parse("process gr\u{fc}n\u{1b} srcc").unwrap_err();
    assert_eq!((error.column(), error.length()), (14, 4));
    let error = parse("process \"gr\u{fc}n\" and").unwrap_err();
    assert_eq!((error.column(), error.length()), (18, 0));
}

/// The text and below it the carets, the message, and the hint where there is one.
#[rustfmt::skip]
const BAD: &[(&str, &str, &str, &str)] = &[
    // Nothing at all is not everything.
    (
        "",
        "^",
        "the filter is empty",
        "`state all` selects every connection",
    ),
    (
        "  ",
        "^^",
        "the filter is empty",
        "`state all` selects every connection",
    ),
    // States.
    (
        "state",
        "     ^",
        "expected a state after `state`",
        "",
    ),
    (
        "state estblished",
        "      ^^^^^^^^^^",
        "`estblished` is not a state",
        "did you mean `established`?",
    ),
    (
        "state Close_Wait",
        "      ^^^^^^^^^^",
        "`Close_Wait` is not a state",
        "did you mean `close-wait`?",
    ),
    (
        "state established,syn-sent",
        "      ^^^^^^^^^^^^^^^^^^^^",
        "`established,syn-sent` is not a state",
        "one state per clause: state established state syn-sent",
    ),
    (
        "state = established",
        "      ^",
        "a state is named without an operator",
        "did you mean `state established`?",
    ),
    (
        "state state-40",
        "      ^^^^^^^^",
        "`state-40` is not a state",
        "states are established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait closed close-wait last-ack listening closing bound-inactive all connected synchronized bucket big",
    ),
    (
        "state foo",
        "      ^^^",
        "`foo` is not a state",
        "states are established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait closed close-wait last-ack listening closing bound-inactive all connected synchronized bucket big",
    ),
    (
        "exclude",
        "       ^",
        "expected a state after `exclude`",
        "",
    ),
    (
        "state established and dport = :80",
        "                  ^^^",
        "expected a term after the states",
        "leave out `and`: states limit the whole filter",
    ),
    (
        "state established or dport = :80",
        "                  ^^",
        "a state can't be an alternative: states limit the whole filter",
        "repeat `state` for several: `state established state close-wait`",
    ),
    (
        "dport = :80 state established",
        "            ^^^^^",
        "`state` comes first, before all terms",
        "states limit the whole filter, as in ss",
    ),
    (
        "( state established )",
        "  ^^^^^",
        "`state` comes first, before all terms",
        "states limit the whole filter, as in ss",
    ),
    (
        "not exclude time-wait",
        "    ^^^^^^^",
        "`exclude` comes first, before all terms",
        "states limit the whole filter, as in ss",
    ),
    (
        "established",
        "^^^^^^^^^^^",
        "expected a term, found `established`",
        "did you mean `state established`?",
    ),
    // Where a term should be.
    (
        "srcc 10.0.0.1",
        "^^^^",
        "expected a term, found `srcc`",
        "did you mean `src`?",
    ),
    (
        "SRC 10.0.0.1",
        "^^^",
        "expected a term, found `SRC`",
        "did you mean `src`?",
    ),
    (
        "dport = :80 an src 10.0.0.1",
        "            ^^",
        "expected `and`, `or` or a term, found `an`",
        "did you mean `and`?",
    ),
    (
        "nginx",
        "^^^^^",
        "expected a term, found `nginx`",
        "terms are src dst host sport dport port dev fwmark cgroup autobound pid process user unit container netns idle rtt retrans sendq recvq",
    ),
    (
        "process my server",
        "           ^^^^^^",
        "expected `and`, `or` or a term, found `server`",
        "terms are src dst host sport dport port dev fwmark cgroup autobound pid process user unit container netns idle rtt retrans sendq recvq",
    ),
    (
        "10.0.0.1",
        "^^^^^^^^",
        "expected a term, found `10.0.0.1`",
        "did you mean `host 10.0.0.1`?",
    ),
    (
        "[::1]:80",
        "^^^^^^^^",
        "expected a term, found `[::1]:80`",
        "did you mean `host [::1]:80`?",
    ),
    (
        "::1",
        "^^^",
        "expected a term, found `::1`",
        "did you mean `host [::1]`?",
    ),
    (
        ":80",
        "^^^",
        "expected a term, found `:80`",
        "did you mean `port = :80`?",
    ),
    (
        "80",
        "^^",
        "expected a term, found `80`",
        "did you mean `port 80`?",
    ),
    (
        "tcp state established",
        "^^^",
        "everything here is TCP",
        "leave out `tcp`",
    ),
    (
        "udp",
        "^^^",
        "`udp` is not TCP",
        "",
    ),
    (
        "unit nginx*",
        "     ^^^^^^",
        "`nginx*` has a `*`, which stands for itself in the name of a unit",
        "only `process` and `container` take patterns",
    ),
    (
        "netns no-such",
        "      ^^^^^^^",
        "`no-such`: no such network namespace",
        "a name of `ip netns`, the pid of a process in it, or the path of its file",
    ),
    (
        "= 80",
        "^",
        "expected a term, found `=`",
        "",
    ),
    (
        "and dport = :80",
        "^^^",
        "expected a term, found `and`",
        "",
    ),
    (
        "dport = :80 and",
        "               ^",
        "expected a term after `and`",
        "",
    ),
    (
        "dport = :80 or )",
        "               ^",
        "expected a term, found `)`",
        "",
    ),
    (
        "dport = :80 = 3",
        "            ^",
        "expected `and`, `or` or a term, found `=`",
        "",
    ),
    (
        "autobound = 3",
        "          ^",
        "expected `and`, `or` or a term, found `=`",
        "",
    ),
    (
        r#""dport = :80""#,
          "^^^^^^^^^^^^^",
        r#"expected a term, found `"dport = :80"`"#,
        "",
    ),
    (
        "“dport = :80”",
        "^^^^^^",
        "expected a term, found `“dport`",
        "did you mean `dport`?",
    ),
    (
        "\u{1b}[2J",
        "^^^^^^^^^",
        "expected a term, found `\\u{1b}[2J`",
        "terms are src dst host sport dport port dev fwmark cgroup autobound pid process user unit container netns idle rtt retrans sendq recvq",
    ),
    // Parentheses, operators, quotes.
    (
        "dport = :80 )",
        "            ^",
        "`)` without `(`",
        "",
    ),
    (
        "( dport = :80",
        "^",
        "`(` without `)`",
        "",
    ),
    (
        "( )",
        "  ^",
        "expected a term between the parentheses",
        "",
    ),
    (
        "not",
        "   ^",
        "expected a term after `not`",
        "",
    ),
    (
        "dport = :80 | | sport = :80",
        "              ^",
        "expected a term, found `|`",
        "",
    ),
    (
        "dport => 80",
        "      ^^",
        "`=>` is not an operator",
        "did you mean `>=`?",
    ),
    (
        "dport <> 80",
        "      ^^",
        "`<>` is not an operator",
        "did you mean `!=`?",
    ),
    (
        "dport &&& sport",
        "      ^^^",
        "`&&&` is not an operator",
        "operators are = != < <= > >= & | !",
    ),
    (
        "dport =! 80",
        "       ^",
        "expected a port after `=`, found `!`",
        "",
    ),
    (
        r#"process "my server"#,
          "        ^",
        "the quote is never closed",
        "",
    ),
    (
        r#"process """#,
          "        ^^",
        "the name of a process can't be empty",
        "",
    ),
    // Sets.
    (
        "dst @bda",
        "     ^^^",
        "no set is called `bda`",
        "did you mean `bad`?",
    ),
    (
        "dst @office",
        "     ^^^^^^",
        "no set is called `office`",
        "define it with --in office=FILE; sets are bad spared no-one",
    ),
    (
        "dst @",
        "     ^",
        "expected the name of a set after `@`, of letters, digits, `_` and `-`",
        "",
    ),
    (
        "dst @a/24",
        "     ^^^^",
        "expected the name of a set after `@`, of letters, digits, `_` and `-`, found `a/24`",
        "",
    ),
    (
        "src @bad:443",
        "    ^^^^^^^^",
        "a set contains addresses, not ports",
        "did you mean `( src @bad and sport = :443 )`?",
    ),
    (
        "dst inet:@bad",
        "         ^^^^",
        "`@bad` is neither an address nor the name of a host",
        "",
    ),
    (
        "@bad",
        "^^^^",
        "expected a term, found `@bad`",
        "did you mean `dst @bad`?",
    ),
    // HOST.
    (
        "src",
        "   ^",
        "expected an address after `src`",
        "",
    ),
    (
        "src or dst 10.0.0.1",
        "    ^^",
        "expected an address after `src`, found `or`",
        "",
    ),
    (
        "src dport = :80",
        "    ^^^^^",
        "expected an address after `src`, found `dport`",
        "",
    ),
    (
        "src gt 10.0.0.1",
        "    ^^",
        "`src` can only be compared with `=` and `!=`",
        "",
    ),
    (
        "src ::1",
        "    ^^^",
        "an IPv6 address needs brackets",
        "did you mean `[::1]`?",
    ),
    (
        "src fe80::/10",
        "    ^^^^^^^^^",
        "an IPv6 address needs brackets",
        "did you mean `[fe80::/10]`?",
    ),
    (
        "src fe80::1:80",
        "    ^^^^^^^^^^",
        "an IPv6 address needs brackets",
        "did you mean `[fe80::1:80]`, or with a port `[fe80::1]:80`?",
    ),
    (
        "src a:b:c",
        "    ^^^^^",
        "`a:b:c` is not an address",
        "",
    ),
    (
        "src [::1",
        "    ^^^^",
        "`[::1` has `[` without `]`",
        "",
    ),
    (
        "src [::1]80",
        "         ^^",
        "expected `/LENGTH` or `:PORT` after the bracket, found `80`",
        "",
    ),
    (
        "src [::1/64]/64",
        "            ^^^",
        "expected `/LENGTH` or `:PORT` after the bracket, found `/64`",
        "",
    ),
    (
        "src [::1]/129",
        "          ^^^",
        "expected the length of an IPv6 prefix, from 0 to 128, found `129`",
        "",
    ),
    (
        "src [10.0.1]",
        "     ^^^^^^",
        "`10.0.1` is not an IPv6 address",
        "an IPv4 address in brackets has four numbers",
    ),
    (
        "src [foo]",
        "     ^^^",
        "`foo` is not an IPv6 address",
        "",
    ),
    (
        "src 10.0.0.1/33",
        "             ^^",
        "expected the length of an IPv4 prefix, from 0 to 32, found `33`",
        "",
    ),
    (
        "src 10.0.0.1/0.0.0.255",
        "             ^^^^^^^^^",
        "`0.0.0.255` is a wildcard mask, not a netmask",
        "did you mean `24`?",
    ),
    (
        "src 10.0.0.1/",
        "             ^",
        "expected the length of an IPv4 prefix, from 0 to 32",
        "",
    ),
    (
        "src 10.0.0.1:80/8",
        "    ^^^^^^^^^^^^^",
        "the prefix length comes before the port",
        "did you mean `10.0.0.1/8:80`?",
    ),
    (
        "src 10.1",
        "    ^^^^",
        "`10.1` is only part of an address",
        "did you mean `10.1/16`?",
    ),
    (
        "src 300.1.1.1",
        "    ^^^^^^^^^",
        "`300.1.1.1` is not an IPv4 address",
        "",
    ),
    (
        "src 010.1.2.3",
        "    ^^^^^^^^^",
        "`010.1.2.3` is not an IPv4 address",
        "",
    ),
    (
        "src 10.0.0.1:",
        "             ^",
        "expected a port after `:`",
        "",
    ),
    (
        "src [fe80::1%eth0]:80",
        "             ^^^^^^^^",
        "an address can't name a device here",
        "write the device that the socket is bound to as a term of its own: dev eth0",
    ),
    (
        "src inet:[::1]",
        "          ^^^",
        "`::1` is not an IPv4 address",
        "leave out `inet:`",
    ),
    (
        "src inet6:10.0.0.1",
        "          ^^^^^^^^",
        "`10.0.0.1` is not an IPv6 address",
        "leave out `inet6:`",
    ),
    (
        "src inet6:four.example",
        "          ^^^^^^^^^^^^",
        "the host `four.example` has no IPv6 address",
        "",
    ),
    (
        "dst any",
        "    ^^^",
        "`any` is not an address",
        "write `*` for every address",
    ),
    (
        "src none.example",
        "    ^^^^^^^^^^^^",
        "the host `none.example` has no address",
        "",
    ),
    (
        "src nowhere.example",
        "    ^^^^^^^^^^^^^^^",
        "cannot look up the host `nowhere.example`: Name or service not known",
        "",
    ),
    (
        "src four.example/24",
        "                 ^^",
        "a prefix needs an address in numbers, not a name",
        "",
    ),
    (
        "src foo=bar",
        "       ^",
        "expected `and`, `or` or a term, found `=`",
        "",
    ),
    (
        r#"src "foo bar""#,
          "     ^^^^^^^",
        "`foo bar` is neither an address nor the name of a host",
        "",
    ),
    (
        r#"src """#,
          "    ^^",
        "an address can't be empty",
        "",
    ),
    (
        "src -x",
        "    ^^",
        "`-x` is neither an address nor the name of a host",
        "",
    ),
    (
        "src unix:/tmp/x",
        "    ^^^^",
        "`unix` is not TCP",
        "the families of TCP are inet: and inet6:",
    ),
    (
        "src link:eth0",
        "    ^^^^",
        "`link` is not TCP",
        "the families of TCP are inet: and inet6:",
    ),
    (
        "src netlink:kernel",
        "    ^^^^^^^",
        "`netlink` is not TCP",
        "the families of TCP are inet: and inet6:",
    ),
    (
        "src vsock:3",
        "    ^^^^^",
        "`vsock` is not TCP",
        "the families of TCP are inet: and inet6:",
    ),
    // PORT.
    (
        "dport",
        "     ^",
        "expected a port after `dport`",
        "write `dport gt :1024`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "sport src 10.0.0.1",
        "      ^^^",
        "expected a port after `sport`, found `src`",
        "write `sport gt :1024`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "sport or dport = :80",
        "      ^^",
        "expected a port after `sport`, found `or`",
        "write `sport gt :1024`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "dport =",
        "       ^",
        "expected a port after `=`",
        "write `dport gt :1024`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "dport = :65536",
        "         ^^^^^",
        "`65536` is too large: at most 65535",
        "",
    ),
    (
        "dport = :-1",
        "         ^^",
        "`-1` has a sign; numbers here have none",
        "",
    ),
    (
        "dport = :080",
        "         ^^^",
        "`080` begins with 0, which may mean octal",
        "did you mean `80`?",
    ),
    (
        "dport = :htpp",
        "         ^^^^",
        "no TCP service is called `htpp`",
        "/etc/services lists the names",
    ),
    (
        "dport = 80,443",
        "        ^^^^^^",
        "`80,443` is more than one port",
        "did you mean `( dport = :80 or dport = :443 )`?",
    ),
    (
        "dport = :80-90",
        "        ^^^^^^",
        "`:80-90` is more than one port",
        "did you mean `( dport ge :80 and dport le :90 )`?",
    ),
    (
        "dport = 10.0.0.1:80",
        "        ^^^^^^^^^^^",
        "expected a port, found `10.0.0.1:80`",
        "did you mean `dst 10.0.0.1:80`?",
    ),
    (
        "dport = :1[\u{7f}\u{1b}[2J",
        "        ^^^^^^^^^^^^^^^^^^",
        "expected a port, found `:1[\\u{7f}\\u{1b}[2J`",
        "did you mean `dst :1[\\u{7f}\\u{1b}[2J`?",
    ),
    (
        "dport gt 10.0.0.1:80",
        "         ^^^^^^^^^^^",
        "expected a port, found `10.0.0.1:80`",
        "",
    ),
    (
        "dport gt :*",
        "          ^",
        "`*` is any port: it is neither above nor below another",
        "",
    ),
    (
        "dport = :",
        "         ^",
        "expected a port after `:`",
        "",
    ),
    (
        "dport = unix:80",
        "        ^^^^",
        "`unix` is not TCP",
        "the families of TCP are inet: and inet6:",
    ),
    // The other terms of ss.
    (
        "dev",
        "   ^",
        "expected a device after `dev`",
        "",
    ),
    (
        "dev no-eth9",
        "    ^^^^^^^",
        "no device `no-eth9` here",
        "`ip link` lists the devices of this network namespace",
    ),
    (
        "dev 0",
        "    ^",
        "no device has the index 0",
        "",
    ),
    (
        "dev gt eth0",
        "    ^^",
        "`dev` can only be compared with `=` and `!=`",
        "",
    ),
    (
        "fwmark x",
        "       ^",
        "`x` is not a number",
        "",
    ),
    (
        "fwmark 0x1/",
        "           ^",
        "expected a number",
        "",
    ),
    (
        "fwmark 0x100000000",
        "       ^^^^^^^^^^^",
        "`0x100000000` is too large: at most 4294967295",
        "",
    ),
    (
        "fwmark 01",
        "       ^^",
        "`01` begins with 0, which may mean octal",
        "did you mean `1`?",
    ),
    (
        "cgroup",
        "      ^",
        "expected a path after `cgroup`",
        "",
    ),
    (
        "cgroup /no-such",
        "       ^^^^^^^^",
        "no cgroup `/no-such`: entity not found",
        "",
    ),
    // Owners.
    (
        "pid 0",
        "    ^",
        "no process has the pid 0",
        "",
    ),
    (
        "pid nginx",
        "    ^^^^^",
        "`nginx` is not a number",
        "a process is selected by its name with `process NAME`",
    ),
    (
        "dst 8080",
        "    ^^^^",
        "`8080` is not an IPv4 address",
        "a port alone is written `:8080`",
    ),
    (
        "pid 99999999999",
        "    ^^^^^^^^^^^",
        "`99999999999` is too large: at most 2147483647",
        "",
    ),
    (
        "pid gt 3",
        "    ^^",
        "`pid` can only be compared with `=` and `!=`",
        "",
    ),
    (
        "process and",
        "        ^^^",
        "expected the name of a process after `process`, found `and`",
        r#"a name that is a word of the language needs quotes: "and""#,
    ),
    (
        "process user root",
        "        ^^^^",
        "expected the name of a process after `process`, found `user`",
        r#"a name that is a word of the language needs quotes: "user""#,
    ),
    (
        "user no-body",
        "     ^^^^^^^",
        "no user is called `no-body`",
        "",
    ),
    (
        "user -1",
        "     ^^",
        "`-1` has a sign; numbers here have none",
        "",
    ),
    (
        "container =",
        "           ^",
        "expected the name or id of a container after `=`",
        "",
    ),
    // Counters. What a shell leaves of `idle > 10m` is the first of these.
    (
        "idle",
        "    ^",
        "expected a comparison after `idle`",
        "write `idle gt 10m`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "idle 10m",
        "     ^^^",
        "expected a comparison after `idle`, found `10m`",
        "write `idle gt 10m`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "idle process nginx",
        "     ^^^^^^^",
        "expected a comparison after `idle`, found `process`",
        "write `idle gt 10m`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "( idle ) or autobound",
        "       ^",
        "expected a comparison after `idle`, found `)`",
        "write `idle gt 10m`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "idle gt",
        "       ^",
        "expected a number such as 10m after `gt`",
        "",
    ),
    (
        "idle gt 10",
        "        ^^",
        "`10` has no unit",
        "units of time are us ms s m h d",
    ),
    (
        "idle gt -5m",
        "        ^^",
        "`-5` has a sign; numbers here have none",
        "",
    ),
    (
        "idle gt 10min",
        "          ^^^",
        "`min` is not a unit of time",
        "did you mean `m`?",
    ),
    (
        "idle gt 1.5h",
        "        ^^^^",
        "`1.5h` is not a whole number",
        "take the next smaller unit",
    ),
    (
        "idle gt 1h30m",
        "         ^^^^",
        "`h30m` is not a unit of time",
        "one number with one unit: us ms s m h d, as in 90m",
    ),
    (
        "idle gt m",
        "        ^",
        "`m` is not a number",
        "",
    ),
    (
        "idle gt 999999999d",
        "        ^^^^^^^^^^",
        "`999999999d` is too long",
        "",
    ),
    (
        "idle gt 010m",
        "        ^^^",
        "`010` begins with 0, which may mean octal",
        "did you mean `10`?",
    ),
    (
        "rtt 200ms",
        "    ^^^^^",
        "expected a comparison after `rtt`, found `200ms`",
        "write `rtt gt 200ms`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "retrans",
        "       ^",
        "expected a comparison after `retrans`",
        "write `retrans gt 3`, or quote the filter: an unquoted `>` makes the shell write to a file",
    ),
    (
        "retrans gt 3k",
        "           ^^",
        "`3k` is not a number",
        "",
    ),
    (
        "sendq gt 1m",
        "          ^",
        "`m` is not a unit of size",
        "units are k M G, powers of 1024; without a unit, bytes",
    ),
    (
        "sendq gt 99999999999G",
        "         ^^^^^^^^^^^^",
        "`99999999999G` is too large",
        "",
    ),
    (
        "recvq gt all",
        "         ^^^",
        "`all` is not a number",
        "",
    ),
    // What could be read in two ways.
    (
        "dport = :80 or sport = :80 and src 10.0.0.1",
        "                           ^^^",
        "`and` and `or` are mixed without parentheses",
        "from left to right, as ss 6.1 reads it: `( dport = :80 or sport = :80 ) and src 10.0.0.1`; with `and` first, as its manual says: `dport = :80 or ( sport = :80 and src 10.0.0.1 )`",
    ),
    (
        "dport=:80 sport=:80 | src 10.0.0.1",
        "                    ^",
        "`and` and `or` are mixed without parentheses",
        "with `and` first, as ss reads it: `( dport = :80 and sport = :80 ) or src 10.0.0.1`; with `or` first: `dport = :80 and ( sport = :80 or src 10.0.0.1 )`",
    ),
    (
        "state established dport=:80|sport=:80 src=10/8",
        "                                      ^^^",
        "`and` and `or` are mixed without parentheses",
        "from left to right, as ss 6.1 reads it: `state established ( dport = :80 or sport = :80 ) and src 10.0.0.0/8`; with `and` first, as its manual says: `state established ( dport = :80 or ( sport = :80 and src 10.0.0.0/8 ) )`",
    ),
    (
        "( dport=:80 or sport=:80 src 10/8 ) and not dst 10/8",
        "                         ^^^",
        "`and` and `or` are mixed without parentheses",
        "from left to right, as ss 6.1 reads it: `( dport = :80 or sport = :80 ) and src 10.0.0.0/8 and not dst 10.0.0.0/8`; with `and` first, as its manual says: `( dport = :80 or ( sport = :80 and src 10.0.0.0/8 ) ) and not dst 10.0.0.0/8`",
    ),
];
