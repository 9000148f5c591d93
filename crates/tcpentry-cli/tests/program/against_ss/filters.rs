//! Filters that `ss` and tcpentry take, made of what the sockets are made of.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use tcpentry_testkit::random::Random;
use tcpentry_testkit::varied::{ADDRESSES, DEVICES, ELSEWHERE, MARKS, PORTS};

/// An option, states, an expression.
pub(crate) struct Filter {
    /// The option that says which states are listed where there is no clause.
    pub(crate) option: &'static str,
    /// `state` or `exclude`, and the name.
    clauses: Vec<(&'static str, &'static str)>,
    expression: Vec<String>,
    kinds: Vec<Kind>,
    family: Option<Family>,
    pub(super) has_not: bool,
    /// The spacing of our words; those of ss always stand apart.
    spacing: Spacing,
}

/// The kind of a term, as far as it makes a difference.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Host(End, Network),
    Device,
    Cgroup(String),
    Autobound,
    Other,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Local,
    Peer,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Network {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

/// `inet:`, `inet6:`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    V4,
    V6,
}

#[derive(Clone, Copy)]
enum Spacing {
    Words,
    OneWord,
    /// One word, without the blanks that are not needed.
    Squeezed,
}

impl Filter {
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = self.clause_words();
        words.extend_from_slice(&self.expression);
        words
    }

    pub(crate) fn words_of_ours(&self) -> Vec<String> {
        match self.spacing {
            Spacing::Words => self.words(),
            Spacing::OneWord => vec![self.words().join(" ")],
            Spacing::Squeezed => {
                let mut text = self.clause_words().join(" ");
                for word in &self.expression {
                    let needed = text.ends_with(is_of_word) && word.starts_with(is_of_word);
                    let split = text.ends_with('!') && word.starts_with('=');
                    text += if needed || split { " " } else { "" };
                    text += word;
                }
                vec![text]
            }
        }
    }

    fn clause_words(&self) -> Vec<String> {
        let words = self.clauses.iter().flat_map(|(word, name)| [word, name]);
        words.map(|word| (*word).to_owned()).collect()
    }

    pub(super) fn has(&self, is_such: impl Fn(&Kind) -> bool) -> bool {
        self.kinds.iter().any(is_such)
    }

    pub(super) fn family(&self) -> Option<Family> {
        self.family
    }

    /// Returns the states that are left when the clauses are taken in turn, each adding or taking away; `None` without any.
    pub(super) fn states_in_turn(&self) -> Option<BTreeSet<u8>> {
        let (first, _) = self.clauses.first()?;
        let mut states = BTreeSet::new();
        if *first != "state" {
            states.extend(numbers("all"));
        }
        for (word, name) in &self.clauses {
            if *word == "state" {
                states.extend(numbers(name));
            } else {
                numbers(name).for_each(|number| _ = states.remove(&number));
            }
        }
        Some(states)
    }

    /// Returns the states that the clauses include, without those that others exclude, in any order.
    pub(super) fn states(&self) -> Option<BTreeSet<u8>> {
        let (mut included, excluded): (Vec<_>, Vec<_>) =
            self.clauses.iter().partition(|(word, _)| *word == "state");
        if included.is_empty() {
            included.push(&("state", "all"));
        }
        let states = |clauses: Vec<&(_, &str)>| -> BTreeSet<u8> {
            clauses
                .into_iter()
                .flat_map(|(_, name)| numbers(name))
                .collect()
        };
        let states = &states(included) - &states(excluded);
        (!self.clauses.is_empty()).then_some(states)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.option, self.words().join(" "))?;
        match self.spacing {
            Spacing::Words => Ok(()),
            _ => write!(f, "\n(to us: {:?})", self.words_of_ours()),
        }
    }
}

fn numbers(name: &str) -> impl Iterator<Item = u8> {
    let found = STATES.iter().find(|(known, _)| *known == name);
    let (_, numbers) = found.expect("it was taken from there");
    numbers.iter().copied()
}

fn is_of_word(character: char) -> bool {
    !"()!=<>&|".contains(character)
}

/// Makes them, of a seed.
pub(crate) struct Maker<'c> {
    random: Random,
    cgroups: &'c [String],
    /// The family of the filter that is being made.
    family: Option<Family>,
    named_family: bool,
    kinds: Vec<Kind>,
    has_not: bool,
}

impl<'c> Maker<'c> {
    pub(crate) fn new(seed: u64, cgroups: &'c [String]) -> Self {
        Self {
            random: Random::new(seed),
            cgroups,
            family: None,
            named_family: false,
            kinds: Vec::new(),
            has_not: false,
        }
    }

    pub(crate) fn filters(&mut self, count: usize) -> Vec<Filter> {
        (0..count).map(|_| self.filter()).collect()
    }

    fn filter(&mut self) -> Filter {
        // ss 6.1 takes no address of the other family behind a term that names one.
        self.family = match self.random.below(16) {
            0 => Some(Family::V4),
            1 => Some(Family::V6),
            _ => None,
        };
        let option = self.random.choose(&["", "", "-a", "-a", "-a", "-l"]);
        let clauses = match self.random.below(3) {
            0 => self.clauses(),
            _ => Vec::new(),
        };
        let expression = match self.random.below(20) {
            0 if !clauses.is_empty() => Vec::new(),
            _ => self.level(3),
        };
        let spacings = [Spacing::Words, Spacing::OneWord, Spacing::Squeezed];
        Filter {
            option,
            clauses,
            expression,
            kinds: std::mem::take(&mut self.kinds),
            family: std::mem::take(&mut self.named_family)
                .then_some(self.family)
                .flatten(),
            has_not: std::mem::take(&mut self.has_not),
            spacing: self.random.choose(&spacings),
        }
    }

    fn clauses(&mut self) -> Vec<(&'static str, &'static str)> {
        let clause = |random: &mut Random| {
            let words = ["state", "state", "state", "state", "exclude", "excl"];
            let (name, _) = random.choose(&STATES);
            (random.choose(&words), name)
        };
        let count = 1 + self.random.below(3);
        (0..count).map(|_| clause(&mut self.random)).collect()
    }

    /// Generates terms and what joins them, all in one way.
    fn level(&mut self, depth: usize) -> Vec<String> {
        let joints: &[&str] = match self.random.below(3) {
            0 => &["or", "|", "||"],
            _ => &["and", "&", "&&", "", ""],
        };
        let mut words = self.operand(depth);
        for _ in 0..[0, 0, 1, 1, 1, 2, 3][self.random.below(7)] {
            let joint = self.random.choose(joints);
            words.extend((!joint.is_empty()).then(|| joint.to_owned()));
            words.extend(self.operand(depth));
        }
        words
    }

    fn operand(&mut self, depth: usize) -> Vec<String> {
        match self.random.below(9) {
            0 | 1 if depth > 0 => {
                let inner = self.level(depth - 1);
                let open = std::iter::once("(".to_owned());
                open.chain(inner)
                    .chain(std::iter::once(")".to_owned()))
                    .collect()
            }
            2 | 3 if depth > 0 => {
                self.has_not = true;
                let mut words = vec![self.random.choose(&["not", "!"]).to_owned()];
                words.extend(self.operand(depth - 1));
                words
            }
            _ => self.term(),
        }
    }

    fn term(&mut self) -> Vec<String> {
        let (words, kind): (Vec<&str>, _) = match self.random.below(20) {
            0..=7 => return self.host(),
            8..=13 => return self.port(),
            14 => {
                let device = self
                    .random
                    .choose(&[DEVICES[0], DEVICES[1], "1", "0x2", "77"]);
                let equal = self.random.choose(&EQUALITIES);
                (vec!["dev", equal, device], Kind::Device)
            }
            15 | 16 => return self.mark(),
            17 | 18 if !self.cgroups.is_empty() => {
                let at = self.random.below(self.cgroups.len() + 1);
                let path = self.cgroups.get(at).map_or("/", String::as_str);
                let equal = self.random.choose(&EQUALITIES);
                (vec!["cgroup", equal, path], Kind::Cgroup(path.to_owned()))
            }
            _ => (vec!["autobound"], Kind::Autobound),
        };
        // `!=` is `not` as well.
        self.has_not |= words.iter().any(|word| UNEQUAL.contains(word));
        self.kinds.push(kind);
        apart(&words)
    }

    fn mark(&mut self) -> Vec<String> {
        let value = self.random.choose(&MARKS);
        let mask = self.random.choose(&[1, 0x10, 0x11, 0xff, 0xff00_0000, 0]);
        let mark = match self.random.below(4) {
            0 => format!("{value}"),
            1 => format!("{value:#x}"),
            2 => format!("{value:#x}/{mask:#x}"),
            _ => format!("{}/{mask}", value & mask),
        };
        self.kinds.push(Kind::Other);
        apart(&["fwmark", self.random.choose(&EQUALITIES), &mark])
    }

    fn port(&mut self) -> Vec<String> {
        let word = self.random.choose(&["sport", "dport"]);
        let port = self.number_or_service();
        let colon = self.random.choose(&["", ":", ":"]);
        self.kinds.push(Kind::Other);
        apart(&[
            word,
            self.random.choose(&COMPARISONS),
            &format!("{colon}{port}"),
        ])
    }

    fn number_or_service(&mut self) -> String {
        if self.random.one_in(4) {
            return self
                .random
                .choose(&["ssh", "http", "https", "postgresql"])
                .to_owned();
        }
        let port = match self.random.below(4) {
            0 => self
                .random
                .choose(&[0, 1, 32767, 32768, 45000, 60999, 61000]),
            _ => self.random.choose(&PORTS),
        };
        match self.random.below(5) {
            0 => format!("{port:#x}"),
            _ => port.to_string(),
        }
    }

    fn host(&mut self) -> Vec<String> {
        let (word, end) = self
            .random
            .choose(&[("src", End::Local), ("dst", End::Peer)]);
        let mut host = String::new();
        if let Some(family) = self.family.filter(|_| self.random.one_in(2)) {
            self.named_family = true;
            host += match family {
                Family::V4 => "inet:",
                Family::V6 => "inet6:",
            };
        }
        let anywhere = self.random.one_in(8);
        if anywhere {
            host += self.random.choose(&["*", ""]);
            self.kinds.push(Kind::Other);
        } else {
            let (text, network) = self.network();
            host += &text;
            self.kinds.push(Kind::Host(end, network));
        }
        if host.is_empty() || host.ends_with(':') || self.random.one_in(3) {
            host += ":";
            host += &match self.random.below(5) {
                0 => "*".to_owned(),
                _ => self.number_or_service(),
            };
        }
        apart(&[word, self.random.choose(&["", "", "=", "==", "eq"]), &host])
    }

    fn network(&mut self) -> (String, Network) {
        let address = self.address();
        let v4 = address.is_ipv4();
        let lengths: &[u8] = if v4 {
            &[0, 1, 2, 4, 8, 16, 23, 24, 31, 32]
        } else {
            &[0, 1, 3, 8, 32, 48, 64, 80, 95, 96, 97, 104, 112, 127, 128]
        };
        let length = match self.random.below(2) {
            0 => self.random.choose(lengths),
            _ => lengths[lengths.len() - 1],
        };
        let network = Network { address, length };
        let whole = length == lengths[lengths.len() - 1] && self.random.one_in(2);
        let text = match address {
            IpAddr::V6(_) if whole => format!("[{address}]"),
            IpAddr::V6(_) => format!("[{address}/{length}]"),
            IpAddr::V4(_) if whole => address.to_string(),
            IpAddr::V4(v4) if length == 8 && self.random.one_in(2) => {
                // What is left out is 0, as what the prefix leaves out.
                format!("{}/8", v4.octets()[0])
            }
            IpAddr::V4(v4) if length == 16 && self.random.one_in(2) => {
                let [a, b, ..] = v4.octets();
                format!("{a}.{b}/16")
            }
            IpAddr::V4(_) => format!("{address}/{length}"),
        };
        (text, network)
    }

    fn address(&mut self) -> IpAddr {
        loop {
            let text = match self.random.below(5) {
                0 => self
                    .random
                    .choose(&["0.0.0.0", "::", "10.0.0.2", "fe80::1"]),
                1 | 2 => self.random.choose(&ELSEWHERE),
                _ => self.random.choose(&ADDRESSES),
            };
            let address: IpAddr = text.parse().expect("it is an address");
            let address = match address {
                IpAddr::V4(v4) if self.random.one_in(6) => v4.to_ipv6_mapped().into(),
                other => other,
            };
            let family = if address.is_ipv4() {
                Family::V4
            } else {
                Family::V6
            };
            if self.family.is_none_or(|wanted| wanted == family) {
                return address;
            }
        }
    }
}

/// Returns those of the words that are not empty.
fn apart(words: &[&str]) -> Vec<String> {
    let words = words.iter().filter(|word| !word.is_empty());
    words.map(|word| (*word).to_owned()).collect()
}

const UNEQUAL: [&str; 3] = ["!=", "ne", "neq"];
const EQUALITIES: [&str; 8] = ["", "", "=", "==", "eq", "!=", "ne", "neq"];
const COMPARISONS: [&str; 20] = [
    "", "=", "==", "eq", "!=", "ne", "neq", "<", "lt", "<=", "le", "leq", ">", "gt", ">=", "ge",
    "geq", "=", "=", "",
];
/// Each name of states, and the kernel's numbers of those.
const STATES: [(&str, &[u8]); 19] = [
    ("established", &[1]),
    ("syn-sent", &[2]),
    ("syn-recv", &[3]),
    ("syn-rcv", &[3]),
    ("fin-wait-1", &[4]),
    ("fin-wait-2", &[5]),
    ("time-wait", &[6]),
    ("closed", &[7]),
    ("close", &[7]),
    ("unconnected", &[7]),
    ("close-wait", &[8]),
    ("last-ack", &[9]),
    ("listening", &[10]),
    ("closing", &[11]),
    ("all", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ("connected", &[1, 2, 3, 4, 5, 6, 8, 9, 11]),
    ("synchronized", &[1, 3, 4, 5, 6, 8, 9, 11]),
    ("Bucket", &[3, 6]),
    ("BIG", &[1, 2, 4, 5, 7, 8, 9, 10, 11]),
];
