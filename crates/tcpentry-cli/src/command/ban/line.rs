//! The lines by which ban daemons name a banned peer, in the form of each.

use std::time::Duration;

use serde::Deserialize;
use tcpentry::filter::Prefix;

use crate::args::Form;
use crate::command::bans::BanChange;

/// Parses a line; `None` where it changes no ban.
pub(super) fn parse(form: Form, line: &str) -> Result<Option<BanChange>, String> {
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
struct WazuhMessage {
    command: String,
    parameters: Option<WazuhParameters>,
    source: Option<WazuhSource>,
}

#[derive(Deserialize)]
struct WazuhParameters {
    alert: Option<WazuhAlert>,
}

#[derive(Deserialize)]
struct WazuhAlert {
    data: Option<WazuhData>,
}

#[derive(Deserialize)]
struct WazuhData {
    srcip: Option<String>,
}

#[derive(Deserialize)]
struct WazuhSource {
    ip: Option<String>,
}

fn wazuh(line: &str) -> Result<Option<BanChange>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    let message: WazuhMessage = serde_json::from_str(line)
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
    // It is what a decoder has found in a log, where whoever is logged may write: `128.0.0.0/1`, for instance.
    if ban != Prefix::from(ban.address()) {
        return Err(format!("the alert's source is not one address: {address}"));
    }
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

#[cfg(test)]
mod tests {
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
            (of_4, "10.98.0.2", "128.0.0.0/1", "bad"),
            (of_4, "10.98.0.2", "10.98.0.2/32", "add 10.98.0.2 60"),
            (of_4, "10.98.0.2", "::ffff:10.98.0.2", "add 10.98.0.2 60"),
            (of_4, r#""srcip":"#, r#""dstip":"#, "bad"),
            (of_5, "", "", "add fd98::2 60"),
            (of_5, r#""enable""#, r#""disable""#, "del fd98::2"),
            (of_5, "fd98::2", "fd98::/16", "bad"),
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
}
