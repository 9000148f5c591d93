//! Whole command lines of other tools, whose options mean something of their own: `pkill -u root`, `conntrack -D -p 6`.

use std::ffi::OsString;

use tcpentry::filter::FilterWords;

use super::super::answer::Answer;
use super::super::line::Line;
use super::signals::is_signal;

/// A tool, whose name comes first.
struct Tool {
    names: &'static [&'static str],
    /// The command that is meant, where no option says another one.
    command: &'static str,
    options: &'static [(&'static [&'static str], Meaning)],
    words: MeantWords,
}

/// The meaning of an option.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// It does not select.
    Ignored,
    /// It takes a value, and does not select.
    IgnoredValue,
    /// It selects by something that is not known here.
    Unknown,
    /// An option of ours means this.
    Ours(&'static str),
    /// This term selects by its value.
    Term(&'static str),
    State,
    Family,
    Protocol,
    /// The chain of a firewall, which says where packets go.
    Chain,
    /// It chooses this command.
    Command(&'static str),
}

use Meaning::{Chain, Command, Family, Ignored, IgnoredValue, Ours, Protocol, Term, Unknown};

/// The meaning of the words that are no options.
#[derive(Clone, Copy, Debug)]
enum MeantWords {
    None,
    Ports,
    Processes,
    /// An address and a port, and perhaps those of the other end.
    Ends,
    /// Both ends with `*` for any, and perhaps a process.
    Patterns,
    /// Both ends, as they are.
    Pair,
}

const TOOLS: &[Tool] = &[
    Tool {
        names: &["pkill"],
        command: "delete",
        options: &[
            (&["-u", "-U", "--euid", "--uid"], Term("user")),
            (&["--signal"], IgnoredValue),
            (
                &[
                    "-x", "--exact", "-f", "--full", "-e", "--echo", "-i", "-c", "--count",
                ],
                Ignored,
            ),
            (
                &[
                    "-g",
                    "-G",
                    "-P",
                    "-s",
                    "-t",
                    "-n",
                    "-o",
                    "-v",
                    "-F",
                    "-r",
                    "-O",
                    "--pgroup",
                    "--group",
                    "--parent",
                    "--session",
                    "--terminal",
                    "--newest",
                    "--oldest",
                    "--inverse",
                    "--pidfile",
                    "--runstates",
                    "--older",
                    "--ns",
                ],
                Unknown,
            ),
        ],
        words: MeantWords::Processes,
    },
    Tool {
        names: &["killall"],
        command: "delete",
        options: &[
            (&["-u", "--user"], Term("user")),
            (&["-s", "--signal"], IgnoredValue),
            (
                &[
                    "-e",
                    "-i",
                    "-I",
                    "-q",
                    "-v",
                    "-w",
                    "--exact",
                    "--quiet",
                    "--wait",
                    "--interactive",
                ],
                Ignored,
            ),
            (&["-g", "-o", "-y", "-r", "-Z", "-n"], Unknown),
        ],
        words: MeantWords::Processes,
    },
    Tool {
        names: &["conntrack"],
        command: "delete",
        options: &[
            (&["-D", "--delete"], Command("delete")),
            (
                &["-L", "--list", "--dump", "-G", "--get", "-E", "--event"],
                Command("list"),
            ),
            (
                &["-s", "--src", "--orig-src", "-q", "--reply-dst"],
                Term("src"),
            ),
            (
                &["-d", "--dst", "--orig-dst", "-r", "--reply-src"],
                Term("dst"),
            ),
            (
                &["--sport", "--orig-port-src", "--reply-port-dst"],
                Term("sport"),
            ),
            (
                &["--dport", "--orig-port-dst", "--reply-port-src"],
                Term("dport"),
            ),
            (&["-p", "--proto"], Protocol),
            (&["-f", "--family"], Family),
            (&["--state"], Meaning::State),
            (
                &[
                    "-o",
                    "--output",
                    "-e",
                    "--event-mask",
                    "-b",
                    "--buffer-size",
                ],
                IgnoredValue,
            ),
            (
                &[
                    "-m",
                    "--mark",
                    "-l",
                    "--label",
                    "-i",
                    "--id",
                    "-w",
                    "--zone",
                    "--orig-zone",
                    "--reply-zone",
                    "-c",
                    "--secmark",
                    "-n",
                    "--src-nat",
                    "-g",
                    "--dst-nat",
                    "-j",
                    "--any-nat",
                    "-u",
                    "--status",
                ],
                Unknown,
            ),
        ],
        words: MeantWords::None,
    },
    Tool {
        names: &["tcpdrop"],
        command: "delete",
        options: &[
            (&["-l"], Command("list")),
            (&["-s"], Meaning::State),
            (&["-C", "-S", "-a"], Unknown),
        ],
        words: MeantWords::Pair,
    },
    Tool {
        names: &["killport", "kill-port", "port-kill"],
        command: "delete",
        options: &[
            (&["-s", "--signal", "-m", "--mode"], IgnoredValue),
            (
                &["-q", "--quiet", "-v", "--verbose", "-f", "--force"],
                Ignored,
            ),
        ],
        words: MeantWords::Ports,
    },
    Tool {
        names: &["fuser"],
        command: "list",
        options: &[
            (&["-k", "--kill"], Command("delete")),
            (&["-n", "--namespace"], Protocol),
            (&["-4"], Ours("-4")),
            (&["-6"], Ours("-6")),
            (
                &[
                    "-v",
                    "-i",
                    "-s",
                    "-u",
                    "-w",
                    "-a",
                    "--verbose",
                    "--interactive",
                ],
                Ignored,
            ),
        ],
        words: MeantWords::Ports,
    },
    Tool {
        names: &["taskkill", "taskkill.exe"],
        command: "delete",
        options: &[
            (&["/pid", "-pid"], Term("pid")),
            (&["/im", "-im"], Term("process")),
            (&["/f", "/t", "-f", "-t"], Ignored),
        ],
        words: MeantWords::None,
    },
    Tool {
        names: &["get-nettcpconnection"],
        command: "list",
        options: &[
            (&["-localport"], Term("sport")),
            (&["-remoteport"], Term("dport")),
            (&["-localaddress"], Term("src")),
            (&["-remoteaddress"], Term("dst")),
            (&["-owningprocess"], Term("pid")),
            (&["-state"], Meaning::State),
        ],
        words: MeantWords::None,
    },
    Tool {
        names: &["iptables", "ip6tables", "iptables-nft", "iptables-legacy"],
        command: "delete",
        options: &[
            (&["-A", "--append", "-I", "--insert"], Chain),
            (&["-s", "--source", "--src"], Term("src")),
            (&["-d", "--destination", "--dst"], Term("dst")),
            (
                &["--sport", "--source-port", "--sports", "--source-ports"],
                Term("sport"),
            ),
            (
                &[
                    "--dport",
                    "--destination-port",
                    "--dports",
                    "--destination-ports",
                ],
                Term("dport"),
            ),
            (&["-p", "--protocol"], Protocol),
            (
                &[
                    "-j",
                    "--jump",
                    "-m",
                    "--match",
                    "--reject-with",
                    "--comment",
                ],
                IgnoredValue,
            ),
            (&["-w", "--wait"], Ignored),
        ],
        words: MeantWords::None,
    },
    Tool {
        names: &["/close", "cports", "cports.exe", "currports"],
        command: "delete",
        options: &[(&["/close"], Ignored)],
        words: MeantWords::Patterns,
    },
    Tool {
        names: &["cutter"],
        command: "delete",
        options: &[],
        words: MeantWords::Ends,
    },
];

/// Answers a command line that begins with another tool; `None` where its words mean here what they mean there.
pub(in super::super) fn answer(typed: &[OsString]) -> Option<Answer> {
    let mut words = typed.iter().skip(1).map(|word| word.to_str());
    let name = words.next()??;
    let words: Vec<&str> = words.collect::<Option<_>>()?;
    let lower = name.to_ascii_lowercase();
    let tool = TOOLS.iter().find(|it| it.names.contains(&&*lower))?;
    let answer = Answer::new(format!("there is no command `{name}` here"));
    match ToolReading::of(tool, &words) {
        Ok(reading) => {
            let line = reading.line(tool)?;
            Some(answer.with_meant("", line))
        }
        Err(Some(option)) => Some(answer.with_error(format!(
            "{option}: nothing here selects connections by this"
        ))),
        // All at once: what is answered for another command, too.
        Err(None) if matches!(words[..], ["-F" | "--flush"]) => None,
        Err(None) => Some(answer),
    }
}

/// The words of a tool, as far as they are read.
#[derive(Debug, Default)]
struct ToolReading<'w> {
    command: Option<&'static str>,
    options: Vec<&'static str>,
    states: Vec<String>,
    terms: Vec<(&'static str, &'w str)>,
    chain: Option<&'w str>,
    words: Vec<&'w str>,
}

impl<'w> ToolReading<'w> {
    /// Reads the words behind the name; an error is the option that nothing here means, or `None` for one that is not known.
    fn of(tool: &Tool, words: &[&'w str]) -> Result<Self, Option<&'w str>> {
        let mut reading = Self::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let is_option = word.starts_with('-') && word.len() > 1;
            if !is_option && tool.meaning(word).is_none() {
                reading.words.push(word);
                continue;
            }
            let (option, glued) = match word.split_once('=') {
                Some((option, value)) if word.starts_with("--") => (option, Some(value)),
                _ => (word, None),
            };
            if let Some(meaning) = tool.meaning(option) {
                let value = if meaning.takes_value() {
                    Some(glued.or_else(|| words.next()).ok_or(None)?)
                } else {
                    None
                };
                reading.take(meaning, word, value.unwrap_or_default())?;
            } else if is_signal(word.trim_start_matches('-')) {
                // No signal is sent here.
            } else {
                reading.take_cluster(tool, word, &mut words)?;
            }
        }
        Ok(reading)
    }

    /// Reads `-kn tcp` and `-s192.0.2.1`.
    fn take_cluster(
        &mut self,
        tool: &Tool,
        word: &'w str,
        words: &mut impl Iterator<Item = &'w str>,
    ) -> Result<(), Option<&'w str>> {
        let letters = word.strip_prefix('-').filter(|it| !it.starts_with('-'));
        let letters = letters.filter(|it| it.is_ascii()).ok_or(None)?;
        for at in 0..letters.len() {
            let meaning = tool.meaning(&format!("-{}", &letters[at..=at]));
            let meaning = meaning.ok_or(None)?;
            if meaning.takes_value() {
                let behind = Some(&letters[at + 1..]).filter(|it| !it.is_empty());
                let value = behind.or_else(|| words.next()).ok_or(None)?;
                return self.take(meaning, word, value);
            }
            self.take(meaning, word, "")?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        meaning: Meaning,
        word: &'w str,
        value: &'w str,
    ) -> Result<(), Option<&'w str>> {
        match meaning {
            Ignored | IgnoredValue => {}
            Unknown => return Err(Some(word)),
            Ours(option) => self.options.push(option),
            Term(term) => self.terms.push((term, value)),
            Chain => self.chain = Some(value),
            Command(command) => self.command = Some(command),
            Meaning::State => {
                let states = value.split(',').map(state).collect::<Option<Vec<_>>>();
                self.states.extend(states.ok_or(Some(word))?);
            }
            Family => self.options.push(match value {
                "ipv4" | "inet" => "-4",
                "ipv6" | "inet6" => "-6",
                _ => return Err(Some(word)),
            }),
            Protocol => match value {
                "tcp" | "TCP" | "6" => {}
                // The word behind `fuser -n` may be missing.
                spec if spec.ends_with("/tcp") => self.words.push(spec),
                _ => return Err(Some(word)),
            },
        }
        Ok(())
    }

    /// Returns the line that is meant; `None` where the words are other than the tool's.
    fn line(self, tool: &Tool) -> Option<Line> {
        let mut words: Vec<String> = Vec::new();
        for state in self.states {
            words.extend(["state".to_owned(), state]);
        }
        for (term, value) in self.terms {
            let term = seen_from_here(term, tool, self.chain)?;
            words.extend([term.to_owned(), value.to_owned()]);
        }
        words.extend(tool.words.read(&self.words)?);
        let command = self.command.unwrap_or(tool.command);
        // Nothing is deleted by omission.
        (command != "delete" || !words.is_empty()).then(|| Line {
            command: Some(command.to_owned()),
            options: self.options.iter().map(OsString::from).collect(),
            words: words.into_iter().map(OsString::from).collect(),
            is_implied: false,
        })
    }
}

/// Returns the term for a packet's end: those that come in are the peer's.
fn seen_from_here(term: &'static str, tool: &Tool, chain: Option<&str>) -> Option<&'static str> {
    if !tool.names.contains(&"iptables") {
        return Some(term);
    }
    Some(match (chain?, term) {
        ("OUTPUT", term) => term,
        ("INPUT", "src") => "dst",
        ("INPUT", "dst") => "src",
        ("INPUT", "sport") => "dport",
        ("INPUT", "dport") => "sport",
        (_, "src" | "dst") => "host",
        _ => "port",
    })
}

/// Returns the name here of a state, as in `CloseWait`.
pub(super) fn state(typed: &str) -> Option<String> {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(|it| !matches!(it, '-' | '_'));
        letters.map(|it| it.to_ascii_lowercase()).collect()
    };
    let typed = match &*letters(typed) {
        "estab" => "established".to_owned(),
        "listen" => "listening".to_owned(),
        "synreceived" | "synrcvd" => "synrecv".to_owned(),
        "bound" => "boundinactive".to_owned(),
        other => other.to_owned(),
    };
    let mut words = FilterWords::new();
    words.push("state");
    let names = words.next_words();
    let found = names.iter().find(|name| letters(name.word) == typed);
    found.map(|name| name.word.to_owned())
}

impl Tool {
    fn meaning(&self, option: &str) -> Option<Meaning> {
        // Windows does not distinguish cases.
        let any_case = self.options.iter().any(|(names, _)| {
            names
                .iter()
                .any(|it| it.starts_with('/') || *it == "-localport")
        });
        let is_it =
            |name: &&&str| **name == option || (any_case && name.eq_ignore_ascii_case(option));
        let mut all = self.options.iter();
        let found = all.find(|(names, _)| names.iter().any(|name| is_it(&name)));
        found.map(|(_, meaning)| *meaning)
    }
}

impl Meaning {
    const fn takes_value(self) -> bool {
        matches!(
            self,
            IgnoredValue | Term(_) | Self::State | Family | Protocol | Chain
        )
    }
}

impl MeantWords {
    /// Returns the words of a filter, or both ends; `None` where these are other ones.
    fn read(self, words: &[&str]) -> Option<Vec<String>> {
        match self {
            Self::None => matches!(words, [] | ["conntrack"]).then(Vec::new),
            Self::Pair => Some(words.iter().map(|it| (*it).to_owned()).collect()),
            Self::Processes => Some(any_of("process", words.iter().copied())),
            Self::Ports => {
                let ports = words.iter().map(|it| it.strip_suffix("/tcp").unwrap_or(it));
                let is_port = |port: &str| port.bytes().all(|it| it.is_ascii_alphanumeric());
                let are_ports = ports.clone().all(is_port);
                are_ports.then(|| any_of("port", ports))
            }
            Self::Ends => {
                let ends = words.chunks(2).map(|end| end.join(":"));
                let is_right = (1..=4).contains(&words.len());
                is_right.then(|| ends.flat_map(|end| ["host".to_owned(), end]).collect())
            }
            Self::Patterns => {
                let (ends, process) = words.split_at_checked(4)?;
                let mut read = Vec::new();
                for (end, [host, port]) in [&ends[..2], &ends[2..]]
                    .into_iter()
                    .zip([["src", "sport"], ["dst", "dport"]])
                {
                    read.extend(match end {
                        ["*", "*"] => Vec::new(),
                        ["*", number] => vec![port.to_owned(), (*number).to_owned()],
                        [address, "*"] => vec![host.to_owned(), (*address).to_owned()],
                        end => vec![host.to_owned(), end.join(":")],
                    });
                }
                read.extend(
                    process
                        .iter()
                        .flat_map(|it| ["process".to_owned(), (*it).to_owned()]),
                );
                Some(read)
            }
        }
    }
}

/// Returns the words that select by any of these values.
fn any_of<'v>(term: &str, values: impl Iterator<Item = &'v str>) -> Vec<String> {
    let terms: Vec<_> = values
        .map(|value| [term.to_owned(), value.to_owned()])
        .collect();
    if terms.len() < 2 {
        return terms.concat();
    }
    let joined = terms.join(&"or".to_owned());
    std::iter::once("(".to_owned())
        .chain(joined)
        .chain([")".to_owned()])
        .collect()
}
