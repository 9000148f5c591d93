//! Each error of a configuration: its place, its cause and the way out.

use super::said;

#[test]
fn every_error_has_its_place_and_the_way_out() {
    for (text, expected) in CASES {
        assert_eq!(said(&[("a.toml", text)]), *expected, "{text}");
    }
}

#[test]
fn all_errors_of_all_files_are_reported() {
    let rule = "[rule.a]\nevery = \"1s\"\ndelete = \"port 1\"\n";
    let other = "[guard]\n[rule.b]\nevery = \"1\"\ndelete = \"port\"\n";
    let said = said(&[
        ("1.toml", rule),
        ("2.toml", rule),
        ("3.toml", other),
        ("4.toml", other),
        ("5.toml", "="),
    ]);
    let places: Vec<_> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        places,
        [
            "2.toml:1:7: the rule `a` is named twice",
            "3.toml:3:10: `1` has no unit; units of time are us ms s m h d",
            "3.toml:4:15: expected a port after `port`",
            "4.toml:1:2: [guard] is there twice",
            "4.toml:2:7: the rule `b` is named twice",
            "4.toml:3:10: `1` has no unit; units of time are us ms s m h d",
            "4.toml:4:15: expected a port after `port`",
            "5.toml:1:1: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
            "5.toml:1:2: not TOML: string values must be quoted, expected literal string",
        ]
    );
    assert!(said.contains("\n  the first is at 1.toml:1:7\n"), "{said}");
    assert!(said.contains("\n  the first is at 3.toml:1:2\n"), "{said}");
    assert!(said.contains("\n  the first is at 3.toml:2:7\n"), "{said}");
}

/// The text of a file, and the errors in it: with each its hint, further in.
const CASES: &[(&str, &str)] = &[
    (
        r#"[rule.a]
when = "ban"
delete = "dst $elements"
matched-for = "60s"
"#,
        "a.toml:4:1: `matched-for` needs `every`: an event is followed by one look
  leave it out, or let the rule look again and again
",
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "dst $elements"
dry_run = true
"#,
        "a.toml:4:1: the rule `a` has no key `dry_run`
  did you mean `dry-run`?
",
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "dst $elements"
[rule.a]
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:4:7: the rule `a` is named twice
  the first is at a.toml:1:7
",
    ),
    (
        r#"[rule.a]
when = "ban"
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:3:1: `when` is given twice
  leave one of them out
",
    ),
    (
        r#"[guard]
[guard]
[rule.a]
every="1s"
delete = "port 1""#,
        "a.toml:2:2: [guard] is there twice
  the first is at a.toml:1:2
",
    ),
    (
        r#"[rule.a]
when = "ban"
every = "30s"
delete = "dport = :1"
"#,
        "a.toml:3:1: a rule has `when` or `every`, and this one has both
  make two rules of it, with the same `delete`
",
    ),
    (
        r#"[rule.a]
delete = "dport = :1"
"#,
        r#"a.toml:1:7: the rule has neither `when` nor `every`
  `every = "30s"` looks at the table again and again, `when = "ban"` acts on an event
"#,
    ),
    (
        r#"[rule.a]
every = "30s"
"#,
        r#"a.toml:1:7: the rule `a` has no `delete`
  it is the filter of what ends: `delete = "state close-wait process java"`
"#,
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dport = :1"
device = "eth*"
absent-for = "1m""#,
        r#"a.toml:4:1: `device` is a key of rules with `when = "address-removed"`
  leave it out; in a filter, `dev NAME` is the device that a socket is bound to
a.toml:5:1: `absent-for` is a key of rules with `when = "name-changed NAME"`
  leave it out
"#,
    ),
    (
        r#"[rule.a]
when = "name-changed db"
delete = "dst $former"
device = "eth*""#,
        r#"a.toml:4:1: `device` is a key of rules with `when = "address-removed"`
  leave it out; in a filter, `dev NAME` is the device that a socket is bound to
"#,
    ),
    (
        r#"[rule.a]
when = "address-removed"
delete = "src $address"
absent-for = "1m""#,
        r#"a.toml:4:1: `absent-for` is a key of rules with `when = "name-changed NAME"`
  leave it out
"#,
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dport = :1"
rate = "20/s"
spread = "1m""#,
        "a.toml:5:1: a rule has `rate` or `spread`, and this one has both
  `rate` is so many in a second, `spread` all of a round evenly over that time
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dst $elements"
"#,
        r#"a.toml:3:15: a rule with `every` has no event that would bring `$elements`
  `when = "set FAMILY TABLE SET"` or `when = "ban"` brings it
"#,
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "dst $former or dst $elemnts"
"#,
        "a.toml:3:15: the event of this rule does not bring `$former`
  it brings `$elements`
a.toml:3:30: there is no variable `$elemnts`
  did you mean `$elements`?
",
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "dst $x or dst $"
"#,
        "a.toml:3:15: there is no variable `$x`
  there are $address, $elements and $former; in quotes it is a name
a.toml:3:25: there is no variable `$`
  there are $address, $elements and $former; in quotes it is a name
",
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "dst $elements:443"
"#,
        "a.toml:3:15: a set contains addresses, not ports
  did you mean `( dst $elements and dport = :443 )`?
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "state close_wait"
"#,
        "a.toml:3:17: `close_wait` is not a state
  did you mean `close-wait`?
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = 'state close_wait'
"#,
        "a.toml:3:17: `close_wait` is not a state
  did you mean `close-wait`?
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = """
  state established
  dprt = :1"""
"#,
        "a.toml:5:3: expected a term, found `dprt`
  did you mean `dport`?
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "process \"java\" dprt = :1"
"#,
        "a.toml:3:10: expected `and`, `or` or a term, found `dprt`
  did you mean `dport`?
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = ""
"#,
        "a.toml:3:11: the filter is empty
  it says which connections, as for `tcpentry list`: `state close-wait process java`
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "state established"
"#,
        "a.toml:3:11: it is true of nearly every connection
  add a term that chooses (`process NAME`, `dport = :PORT`), or, if it is meant, `everything = true`
",
    ),
    (
        r#"[rule.a]
when = "ban"
delete = "not dst $elements"
"#,
        "a.toml:3:11: it is true of nearly every connection
  add a term that chooses (`dst $elements`, `process NAME`, `dport = :PORT`), or, if it is meant, `everything = true`
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dst db.internal"
"#,
        r#"a.toml:3:15: a filter of a rule looks up no host, and `db.internal` is one
  write its address; for one that changes, `when = "name-changed NAME"` brings `$former`
"#,
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dst @bad"
"#,
        r#"a.toml:3:16: a rule has no set `@bad`
  what a set of nftables has is `$elements`: `when = "set FAMILY TABLE SET"`
"#,
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "user nobody-is-called-so"
"#,
        "a.toml:3:16: no user is called `nobody-is-called-so`
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dport = :80 or dport = :81 and src 10.0.0.1"
"#,
        "a.toml:3:38: `and` and `or` are mixed without parentheses
  from left to right, as ss 6.1 reads it: `( dport = :80 or dport = :81 ) and src 10.0.0.1`; with `and` first, as its manual says: `dport = :80 or ( dport = :81 and src 10.0.0.1 )`
",
    ),
    (
        r#"[rule.a]
every = "30s"
delete = "dport = :80"
except="src"
"#,
        "a.toml:4:12: expected an address after `src`
",
    ),
    (
        r#"[rule.a]
every = 30
delete = ["dport = :80"]
max="1"
rate=20
enabled="yes"
"#,
        r#"a.toml:2:9: `every` takes a string, found an integer
  such as `every = "30s"`
a.toml:3:10: `delete` takes a string, found an array
  such as `delete = "state close-wait process java"`
a.toml:4:5: `max` takes a number, found a string
  such as `max = 200`
a.toml:5:6: `rate` takes a string, found an integer
  such as `rate = "20/s"`
a.toml:6:9: `enabled` takes true or false, found a string
  such as `enabled = true`
"#,
    ),
    (
        r#"[rule.a]
every = "30"
delete = "port 1"
max=0
rate="20"
matched-for="0s"
spread=""
"#,
        r#"a.toml:2:10: `30` has no unit; units of time are us ms s m h d
  such as `every = "30s"`
a.toml:4:5: `max` is a number from 1 to 9223372036854775807
  such as `max = 200`
a.toml:5:7: expected a number and a unit of time, such as 20/s or 5/m
  such as `rate = "20/s"`
a.toml:6:14: `matched-for` is 0
  such as `matched-for = "60s"`
a.toml:7:1: a rule has `rate` or `spread`, and this one has both
  `rate` is so many in a second, `spread` all of a round evenly over that time
a.toml:7:9: `spread` is empty
  such as `spread = "5m"`
"#,
    ),
    (
        r#"[rule.a]
every = "0s"
delete = "port 1"
"#,
        r#"a.toml:2:10: `every` is 0
  such as `every = "30s"`
"#,
    ),
    (
        r#"[rule.a]
every = "99999d"
delete = "port 1"
max = -3"#,
        r#"a.toml:2:10: `every` is longer than ten years
  such as `every = "30s"`
a.toml:4:7: `max` is a number from 1 to 9223372036854775807
  such as `max = 200`
"#,
    ),
    (
        r#"[rule.a]
when = ""
delete = "port 1"
"#,
        "a.toml:2:9: `when` names no event
  events are `address-removed`, `set FAMILY TABLE SET`, `name-changed NAME`, `ban`
",
    ),
    (
        r#"[rule.a]
when = "baan"
delete = "port 1"
"#,
        "a.toml:2:9: `baan` is not an event
  did you mean `ban`?
",
    ),
    (
        r#"[rule.a]
when = "reboot"
delete = "port 1"
"#,
        "a.toml:2:9: `reboot` is not an event
  events are `address-removed`, `set FAMILY TABLE SET`, `name-changed NAME`, `ban`
",
    ),
    (
        r#"[rule.a]
when = "ban now"
delete = "port 1"
"#,
        r#"a.toml:2:13: expected the end of `ban`, found `now`
  `when = "ban"`
"#,
    ),
    (
        r#"[rule.a]
when = "set inet f2b-table"
delete = "dst $elements"
"#,
        r#"a.toml:2:27: expected the name of a set of nftables
  `when = "set FAMILY TABLE SET"`
"#,
    ),
    (
        r#"[rule.a]
when = "set net f2b-table x"
delete = "dst $elements"
"#,
        "a.toml:2:13: `net` is not a family of tables
  the families of tables are inet, ip, ip6, arp, bridge and netdev
",
    ),
    (
        r#"[rule.a]
when = "set inet f2b-table addr? x"
delete = "dst $elements"
"#,
        "a.toml:2:28: `?` in `addr?` is no part of a name
  only `*` is special here: it stands for anything
",
    ),
    (
        r#"[rule.a]
when = "set inet f2b-table addr x"
delete = "dst $elements"
"#,
        r#"a.toml:2:33: expected the end of `set`, found `x`
  `when = "set FAMILY TABLE SET"`
"#,
    ),
    (
        r#"[rule.a]
when = "name-changed"
delete = "dst $former"
"#,
        r#"a.toml:2:21: expected the name of a host
  `when = "name-changed NAME"`
"#,
    ),
    (
        r#"[rule.a]
when = "name-changed 10.0.0.1"
delete = "dst $former"
"#,
        "a.toml:2:22: `10.0.0.1` is an address, which never changes
  name a host, or use `every`
",
    ),
    (
        r#"[rule.a]
when = "name-changed db:5432"
delete = "dst $former"
"#,
        "a.toml:2:22: `db:5432` is not the name of a host
  a port is a term of the filter: `dst $former dport = :5432`
",
    ),
    (
        r#"[rule.a]
when = "address-removed"
device=""
delete = "src $address"
"#,
        "a.toml:3:9: the name is empty
  `*` stands for any
",
    ),
    (
        r#"[rule.a]
when = "address-removed"
device="wlan0123456789012"
delete = "src $address"
"#,
        "a.toml:3:9: `wlan0123456789012` is longer than 15 bytes
  no name is as long
",
    ),
    (
        r#"[rule.a]
when = "ban"
netns="web"
delete = "dst $elements"
"#,
        r#"a.toml:3:8: `netns` is `own`, `all` or a list, found `web`
  names stand in a list: `netns = ["web", "db"]`
"#,
    ),
    (
        r#"[rule.a]
when = "ban"
netns=[]
delete = "dst $elements"
"#,
        "a.toml:3:1: `netns` names no namespace
  leave it out for the program's own
",
    ),
    (
        r#"[rule.a]
when = "ban"
netns=["a", "", 3, "a"]
delete = "dst $elements"
"#,
        r#"a.toml:3:14: this is no name of a namespace
  a name of `ip netns`, a path, or what the column NETNS shows
a.toml:3:17: `netns` takes a list of strings, found an integer
  such as `netns = ["web", "db"]`
a.toml:3:21: the namespace `a` is named twice
  leave one of them out
"#,
    ),
    (
        r#"[rule.""]
when = "ban"
delete = "dst $elements"
[rule."a b"]
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:1:7: the name of a rule is empty
  a name has letters, digits, `-` and `_`
a.toml:4:7: `a b` is not the name of a rule
  a name has letters, digits, `-` and `_`
",
    ),
    (
        r#"[rules.a]
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:1:2: there is no table `rules`
  did you mean `rule`?
",
    ),
    (
        r#"[rule]
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:2:1: a rule has a name
  its keys stand below `[rule.NAME]`
a.toml:3:1: a rule has a name
  its keys stand below `[rule.NAME]`
",
    ),
    (
        r#"[[rule]]
when = "ban"
delete = "dst $elements"
"#,
        "a.toml:1:3: `rule` is not a table
  its keys stand below `[rule.NAME]`
",
    ),
    (
        r#"when = "ban"
delete = "dst $elements"
"#,
        "a.toml:1:1: there is no table `when`
  `when` stands in a rule, below `[rule.NAME]`
a.toml:2:1: there is no table `delete`
  `delete` stands in a rule, below `[rule.NAME]`
",
    ),
    (
        r#"[guard]
never = ["10.0.0.0/33", "x", 5]
metrics = "x.prom"
nevr=1
[rule.a]
when = "ban"
delete = "dst $elements"
"#,
        r#"a.toml:2:20: expected the length of an IPv4 prefix, from 0 to 32, found `33`
a.toml:2:26: expected an address or a prefix, found `x`
a.toml:2:30: `never` takes a list of strings, found an integer
  such as `never = ["192.0.2.0/24"]`
a.toml:3:12: `x.prom` is not an absolute path
  such as /var/lib/prometheus/node-exporter/tcpentry.prom
a.toml:4:1: [guard] has no key `nevr`
  did you mean `never`?
"#,
    ),
    (
        "guard = 3
",
        "a.toml:1:1: `guard` is not a table
  its keys stand below `[guard]`
",
    ),
    (
        "",
        "guard.d: there is no rule
  a rule stands in a file `NAME.toml` below `[rule.NAME]`: see guard.d(5)
",
    ),
    (
        r#"[rule.a]
every = 30s
delete = "port 1"
"#,
        r#"a.toml:2:9: not TOML: string values must be quoted, expected literal string
  times and filters are strings, which stand in quotes: `every = "30s"`
"#,
    ),
    (
        r#"[rule.a
every = "30s"
"#,
        "a.toml:1:8: not TOML: unclosed table, expected `]`
",
    ),
    (
        r#"[rule.a]
every = "30s
delete = "port 1"
"#,
        r#"a.toml:2:13: not TOML: invalid basic string, expected `"`
  between '...' nothing is an escape; a string ends in its line
"#,
    ),
    (
        r#"[rule.a]
every "30s"
delete = "port 1"
[rule.b]
=3"#,
        "a.toml:2:7: not TOML: key with no value, expected `=`
",
    ),
    (
        r#"[rule.a]
delete = "bad \q"
"#,
        r#"a.toml:2:16: not TOML: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
  between '...' nothing is an escape; a string ends in its line
"#,
    ),
    (
        r#"rule.a.every = "30s"
rule.a.delete = "port 1"
rule.a.delete = "port 2"
"#,
        "a.toml:3:8: `delete` is given twice
  leave one of them out
",
    ),
    (
        "[rule.a]
[rule.a.b]
",
        r#"a.toml:1:7: the rule has neither `when` nor `every`
  `every = "30s"` looks at the table again and again, `when = "ban"` acts on an event
a.toml:1:7: the rule `a` has no `delete`
  it is the filter of what ends: `delete = "state close-wait process java"`
a.toml:2:9: the rule `a` has no key `b`
  its keys are when every device absent-for delete except everything netns matched-for max rate spread enabled dry-run listeners ssh-sessions
"#,
    ),
];
