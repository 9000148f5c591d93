//! `tcpentry ban`: what banned peers hold ends, on this host and behind its published ports.

mod feed;
mod handover;
mod line;
mod linger;
mod spared;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use tcpentry::Query;
use tcpentry::filter::{Prefix, PrefixSet};
use tcpentry::netns::HostAddresses;
use tcpentry::watch::HostWatch;

use super::bans::BanChange;
use super::delete::banned::{self, Ban};
use super::delete::interrupt::Interrupt;
use super::delete::syslog::SystemLog;
use crate::args::{BanArgs, Form, NetnsArgs};
use crate::exit::Exit;
use crate::message::{notice, print_error, print_failure, print_hint};
use crate::own_session::SessionGuard;
use crate::tables;
use feed::{Feed, FeedBatch};
use handover::Handover;
use linger::Handed;
use spared::Spared;

/// Runs the command, and returns the exit code.
pub(crate) fn run(args: &BanArgs) -> Exit {
    if args.lingering {
        return run_lingering(args).unwrap_or_else(|exit| exit);
    }
    if args.format.is_some() && !args.stdin {
        return usage_error("--format needs --stdin");
    }
    let result = read_excepted(&args.except).and_then(|excepted| {
        let spared = Spared::new(Arc::new(excepted), read_host()?);
        if args.stdin {
            return run_feed(args, spared, io::stdin());
        }
        let changes = match &args.file {
            Some(path) => read_file(path)?,
            None => added(parse_peers(&args.peers)?),
        };
        Ok(run_list(args, &spared, &changes))
    });
    result.unwrap_or_else(|exit| exit)
}

/// Goes on in the background with what the foreground has read.
fn run_lingering(args: &BanArgs) -> Result<Exit, Exit> {
    linger::detach();
    let handed = Handed::read(io::stdin().lock()).map_err(|_| Exit::Usage)?;
    let spared = Spared::new(Arc::new(handed.excepted), read_host()?);
    Ok(run_list(args, &spared, &added(handed.bans)))
}

/// Ends what these peers hold or hands them over, and with `--linger` starts the part in the background.
fn run_list(args: &BanArgs, spared: &Spared, changes: &[BanChange]) -> Exit {
    let set = admit(args, spared, changes);
    let mut bans = bans_of(changes);
    let some_refused = bans.any(|ban| !set.contains_prefix(ban));
    let mut handover = Handover::of(args);
    let handed_over = handover
        .as_mut()
        .and_then(|it| hand_over(args, it, changes, &set));
    if some_refused && set.is_empty() {
        return Exit::Guarded;
    }
    if let Some(rest) = handed_over {
        let exit = if rest.is_empty() {
            Exit::Done
        } else {
            end(args, spared, &Arc::new(rest), false, &Interrupt::install())
        };
        return match exit {
            // What became of the others is not known.
            Exit::Done | Exit::Nothing if !some_refused => Exit::Done,
            Exit::Interrupted(signal) => Exit::Interrupted(signal),
            _ => Exit::Mixed,
        };
    }
    let set = Arc::new(set);
    let exit = end(args, spared, &set, false, &Interrupt::install());
    if let Some(period) = args.linger.filter(|_| !args.lingering && !args.dry_run) {
        let (session, _) = peers_of_session(args, &set);
        for peer in &session {
            notice(&format!(
                "your own session comes from {peer}: --linger leaves that address alone"
            ));
        }
        let mut handed = Handed {
            bans: set.iter().collect(),
            excepted: (*spared.excepted).clone(),
        };
        handed.spare(&session);
        let is_logged = SystemLog::open().is_ok();
        if !is_logged {
            notice("there is no system log (/dev/log): deletions by --linger will not be reported");
        }
        if let Err(error) = linger::start(args, period, &handed, is_logged) {
            print_error(&format!(
                "--linger: cannot continue in the background: {error}"
            ));
            return Exit::Failed;
        }
    }
    match exit {
        Exit::Done if some_refused => Exit::Mixed,
        Exit::Nothing if some_refused => Exit::Guarded,
        Exit::Nothing => Exit::Done,
        exit => exit,
    }
}

/// Acts on the bans that an input names, until it ends.
fn run_feed(args: &BanArgs, mut spared: Spared, input: impl Read + AsFd) -> Result<Exit, Exit> {
    let interrupt = Interrupt::install();
    let mut feed = Feed::new(input, args.format.unwrap_or(Form::Plain));
    let mut handover = Handover::of(args);
    let mut has_header = false;
    // Without a watch, they are read for each batch.
    let mut watch = HostWatch::open().ok();
    let mut is_outdated = true;
    loop {
        let batch = feed
            .next(BATCH, || interrupt.is_set(), report_bad_line)
            .map_err(|error| {
                print_error(&format!("standard input: {error}"));
                Exit::Failed
            })?;
        if interrupt.is_set() {
            return Ok(interrupt.exit());
        }
        let changes = match batch {
            FeedBatch::Over => return Ok(Exit::Done),
            FeedBatch::Changes(changes) if changes.is_empty() => continue,
            FeedBatch::Changes(changes) => changes,
        };
        let has_changed = watch.as_mut().map(HostWatch::has_changed);
        is_outdated |= !matches!(has_changed, Some(Ok(false)));
        if is_outdated
            && bans_of(&changes).next().is_some()
            && let Ok(host) = HostAddresses::read()
        {
            spared.renew(host);
            is_outdated = false;
        }
        let set = admit(args, &spared, &changes);
        let handed_over = handover
            .as_mut()
            .and_then(|it| hand_over(args, it, &changes, &set));
        let set = Arc::new(handed_over.unwrap_or(set));
        // What could not be ended has been said; the next ban is another matter.
        if !set.is_empty() {
            has_header |= end(args, &spared, &set, has_header, &interrupt) != Exit::Nothing;
        }
        if interrupt.is_set() {
            return Ok(interrupt.exit());
        }
    }
}

/// Hands the changes over to the service, if it takes them, and returns the bans that are left to this process: those of the
/// operator's own address, because the service knows nothing of their session.
fn hand_over(
    args: &BanArgs,
    handover: &mut Handover,
    changes: &[BanChange],
    set: &PrefixSet,
) -> Option<PrefixSet> {
    if !handover.may_take(changes) {
        return None;
    }
    let (session, doubt) = if set.is_empty() {
        (Vec::new(), None)
    } else {
        peers_of_session(args, set)
    };
    let mut rest = PrefixSet::new();
    let mut changes = changes.to_vec();
    changes.retain(|change| match *change {
        BanChange::Add(ban, _) if session.iter().any(|peer| ban.contains(*peer)) => {
            if set.contains_prefix(ban) {
                rest.insert(ban);
            }
            false
        }
        BanChange::Add(ban, _) => set.contains_prefix(ban),
        BanChange::Del(_) | BanChange::Flush => true,
    });
    if !handover.offer(&changes) {
        return None;
    }
    // Whoever feeds bans has nobody who could be cut off.
    if let Some(doubt) = doubt.filter(|_| !args.stdin) {
        print_error(&doubt);
    }
    for peer in &session {
        notice(&format!(
            "your own session comes from {peer}: its ban is not handed over"
        ));
    }
    Some(rest)
}

fn added(bans: Vec<Prefix>) -> Vec<BanChange> {
    let changes = bans.into_iter().map(|ban| BanChange::Add(ban, None));
    changes.collect()
}

fn bans_of(changes: &[BanChange]) -> impl Iterator<Item = Prefix> {
    changes.iter().filter_map(|change| match change {
        BanChange::Add(ban, _) => Some(*ban),
        BanChange::Del(_) | BanChange::Flush => None,
    })
}

/// Returns the bans that stand, and says why others don't.
fn admit(args: &BanArgs, spared: &Spared, changes: &[BanChange]) -> PrefixSet {
    let mut set = PrefixSet::new();
    for ban in bans_of(changes) {
        if let Some(reason) = spared.refuse(ban) {
            print_error(&format!("refused: {reason}"));
            continue;
        }
        if set.insert(ban) && !args.report.quiet {
            for (address, role) in spared.inside(ban) {
                notice(&format!("{ban}: {address} is {role}, and is spared"));
            }
        }
    }
    set
}

/// Ends what these peers hold.
fn end(
    args: &BanArgs,
    spared: &Spared,
    set: &Arc<PrefixSet>,
    has_header: bool,
    interrupt: &Interrupt,
) -> Exit {
    let sets = BTreeMap::from([
        ("banned".to_owned(), Arc::clone(set)),
        ("excepted".to_owned(), Arc::clone(&spared.excepted)),
        ("own".to_owned(), Arc::clone(&spared.own)),
    ]);
    // TIME_WAIT is nothing that a peer holds.
    let words =
        "state connected exclude time-wait dst @banned and not dst @excepted and not dst @own";
    let mut output = args.output.clone();
    output.no_header |= has_header;
    let ban = Ban {
        args,
        sets: &sets,
        words: words.split(' ').map(str::to_owned).collect(),
        output,
    };
    banned::run(&ban, interrupt)
}

/// Returns the banned peers of the connections that carry the operator's session, which only this process can find; and why
/// another banned connection may carry it, too, if that is not known.
fn peers_of_session(args: &BanArgs, set: &PrefixSet) -> (Vec<IpAddr>, Option<String>) {
    let mut session = SessionGuard::new(args.own_session).certain();
    let mut peers = Vec::new();
    let mut has_others = false;
    // Where they can't be opened, nothing is ended either.
    let tables = tables::open_quietly(&NetnsArgs::from(args)).map(|tables| tables.opened);
    for table in &mut tables.unwrap_or_default() {
        let Ok(rows) = table.table.connections(&Query::default()) else {
            continue;
        };
        let rows = rows.filter_map(Result::ok);
        for row in rows.filter(|row| set.contains(row.peer().address())) {
            match session.admit(&row) {
                Ok(()) => has_others = true,
                Err(_) => peers.push(row.peer().address()),
            }
        }
    }
    peers.sort_unstable();
    peers.dedup();
    (peers, has_others.then(|| session.doubt()).flatten())
}

fn read_host() -> Result<HostAddresses, Exit> {
    HostAddresses::read().map_err(|error| {
        print_failure(&error);
        print_hint("without them it is not known whether a ban would cut this host off");
        Exit::of_deletion(&error)
    })
}

/// Reads what is spared; a single bad one means that nothing is done.
fn read_excepted(excepted: &[String]) -> Result<PrefixSet, Exit> {
    let mut set = PrefixSet::new();
    for text in excepted {
        if let Some(path) = text.strip_prefix('@') {
            let read = File::open(path).map_err(|error| error.to_string());
            let read = read.and_then(|file| {
                PrefixSet::read(io::BufReader::new(file)).map_err(|error| error.to_string())
            });
            let file = read.map_err(|error| usage_error(&format!("--except: {path}: {error}")))?;
            set.extend(file.iter());
        } else {
            set.insert(parse(text).map_err(|error| usage_error(&format!("--except: {error}")))?);
        }
    }
    Ok(set)
}

/// Reads a whole list, so that it takes one dump of the table; a bad line is reported, and the others stand.
fn read_file(path: &std::path::Path) -> Result<Vec<BanChange>, Exit> {
    let failed = |error: &io::Error| usage_error(&format!("--file: {}: {error}", path.display()));
    let input = if path.as_os_str() == "-" {
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(path)
    };
    let mut feed = Feed::new(input.map_err(|error| failed(&error))?, Form::Plain);
    let mut changes = Vec::new();
    loop {
        let batch = feed.next(BATCH, || false, report_bad_line);
        match batch.map_err(|error| failed(&error))? {
            FeedBatch::Changes(more) => changes.extend(more),
            FeedBatch::Over => return Ok(changes),
        }
    }
}

fn parse_peers(peers: &[String]) -> Result<Vec<Prefix>, Exit> {
    let parsed = peers.iter().map(|text| parse(text));
    let parsed: Result<_, _> = parsed.collect();
    parsed.map_err(|error: String| usage_error(&error))
}

fn parse(text: &str) -> Result<Prefix, String> {
    let parsed = text.parse();
    parsed.map_err(|error: tcpentry::filter::FilterError| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}

fn usage_error(text: &str) -> Exit {
    print_error(text);
    Exit::Usage
}

fn report_bad_line(number: u64, reason: &str) {
    print_error(&format!("line {number}: {reason}; the line is skipped"));
}

/// The number of changes that are acted on at once, so that bans share a dump of the table.
const BATCH: usize = 1000;
