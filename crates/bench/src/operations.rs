//! The workloads: each operation by the program, by `ss`, and in its rawest form.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use anyhow::{Result, bail};
use tcpentry_bench::raw::{Filter, Raw, names};

use crate::fixture::{self, Fixture, MIDDLE_PORT, RARE_PORT, SERVICES};
use crate::measure::Run;
use crate::sets;

/// A contestant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum By {
    Tcpentry,
    /// The program as it was before.
    Before,
    Ss,
    Floor,
}

impl By {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcpentry => "tcpentry",
            Self::Before => "before",
            Self::Ss => "ss",
            Self::Floor => "floor",
        }
    }
}

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    kind: Kind,
    pinned: bool,
    /// The number of measurements in a round.
    pub(crate) times: u32,
    /// The largest table with which it is measured.
    pub(crate) up_to: u32,
    has_rival: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Version,
    Exact,
    /// One exactly, beside this many idle processes.
    Beside(OwnerUser, u32),
    List(Rows),
    /// Nothing, by a filter that is evaluated by the program: a set of this many prefixes, if any.
    Here(Option<u32>),
    /// Nothing, by the same filter without a set, after this many prefixes have been read.
    Read(u32),
    Processes,
    Delete(Rows, Guard),
}

/// The owner of a socket to be deleted: only root's can be an SSH server's.
#[derive(Clone, Copy)]
enum OwnerUser {
    Service,
    Root,
}

/// A selection of the fixture's sockets.
#[derive(Clone, Copy)]
enum Rows {
    All,
    Half,
    Rare,
    None,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Guard {
    Yes,
    Max,
}

pub(crate) fn all() -> Vec<Workload> {
    let usual = |name, kind| Workload {
        name,
        kind,
        pinned: false,
        times: 1,
        up_to: fixture::MOST,
        has_rival: true,
    };
    let quick = |name, kind| Workload {
        times: 4,
        ..usual(name, kind)
    };
    let pinned = |name, kind| Workload {
        pinned: true,
        ..usual(name, kind)
    };
    let alone = |name, kind| Workload {
        has_rival: false,
        ..pinned(name, kind)
    };
    let beside = |name, owner, processes| Workload {
        up_to: 10_000,
        ..quick(name, Kind::Beside(owner, processes))
    };
    vec![
        quick("start-up: --version", Kind::Version),
        quick("delete one, exactly", Kind::Exact),
        beside(
            "delete a service's, beside 100 processes",
            OwnerUser::Service,
            100,
        ),
        beside(
            "delete a service's, beside 1,000 processes",
            OwnerUser::Service,
            1_000,
        ),
        beside(
            "delete a service's, beside 5,000 processes",
            OwnerUser::Service,
            5_000,
        ),
        beside("delete root's, beside 100 processes", OwnerUser::Root, 100),
        beside(
            "delete root's, beside 1,000 processes",
            OwnerUser::Root,
            1_000,
        ),
        beside(
            "delete root's, beside 5,000 processes",
            OwnerUser::Root,
            5_000,
        ),
        pinned("list all, on one processor", Kind::List(Rows::All)),
        usual("list all", Kind::List(Rows::All)),
        pinned("list 1 %, on one processor", Kind::List(Rows::Rare)),
        usual("list 1 %", Kind::List(Rows::Rare)),
        pinned(
            "list what matches nothing, on one processor",
            Kind::List(Rows::None),
        ),
        usual("list what matches nothing", Kind::List(Rows::None)),
        alone("judge all here, on one processor", Kind::Here(None)),
        alone(
            "judge all by a set of 1,000, on one processor",
            Kind::Here(Some(sets::SIZES[0])),
        ),
        alone(
            "judge all by a set of 150,000, on one processor",
            Kind::Here(Some(sets::SIZES[1])),
        ),
        alone(
            "judge all here beside a set of 150,000, on one processor",
            Kind::Read(sets::SIZES[1]),
        ),
        Workload {
            up_to: 200_000,
            ..pinned("list with processes, on one processor", Kind::Processes)
        },
        Workload {
            up_to: 200_000,
            ..usual("list with processes", Kind::Processes)
        },
        usual("delete 1 %", Kind::Delete(Rows::Rare, Guard::Yes)),
        usual("delete half", Kind::Delete(Rows::Half, Guard::Yes)),
        usual("delete all", Kind::Delete(Rows::All, Guard::Yes)),
        Workload {
            has_rival: false,
            ..usual("delete all, --max", Kind::Delete(Rows::All, Guard::Max))
        },
    ]
}

/// The programs that are measured.
#[derive(Clone, Copy)]
pub(crate) struct Programs<'a> {
    pub(crate) tcpentry: &'a Path,
    pub(crate) before: Option<&'a Path>,
    pub(crate) empty: &'a Path,
    pub(crate) own: &'a Path,
    /// The folder of the lists of prefixes.
    pub(crate) sets: &'a Path,
}

impl Workload {
    pub(crate) const fn deletes(&self) -> bool {
        matches!(self.kind, Kind::Delete(..) | Kind::Exact | Kind::Beside(..))
    }

    /// Returns the number of idle processes beside which it is measured, if any.
    pub(crate) const fn beside(&self) -> Option<u32> {
        match self.kind {
            Kind::Beside(_, processes) => Some(processes),
            _ => None,
        }
    }

    /// Returns the programs, without the one before where that lacks an option of this operation.
    pub(crate) fn programs_that_know<'a>(&self, programs: &Programs<'a>) -> Result<Programs<'a>> {
        let mut known = *programs;
        let may_be_new = matches!(self.kind, Kind::Here(_) | Kind::Read(_));
        if may_be_new
            && known.before.is_some()
            && !self.run(By::Before, programs, 0).is_understood()?
        {
            known.before = None;
        }
        Ok(known)
    }

    /// Returns the contestants.
    pub(crate) fn contestants(&self, programs: &Programs<'_>) -> Vec<By> {
        let before = programs.before.map(|_| By::Before);
        let rivals = [By::Ss, By::Floor].into_iter().filter(|_| self.has_rival);
        std::iter::once(By::Tcpentry)
            .chain(before)
            .chain(rivals)
            .collect()
    }

    /// Returns the command; `number` differs each time, for the socket to be deleted.
    pub(crate) fn run(&self, by: By, programs: &Programs<'_>, number: u32) -> Run {
        let program = programs.tcpentry.as_os_str();
        let words: Vec<String> = match (by, self.kind) {
            (By::Tcpentry | By::Before, kind) => ours(kind, number, programs.sets),
            (By::Ss, kind) => theirs(kind, number),
            (By::Floor, Kind::Version | Kind::Exact) => Vec::new(),
            (By::Floor, Kind::Beside(owner, _)) => {
                let mut words = exactly(owner.socket(number));
                words.push("--own-session".to_owned());
                words
            }
            (By::Floor, kind) => floor(kind, self.pinned),
        };
        let program = match (by, self.kind) {
            (By::Tcpentry, _) | (By::Floor, Kind::Beside(..)) => program,
            (By::Before, _) => programs.before.unwrap_or(programs.tcpentry).as_os_str(),
            (By::Ss, _) => "ss".as_ref(),
            (By::Floor, Kind::Version | Kind::Exact) => programs.empty.as_os_str(),
            (By::Floor, _) => programs.own.as_os_str(),
        };
        let words = words.into_iter().map(Into::into);
        let run = Run::of(std::iter::once(program.to_owned()).chain(words));
        if self.pinned { run.pinned() } else { run }
    }

    /// Checks that all contestants do one thing: list equal rows, or delete equal sockets.
    pub(crate) fn check(&self, programs: &Programs<'_>, fixture: &mut Fixture) -> Result<()> {
        let rows = match self.kind {
            Kind::Version => return Ok(()),
            Kind::Exact | Kind::Beside(..) => return self.check_exact(programs, fixture),
            Kind::List(rows) | Kind::Delete(rows, _) => rows,
            Kind::Here(_) | Kind::Read(_) => Rows::None,
            Kind::Processes => Rows::All,
        };
        let all = 0..fixture.sockets();
        let named = Ends::of_number;
        for by in self.contestants(programs) {
            let run = self.run(by, programs, 0);
            let (done, expected): (Ends, Ends) = match self.kind {
                Kind::Delete(..) => {
                    run.sample()?;
                    let left = left()?;
                    fixture.restore()?;
                    let kept = all.clone().filter(|number| !rows.contain(*number));
                    (left, kept.map(named).collect())
                }
                _ if by == By::Floor => continue,
                _ => {
                    let mut shown = Ends::default();
                    run.lines(|line| shown.extend(ends_of_row(line)))?;
                    let there = all.clone().filter(|number| rows.contain(*number));
                    (shown, there.map(named).collect())
                }
            };
            if done != expected {
                bail!(
                    "{} did something else: {done:?}, not {expected:?}",
                    by.name()
                );
            }
        }
        Ok(())
    }
}

impl Workload {
    /// Checks that each deletes the very socket that is named.
    fn check_exact(&self, programs: &Programs<'_>, fixture: &mut Fixture) -> Result<()> {
        let mut contestants = self.contestants(programs);
        let owner = if let Kind::Beside(owner, _) = self.kind {
            owner
        } else {
            // The floor of one deletion is a program that does nothing.
            contestants.retain(|by| *by != By::Floor);
            OwnerUser::Root
        };
        for (number, by) in (1..).zip(contestants) {
            self.run(by, programs, number).sample()?;
            let deleted = owner.socket(number);
            let others = (0..fixture.sockets()).filter(|other| *other != deleted);
            let (left, expected): (Ends, Ends) = (left()?, others.map(Ends::of_number).collect());
            fixture.restore()?;
            if left != expected {
                bail!("{} did something else", by.name());
            }
        }
        Ok(())
    }
}

/// A sum over the ends of sockets, in any order: two are equal only if they are of equal sockets.
///
/// It takes no memory: that of this process would be counted for those that it starts.
#[derive(Debug, Default, Eq, PartialEq)]
struct Ends {
    count: u64,
    sum: u64,
}

impl Ends {
    fn of_number(number: u32) -> Self {
        Self::of(&fixture::words(number).join(" "))
    }

    fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            count: 1,
            sum: hasher.finish(),
        }
    }
}

impl Extend<Ends> for Ends {
    fn extend<I: IntoIterator<Item = Ends>>(&mut self, all: I) {
        for ends in all {
            self.count += ends.count;
            self.sum = self.sum.wrapping_add(ends.sum);
        }
    }
}

impl FromIterator<Ends> for Ends {
    fn from_iter<I: IntoIterator<Item = Ends>>(all: I) -> Self {
        let mut of_all = Self::default();
        of_all.extend(all);
        of_all
    }
}

impl OwnerUser {
    /// Returns the number of a socket of this owner's.
    fn socket(self, number: u32) -> u32 {
        match self {
            Self::Root => number % SERVICES.start,
            Self::Service => SERVICES.start + number % (SERVICES.end - SERVICES.start),
        }
    }
}

impl Rows {
    fn contain(self, number: u32) -> bool {
        let (local, peer) = fixture::ends(number);
        match self {
            Self::All => true,
            Self::Half => local.port() >= MIDDLE_PORT,
            Self::Rare => peer.port() == RARE_PORT,
            Self::None => false,
        }
    }

    /// Returns the filter, which both programs understand.
    fn words(self) -> String {
        match self {
            Self::All => "state established".to_owned(),
            Self::Half => format!("sport ge :{MIDDLE_PORT}"),
            Self::Rare => format!("dport = :{RARE_PORT}"),
            Self::None => "dport = :9".to_owned(),
        }
    }

    const fn of_floor(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Half => "half",
            Self::Rare => "rare",
            Self::None => "none",
        }
    }
}

fn ours(kind: Kind, number: u32, sets: &Path) -> Vec<String> {
    let set = |size| format!("--in=set={}", sets::path(sets, size).display());
    match kind {
        Kind::Here(None) => text(&["list", NOTHING]),
        Kind::Here(Some(size)) => text(&["list", &set(size), "dst @set"]),
        Kind::Read(size) => text(&["list", &set(size), NOTHING]),
        Kind::Version => text(&["--version"]),
        Kind::Exact => exactly(number),
        Kind::Beside(owner, _) => exactly(owner.socket(number)),
        Kind::List(Rows::All) => text(&["list"]),
        Kind::List(rows) => text(&["list", &rows.words()]),
        Kind::Processes => text(&["list", "-p"]),
        Kind::Delete(rows, Guard::Yes) => text(&["delete", "--yes", &rows.words()]),
        Kind::Delete(rows, Guard::Max) => {
            text(&["delete", "--yes", "--max", "9999999", &rows.words()])
        }
    }
}

fn theirs(kind: Kind, number: u32) -> Vec<String> {
    match kind {
        Kind::Here(_) | Kind::Read(_) => Vec::new(),
        Kind::Version => text(&["-V"]),
        Kind::Exact => exactly_by_ss(number),
        Kind::Beside(owner, _) => exactly_by_ss(owner.socket(number)),
        Kind::List(Rows::All) => text(&["-Htn"]),
        Kind::List(rows) => text(&["-Htn", &rows.words()]),
        Kind::Processes => text(&["-Htnp"]),
        // It takes states as words of their own only.
        Kind::Delete(Rows::All, _) => text(&["-HtnK", "state", "established"]),
        Kind::Delete(rows, _) => text(&["-HtnK", &rows.words()]),
    }
}

/// A filter that the kernel can't evaluate, and that no socket of the fixture passes.
const NOTHING: &str = "recvq gt 3G";

fn exactly(number: u32) -> Vec<String> {
    let [local, peer] = fixture::words(number);
    text(&["delete", &local, &peer])
}

fn exactly_by_ss(number: u32) -> Vec<String> {
    let [local, peer] = fixture::words(number);
    text(&["-HtnK", "src", &local, "dst", &peer])
}

fn floor(kind: Kind, pinned: bool) -> Vec<String> {
    let two = if pinned { "1" } else { "2" };
    // To look at every socket twice is not a floor where few are shown.
    let threads = match kind {
        Kind::List(Rows::Rare | Rows::None) | Kind::Delete(Rows::Rare, _) => "1",
        _ => two,
    };
    match kind {
        Kind::List(rows) => text(&["floor", "dump", rows.of_floor(), threads]),
        Kind::Delete(rows, _) => text(&["floor", "delete", rows.of_floor(), threads]),
        Kind::Version
        | Kind::Exact
        | Kind::Beside(..)
        | Kind::Here(_)
        | Kind::Read(_)
        | Kind::Processes => text(&["floor", "owners", threads]),
    }
}

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Returns the two ends of a row, which both programs print behind state and queues.
fn ends_of_row(row: &str) -> Option<Ends> {
    let mut words = row.split_ascii_whitespace().skip(3);
    let (local, peer) = (words.next()?, words.next()?);
    // Our header is a line without a port.
    local
        .contains(':')
        .then(|| Ends::of(&format!("{local} {peer}")))
}

/// Returns the sockets of the table.
fn left() -> Result<Ends> {
    let mut left = Ends::default();
    Raw::open()?.dump(Filter::default(), |datagram| {
        left.extend(names(datagram).map(|named| Ends::of(&named.to_string())));
    })?;
    Ok(left)
}
