//! The names in a filter: which of them means two things, and what one may have been meant to say that selects nothing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use tcpentry::escape::escape_for_terminal;
use tcpentry::filter::{Mentioned, NamePattern, Prefix, PrefixSet};
use tcpentry::process::{CgroupPath, Container, Process, Unit};
use tcpentry::{Attribution, Error, Filter};

use crate::args::NetnsArgs;

/// Returns why a deletion is refused because a name in the filter means more than one thing, or everybody: the reason, and
/// what decides.
///
/// # Errors
/// When the cgroups have to be asked of processes that can't be read.
pub(crate) fn ambiguity(
    filter: &Filter,
    attribution: &mut Attribution,
) -> Result<Option<(String, String)>, Error> {
    for mention in filter.mentions() {
        let found = match mention.name {
            Mentioned::User(name, uid) => ambiguous_user(name, uid),
            Mentioned::Container(name) => ambiguous_container(name, attribution)?,
            Mentioned::Set(name, set) if !mention.is_negated => everybody(name, set),
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Finds the account that has this name as its number, where that is another one.
fn ambiguous_user(name: &str, uid: u32) -> Option<(String, String)> {
    let number = name.parse().ok().filter(|number| *number != uid)?;
    let other = uzers::get_user_by_uid(number)?;
    let other = shown(&other.name().to_string_lossy());
    Some((
        format!("`{name}` is both the name of an account (uid {uid}) and the uid of `{other}`"),
        format!(
            "write `user {uid}` for the account with that name, `user {other}` for the one with that uid"
        ),
    ))
}

/// Finds a whole family in a set: a line of a list, which others may have written, must not mean everybody.
fn everybody(name: &str, set: &PrefixSet) -> Option<(String, String)> {
    let families = [
        (Prefix::V4, "IPv4", "dst 0.0.0.0/0"),
        (Prefix::V6, "IPv6", "dst [::/0]"),
    ];
    let (prefix, family, term) = families
        .into_iter()
        .find(|(prefix, ..)| set.contains_prefix(*prefix))?;
    Some((
        format!("the set @{name} contains {prefix}, which is every {family} address"),
        format!(
            "remove it from the list; to select every address, write {term} in the filter itself"
        ),
    ))
}

fn ambiguous_container(
    name: NamePattern<'_>,
    attribution: &mut Attribution,
) -> Result<Option<(String, String)>, Error> {
    if name.has_wildcard() {
        return Ok(None);
    }
    let mut meant = containers(attribution)?;
    // A pod is meant with all its containers.
    meant.retain(|it| name.matches_container(it) && !it.is_of_pod(name.as_str()));
    if meant.len() < 2 {
        return Ok(None);
    }
    let several = meant.len();
    Ok(Some((
        format!(
            "`{}` means {several} containers: {}",
            shown(name.as_str()),
            list(meant.iter().map(full_name))
        ),
        "name one of them: `container` takes the full id, or the name as the column CONTAINER shows it"
            .to_owned(),
    )))
}

/// Returns what a filter may have been meant to say that selected nothing, a line for each of its names that explains
/// it.
pub(crate) fn hints(
    filter: &Filter,
    args: &NetnsArgs,
    attribution: &mut Attribution,
) -> Vec<String> {
    let reads_one = !args.all_netns && args.netns.is_empty();
    let selected = filter.mentions().into_iter().filter(|it| !it.is_negated);
    let hints = selected.filter_map(|mention| hint(mention.name, reads_one, attribution));
    hints.collect()
}

/// Describes each process of which not all descriptors were read.
pub(crate) fn partly_seen(attribution: &Attribution) -> impl Iterator<Item = String> {
    attribution.partly_seen().iter().take(MAX_LISTED).map(|owner| {
        let name = escape_for_terminal(&owner.name);
        let user = owner.uid.map(|uid| format!(", uid {uid}"));
        format!(
            "process {} (`{name}`{}) has more descriptor tables than are read: a socket that only its threads hold is not selected by its holder",
            owner.process.pid(),
            user.unwrap_or_default()
        )
    })
}

/// Returns the reason why nobody can tell in which unit or container a process is, where that may be why a socket is hidden.
pub(crate) fn unseen_cgroups(attribution: &Attribution) -> Option<String> {
    attribution.are_cgroup_owners_unseen().then(|| {
        "the cgroups of these processes are not mounted here, so any user may have named them: run this where /sys/fs/cgroup shows them (on the host, with -N NAME instead of `ip netns exec`)"
            .to_owned()
    })
}

/// Returns a line for each name that a filter excludes and nothing has: a misspelt one spares nothing.
pub(crate) fn empty_exclusions(filter: &Filter, attribution: &mut Attribution) -> Vec<String> {
    let excluded = filter.mentions().into_iter().filter(|it| it.is_negated);
    // Whatever has the name elsewhere makes the exclusion no mistake.
    let lines = excluded.filter_map(|mention| hint(mention.name, false, attribution));
    lines.collect()
}

/// Returns a line for a name that nothing has here; with `reads_one`, also for one that is had in another network
/// namespace only.
fn hint(name: Mentioned<'_>, reads_one: bool, attribution: &mut Attribution) -> Option<String> {
    match name {
        Mentioned::Container(name) => hint_of_container(name, reads_one, attribution),
        Mentioned::Unit(name) => hint_of_unit(name, attribution),
        Mentioned::Pid(pid, process) => hint_of_pid(pid, process, reads_one),
        Mentioned::Process(name) => hint_of_process(name, reads_one),
        Mentioned::Set(name, set) => set.is_empty().then(|| format!("the set @{name} is empty")),
        Mentioned::Netns(name, inode) => {
            let is_elsewhere = reads_one && own_netns().is_some_and(|own| own != inode);
            is_elsewhere.then(|| {
                let name = shown(name);
                format!(
                    "`{name}` is not the network namespace that was read: add -N {}",
                    quoted(&name)
                )
            })
        }
        _ => None,
    }
}

fn hint_of_container(
    name: NamePattern<'_>,
    reads_one: bool,
    attribution: &mut Attribution,
) -> Option<String> {
    let running = attribution
        .populated_cgroups()
        .ok()
        .filter(|them| !them.is_empty())?;
    let all = distinct_containers(running);
    let word = name.as_str();
    if let Some(meant) = all.iter().find(|it| name.matches_container(it)) {
        let meant = shown(&meant.to_string());
        return reads_one.then(|| {
            format!("{meant} is running here, but its connections are usually in a network namespace of their own: add --all-netns")
        });
    }
    let is_like = |it: &&Container| {
        let names = [&it.id, &it.name].into_iter().flatten();
        let mut names = names.map(String::as_str);
        !word.is_empty() && names.any(|name| name.starts_with(word))
    };
    if !sees_all_processes() {
        return None;
    }
    let like: Vec<_> = all.iter().filter(is_like).collect();
    let word = shown(word);
    Some(if like.is_empty() {
        format!(
            "no container `{word}` is running here: `tcpentry --all-netns -c` shows those that have connections"
        )
    } else {
        let like = list(like.into_iter().map(Container::to_string));
        format!("no container `{word}` is running here; similar names: {like}")
    })
}

fn hint_of_unit(name: &str, attribution: &mut Attribution) -> Option<String> {
    let cgroups = attribution.populated_cgroups().ok()?;
    if cgroups.is_empty() {
        return None;
    }
    let units: Vec<_> = cgroups.into_iter().filter_map(Unit::from_cgroup).collect();
    if units.iter().any(|unit| unit.matches_name(name)) || !sees_all_processes() {
        return None;
    }
    let stem = |unit: &str| {
        unit.rsplit_once('.')
            .map_or(unit, |(stem, _)| stem)
            .to_owned()
    };
    let wanted = stem(name);
    let is_like = |unit: &&Unit| {
        let name_of_unit = stem(unit.name());
        name_of_unit == wanted
            || name_of_unit == name
            || name_of_unit.split('@').next() == Some(name)
    };
    let mut like: Vec<_> = units.iter().filter(is_like).map(Unit::to_string).collect();
    like.sort();
    like.dedup();
    let name = shown(name);
    Some(if like.is_empty() {
        format!("no unit `{name}` is running here: `systemctl list-units` shows those that are")
    } else {
        let like = list(like.into_iter());
        format!("no unit `{name}` is running here; similar names: {like}")
    })
}

fn hint_of_pid(pid: i32, process: Option<Process>, reads_one: bool) -> Option<String> {
    if process.is_none() {
        return sees_all_processes().then(|| format!("no process has the pid {pid}"));
    }
    is_elsewhere(pid, reads_one)
        .then(|| format!("process {pid} is in another network namespace: add -N {pid}"))
}

fn hint_of_process(name: NamePattern<'_>, reads_one: bool) -> Option<String> {
    let word = name.as_str();
    let named: Vec<_> = processes()
        .filter(|(_, of_process)| name.matches_process(of_process))
        .map(|(pid, _)| pid)
        .collect();
    if let Some(pid) = named.first() {
        let all_elsewhere = named.iter().all(|pid| is_elsewhere(*pid, reads_one));
        return all_elsewhere.then(|| {
            format!(
                "`{}` is in another network namespace: add -N {pid}, or --all-netns",
                shown(word)
            )
        });
    }
    if !sees_all_processes() {
        return None;
    }
    if name.has_wildcard() {
        return Some(format!("no process has a name like `{}`", shown(word)));
    }
    // The kernel's name is that of the file, cut.
    let file = word.rsplit('/').next().unwrap_or(word);
    let mut cut = file.len().min(LONGEST_NAME);
    while !file.is_char_boundary(cut) {
        cut -= 1;
    }
    let cut = &file[..cut];
    let begins =
        |(_, name): &(i32, Vec<u8>)| name.starts_with(cut.as_bytes()) && is_typed_as_shown(name);
    let word = shown(word);
    Some(match processes().find(begins) {
        Some((_, like)) if !cut.is_empty() => {
            let like = shown(&String::from_utf8_lossy(&like));
            format!(
                "no process is called `{word}`; did you mean: process {}",
                quoted(&like)
            )
        }
        _ => format!("no process is called `{word}`"),
    })
}

/// Returns true for a name that means itself where it is pasted as it is shown.
fn is_typed_as_shown(name: &[u8]) -> bool {
    escape_for_terminal(name).as_bytes() == name && !name.contains(&b'*')
}

/// Returns the containers of this system, each once.
fn containers(attribution: &mut Attribution) -> Result<Vec<Container>, Error> {
    Ok(distinct_containers(attribution.cgroups()?))
}

fn distinct_containers(cgroups: Vec<CgroupPath<'_>>) -> Vec<Container> {
    let mut found: Vec<_> = cgroups
        .into_iter()
        .filter_map(Container::from_cgroup)
        .collect();
    found.sort_by_cached_key(full_name);
    found.dedup_by(|one, other| {
        let is_same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        one.user == other.user
            && (is_same(&one.id, &other.id)
                || (is_same(&one.name, &other.name) && one.runtime == other.runtime))
    });
    found
}

/// Returns what `container` takes for this one and no other: the whole id.
fn full_name(container: &Container) -> String {
    let short = container.to_string();
    match &container.id {
        // Before the id stands whose it is.
        Some(id) => {
            let before = short.rfind(':').map_or(0, |at| at + 1);
            format!("{}{id}", &short[..before])
        }
        None => short,
    }
}

/// Returns true where a process that is not shown is not there: without `/proc`, or where it hides those of other users
/// (`hidepid`), nobody can say that nothing has a name.
fn sees_all_processes() -> bool {
    fs::read("/proc/1/comm").is_ok()
}

/// Returns the pids and names of all processes that may be seen.
fn processes() -> impl Iterator<Item = (i32, Vec<u8>)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let mut name = fs::read(entry.path().join("comm")).ok()?;
        let newline = name.pop();
        name.extend(newline.filter(|last| *last != b'\n'));
        Some((pid, name))
    })
}

fn is_elsewhere(pid: i32, reads_one: bool) -> bool {
    let theirs = fs::metadata(format!("/proc/{pid}/ns/net")).map(|file| file.ino());
    reads_one && theirs.is_ok_and(|theirs| own_netns().is_some_and(|own| own != theirs))
}

fn own_netns() -> Option<u64> {
    fs::metadata("/proc/thread-self/ns/net")
        .ok()
        .map(|file| file.ino())
}

fn shown(name: &str) -> String {
    escape_for_terminal(name.as_bytes())
}

/// Returns a word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Returns the first of these, in one line.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let names: Vec<_> = names.take(MAX_LISTED).map(|name| shown(&name)).collect();
    match more {
        0 => names.join(", "),
        _ => format!("{}, and {more} more", names.join(", ")),
    }
}

/// The number of names that are listed: as many as are read.
const MAX_LISTED: usize = 5;
/// `TASK_COMM_LEN` without its NUL.
const LONGEST_NAME: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_of_a_container_names_it() {
        let id = "3f4e".repeat(16);
        for path in [
            format!("/system.slice/docker-{id}.scope"),
            format!("/user.slice/user-9.slice/user@9.service/libpod-{id}.scope"),
            "/lxc.payload.a:b".to_owned(),
        ] {
            let container = Container::from_cgroup(&*path).unwrap();
            let name = full_name(&container);
            assert!(container.matches_name(&name), "{name}");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, shell) in [
            ("web-1", "web-1"),
            ("tmux: server", "'tmux: server'"),
            ("", "''"),
            ("a'b", r"'a'\''b'"),
        ] {
            assert_eq!(quoted(word), shell);
        }
    }
}
