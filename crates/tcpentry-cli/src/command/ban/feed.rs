//! The lines by which ban daemons name banned peers, one after the other.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Deserialize;
use tcpentry::filter::Prefix;

use crate::args::Form;
use crate::command::bans::BanChange;

/// The changes of the bans that an input names, gathered into batches.
pub(super) struct Feed<R> {
    input: R,
    form: Form,
    /// The bytes that have been read, and the number of those that have been taken.
    rest: Vec<u8>,
    taken: usize,
    /// Set while a line is passed over that is longer than any ban.
    skips_line: bool,
    lines: u64,
    is_over: bool,
}

/// A step of the input.
pub(super) enum FeedBatch {
    /// The bans change so; empty where nothing came for a while.
    Changes(Vec<BanChange>),
    /// The input is over.
    Over,
}

impl<R: Read + AsFd> Feed<R> {
    pub(super) const fn new(input: R, form: Form) -> Self {
        Self {
            input,
            form,
            rest: Vec::new(),
            taken: 0,
            skips_line: false,
            lines: 0,
            is_over: false,
        }
    }

    /// Reads the next batch: until `most` have come, or none for [`QUIET`], or for [`LONGEST`] in all. Calls `on_bad_line` for each line
    /// that should change a ban and does not.
    pub(super) fn next(
        &mut self,
        most: usize,
        is_interrupted: impl Fn() -> bool,
        mut on_bad_line: impl FnMut(u64, &str),
    ) -> io::Result<FeedBatch> {
        let mut changes = Vec::new();
        let (mut begin, mut last) = (None::<Instant>, Instant::now());
        loop {
            while let Some(line) = self.take_line() {
                match parse(self.form, &line) {
                    Ok(Some(change)) => {
                        changes.push(change);
                        last = Instant::now();
                        begin = begin.or(Some(last));
                    }
                    Ok(None) => {}
                    Err(reason) => on_bad_line(self.lines, &reason),
                }
                if changes.len() >= most {
                    return Ok(FeedBatch::Changes(changes));
                }
            }
            if self.is_over {
                return Ok(if changes.is_empty() {
                    FeedBatch::Over
                } else {
                    FeedBatch::Changes(changes)
                });
            }
            // What goes on coming must not hold back what has come, nor a signal.
            let is_due = begin.is_some_and(|begin| begin.elapsed() >= LONGEST);
            if is_due || is_interrupted() {
                return Ok(FeedBatch::Changes(changes));
            }
            let wait = match begin {
                None => IDLE,
                Some(begin) => QUIET
                    .saturating_sub(last.elapsed())
                    .min(LONGEST.saturating_sub(begin.elapsed())),
            };
            if !self.fill(wait)? {
                return Ok(FeedBatch::Changes(changes));
            }
        }
    }

    /// Reads what has come; false where nothing does within that time, or a signal comes.
    fn fill(&mut self, wait: Duration) -> io::Result<bool> {
        let wait = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&wait)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut buffer = [0; 16 * 1024];
        match self.input.read(&mut buffer) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.rest.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Takes the next line; the last one may lack its end.
    fn take_line(&mut self) -> Option<String> {
        let rest = &self.rest[self.taken..];
        let length = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.is_over && !rest.is_empty() => rest.len(),
            None => {
                self.rest.drain(..self.taken);
                self.taken = 0;
                if self.rest.len() > LONGEST_LINE {
                    self.rest.clear();
                    self.skips_line = true;
                }
                return None;
            }
        };
        let line = &rest[..length];
        let is_too_long = std::mem::take(&mut self.skips_line) || length > LONGEST_LINE;
        // Where it is too long, something that is reported in any form.
        let line = if is_too_long {
            "\u{fffd}".into()
        } else {
            String::from_utf8_lossy(line)
        };
        let line = line.trim().to_owned();
        self.taken += length;
        self.lines += 1;
        Some(line)
    }
}

/// Parses a line; `None` where it changes no ban.
fn parse(form: Form, line: &str) -> Result<Option<BanChange>, String> {
    match form {
        Form::Plain => plain(line),
        Form::Crowdsec => crowdsec(line),
        Form::Sshguard => sshguard(line),
        Form::Wazuh => wazuh(line),
    }
}

/// Parses `add PREFIX [SECONDS]`, `del PREFIX`, `flush`, or a prefix alone.
fn plain(line: &str) -> Result<Option<BanChange>, String> {
    let line = line.split('#').next().unwrap_or_default();
    let line = line.trim_start_matches('\u{feff}');
    let words: Vec<_> = line.split_whitespace().collect();
    let change = match words[..] {
        [] => return Ok(None),
        ["flush"] => BanChange::Flush,
        ["del", text] => BanChange::Del(prefix(text)?),
        ["add", text] | [text] => BanChange::Add(prefix(text)?, None),
        ["add", text, seconds] => match seconds.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() => BanChange::Add(prefix(text)?, expiry(seconds)),
            _ => return Err(EXPECTED_PLAIN.to_owned()),
        },
        _ => return Err(EXPECTED_PLAIN.to_owned()),
    };
    Ok(Some(change))
}

/// Returns the time for which a ban lasts; firewalls write a permanent one with 0, fail2ban with -1.
fn expiry(seconds: f64) -> Option<Duration> {
    let lasts = Duration::try_from_secs_f64(seconds).ok()?;
    (!lasts.is_zero()).then_some(lasts)
}

/// A decision of CrowdSec, as a custom bouncer hands it over (1.4.6, `feed_via_stdin`).
#[derive(Deserialize)]
struct Decision {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    action: Option<String>,
    scope: String,
    value: String,
    #[serde(default)]
    duration: String,
}

fn crowdsec(line: &str) -> Result<Option<BanChange>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    let decision: Decision =
        serde_json::from_str(line).map_err(|error| format!("not a CrowdSec decision: {error}"))?;
    let is_ban = decision.kind.eq_ignore_ascii_case("ban")
        && ["ip", "range"]
            .iter()
            .any(|scope| decision.scope.eq_ignore_ascii_case(scope));
    let change = match decision.action.as_deref() {
        _ if !is_ban => return Ok(None),
        Some("del") => BanChange::Del(prefix(&decision.value)?),
        // The end of one is announced with what is left of it.
        None | Some("add") if !decision.duration.starts_with('-') => BanChange::Add(
            prefix(&decision.value)?,
            go_duration(&decision.duration).and_then(expiry),
        ),
        _ => return Ok(None),
    };
    Ok(Some(change))
}

/// Parses a duration as Go writes it (`3h59m58.7s`), in seconds.
fn go_duration(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|it: char| it.is_ascii_digit());
        let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    Some(seconds)
}

/// Parses `block ADDRESS 4|6 LENGTH`, `release ADDRESS 4|6 LENGTH`, `flush` and `flushonexit` (sshguard 2.4).
fn sshguard(line: &str) -> Result<Option<BanChange>, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (word, prefix) = match words[..] {
        // The second is an announcement.
        [] | ["flushonexit"] => return Ok(None),
        ["flush"] => return Ok(Some(BanChange::Flush)),
        [word, address, "4" | "6", length] => (word, prefix(&format!("{address}/{length}"))),
        [word, address, "4" | "6"] => (word, prefix(address)),
        _ => return Err(EXPECTED_SSHGUARD.to_owned()),
    };
    match word {
        "block" => Ok(Some(BanChange::Add(prefix?, None))),
        "release" => Ok(Some(BanChange::Del(prefix?))),
        _ => Err(EXPECTED_SSHGUARD.to_owned()),
    }
}

/// A message of Wazuh to an active response: 4.2 and later have the alert in it, 5.0 has the event's own fields.
#[derive(Deserialize)]
struct Message {
    command: String,
    parameters: Option<Parameters>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Parameters {
    alert: Option<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    data: Option<AlertData>,
}

#[derive(Deserialize)]
struct AlertData {
    srcip: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    ip: Option<String>,
}

fn wazuh(line: &str) -> Result<Option<BanChange>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    let message: Message = serde_json::from_str(line)
        .map_err(|error| format!("not a message to an active response: {error}"))?;
    let starts = match &*message.command {
        "add" | "enable" => true,
        "delete" | "disable" => false,
        // The answers to a stateful response's question.
        _ => return Ok(None),
    };
    let alert = message.parameters.and_then(|it| it.alert);
    let address = alert
        .and_then(|it| it.data)
        .and_then(|it| it.srcip)
        .or_else(|| message.source.and_then(|it| it.ip))
        .ok_or("the alert has no source address (data.srcip, source.ip)")?;
    let ban = prefix(&address)?;
    Ok(Some(if starts {
        BanChange::Add(ban, Some(STATELESS))
    } else {
        BanChange::Del(ban)
    }))
}

fn prefix(text: &str) -> Result<Prefix, String> {
    text.parse()
        .map_err(|error: tcpentry::filter::FilterError| error.to_string())
}

const EXPECTED_PLAIN: &str =
    "expected `add PREFIX [SECONDS]`, `del PREFIX`, `flush` or a prefix alone";
const EXPECTED_SSHGUARD: &str =
    "expected `block ADDRESS 4|6 LENGTH`, `release ADDRESS 4|6 LENGTH`, `flush` or `flushonexit`";
/// The time for which a ban of Wazuh lasts where it is handed over: nothing ends that of a stateless response.
const STATELESS: Duration = Duration::from_secs(60);
/// The time without a further ban after which a batch is over.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time for which bans that trickle in are held back.
const LONGEST: Duration = Duration::from_millis(500);
/// A signal that comes just before the wait is noticed after it.
const IDLE: Duration = Duration::from_secs(1);
const LONGEST_LINE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn text(parsed: &Result<Option<BanChange>, String>) -> String {
        match parsed {
            Ok(Some(change)) => change.to_string(),
            Ok(None) => "-".to_owned(),
            Err(_) => "bad".to_owned(),
        }
    }

    #[test]
    fn plain_lines() {
        for (line, expected) in [
            ("add 203.0.113.7", "add 203.0.113.7"),
            ("add 203.0.113.0/24 600", "add 203.0.113.0/24 600"),
            ("add 203.0.113.7 0.5", "add 203.0.113.7 0.5"),
            ("add 203.0.113.7 0", "add 203.0.113.7"),
            ("add 203.0.113.7 -1", "add 203.0.113.7"),
            ("add 203.0.113.7 1e300", "add 203.0.113.7"),
            ("203.0.113.7 # scanner", "add 203.0.113.7"),
            ("2001:db8::/32", "add 2001:db8::/32"),
            ("del 203.0.113.7", "del 203.0.113.7"),
            ("flush", "flush"),
            ("", "-"),
            ("# nothing", "-"),
            ("add", "bad"),
            ("add 203.0.113.7 soon", "bad"),
            ("add 203.0.113.7 nan", "bad"),
            ("del nobody", "bad"),
            ("ban 203.0.113.7", "bad"),
            ("203.0.113.7 203.0.113.8", "bad"),
            ("203.0.113.700", "bad"),
            ("evil.example", "bad"),
            ("-y", "bad"),
        ] {
            assert_eq!(text(&plain(line)), expected, "{line}");
        }
    }

    #[test]
    fn decisions_of_crowdsec() {
        let decision = |replaced: &str, by: &str| {
            let line = r#"{"duration":"59m58.7s","id":1,"origin":"cscli","scenario":"ban-me","scope":"Ip","type":"ban","value":"10.98.0.2","action":"add"}"#;
            text(&crowdsec(&line.replace(replaced, by)))
        };
        assert_eq!(decision("", ""), "add 10.98.0.2 3598.7");
        assert_eq!(decision(r#""Ip""#, r#""Range""#), "add 10.98.0.2 3598.7");
        assert_eq!(decision("10.98.0.2", "fd98::/64"), "add fd98::/64 3598.7");
        assert_eq!(decision("59m58.7s", "3h0m0s"), "add 10.98.0.2 10800");
        assert_eq!(decision("59m58.7s", "1.5h2ms"), "add 10.98.0.2 5400.002");
        // How long is not known: until its end is announced.
        assert_eq!(decision("59m58.7s", "a while"), "add 10.98.0.2");
        assert_eq!(decision("59m58.7s", ""), "add 10.98.0.2");
        assert_eq!(decision(r#""add""#, r#""del""#), "del 10.98.0.2");
        for (replaced, by) in [
            (r#""ban""#, r#""captcha""#),
            (r#""add""#, r#""keep""#),
            (r#""Ip""#, r#""Country""#),
            ("59m", "-59m"),
        ] {
            assert_eq!(decision(replaced, by), "-", "{by}");
        }
        for (replaced, by) in [
            ("10.98.0.2", "nobody"),
            ("{", "["),
            (r#""value":"10.98.0.2","#, ""),
        ] {
            assert_eq!(decision(replaced, by), "bad", "{by}");
        }
    }

    #[test]
    fn messages_of_wazuh() {
        let of_4 = r#"{"version":1,"origin":{"name":"node01","module":"wazuh-execd"},"command":"add","parameters":{"extra_args":[],"alert":{"timestamp":"2021-02-01T20:58:44.830+0000","rule":{"level":5,"id":"5710"},"full_log":"\"srcip\":\"10.98.0.9\"","data":{"srcip":"10.98.0.2","srcuser":"x"},"location":"/var/log/auth.log"},"program":"active-response/bin/tcpentry"}}"#;
        let of_5 = r#"{"wazuh":{"active_response":{"name":"tcpentry","type":"stateless"},"agent":{"id":"001"}},"source":{"ip":"fd98::2"},"user":{"name":"root"},"command":"enable"}"#;
        for (line, replaced, by, expected) in [
            (of_4, "", "", "add 10.98.0.2 60"),
            (of_4, r#""add""#, r#""delete""#, "del 10.98.0.2"),
            (of_4, r#""add""#, r#""continue""#, "-"),
            (of_4, "10.98.0.2", "a.host.example", "bad"),
            (of_4, r#""srcip":"#, r#""dstip":"#, "bad"),
            (of_5, "", "", "add fd98::2 60"),
            (of_5, r#""enable""#, r#""disable""#, "del fd98::2"),
            (of_5, r#""ip":"#, r#""port":"#, "bad"),
            (of_5, "{", "[", "bad"),
        ] {
            let line = line.replace(replaced, by);
            assert_eq!(text(&wazuh(&line)), expected, "{line}");
        }
    }

    #[test]
    fn lines_of_sshguard() {
        for (line, expected) in [
            ("flushonexit", "-"),
            ("block 10.98.0.2 4 32", "add 10.98.0.2"),
            ("block fd98::2 6 128", "add fd98::2"),
            ("block 10.98.0.2 4 24", "add 10.98.0.0/24"),
            ("release 10.98.0.2 4 32", "del 10.98.0.2"),
            ("flush", "flush"),
            ("release 10.98.0.2", "bad"),
            ("banish 10.98.0.2 4 32", "bad"),
            ("block 10.98.0.2", "bad"),
            ("block 10.98.0.2 4 33", "bad"),
            ("blocks", "bad"),
        ] {
            assert_eq!(text(&sshguard(line)), expected, "{line}");
        }
    }

    /// Returns the batches that an input yields, and the numbers of its bad lines.
    fn fed(input: &[u8], most: usize) -> (Vec<usize>, Vec<u64>) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || ours.write_all(&input));
        let mut feed = Feed::new(theirs, Form::Plain);
        let (mut batches, mut bad) = (Vec::new(), Vec::new());
        loop {
            match feed.next(most, || false, |line, _| bad.push(line)).unwrap() {
                FeedBatch::Changes(changes) if changes.is_empty() => {}
                FeedBatch::Changes(changes) => batches.push(changes.len()),
                FeedBatch::Over => break,
            }
        }
        writing.join().unwrap().unwrap();
        (batches, bad)
    }

    #[test]
    fn bans_come_in_batches() {
        let many = "add 203.0.113.7\n".repeat(2500);
        assert_eq!(fed(many.as_bytes(), 1000).0, [1000, 1000, 500]);
        assert_eq!(fed(many.as_bytes(), usize::MAX).0, [2500]);
        assert_eq!(fed(b"", 1000).0, [] as [usize; 0]);
    }

    #[test]
    fn a_hostile_input_costs_its_bad_lines_only() {
        let mut input = b"add 203.0.113.7\r\n\xff\xfe\nadd 203.0.113.8".to_vec();
        assert_eq!(fed(&input, 1000), (vec![2], vec![2]));
        input.splice(0..0, std::iter::repeat_n(b'x', 300_000).chain(*b"\n"));
        assert_eq!(fed(&input, 1000), (vec![2], vec![1, 3]));
        // Cut in the middle of a line.
        assert_eq!(fed(b"add 203.0.113.7\nadd 203.0", 1000).1, [2]);
        assert_eq!(fed(&vec![0; 100_000], 1000).1, [1]);
    }
}
