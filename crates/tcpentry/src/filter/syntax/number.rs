//! Numbers in a filter, and their units. A number that could be read in two ways is an error.

use std::time::Duration;

use crate::filter::error::{FilterError, Piece, quoted};

/// Units of time in microseconds, the smallest first.
pub(super) const TIME_UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Units of size in bytes, the smallest first.
pub(super) const SIZE_UNITS: [(&str, u64); 3] = [("k", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

/// Returns true for a text that is meant to be a number, valid or not.
pub(crate) fn looks_like_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let hex = digits
        .strip_prefix("0x")
        .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads a number up to a limit, decimal or `0x` and hexadecimal.
pub(super) fn number(piece: Piece<'_>, limit: u64) -> Result<u64, FilterError> {
    let Piece { text, .. } = piece;
    if text.is_empty() {
        return Err(piece.error("expected a number"));
    }
    if !looks_like_number(text) {
        return Err(piece.error(format!("{} is not a number", quoted(text))));
    }
    if text.starts_with(['-', '+']) {
        return Err(piece.error(format!(
            "{} has a sign; numbers here have none",
            quoted(text)
        )));
    }
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => {
            let digits = text.trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            return Err(piece
                .error(format!(
                    "{} begins with 0, which may mean octal",
                    quoted(text)
                ))
                .meant(digits));
        }
        None => text.parse(),
    };
    match number {
        Ok(number) if number <= limit => Ok(number),
        _ => Err(piece.error(format!("{} is too large: at most {limit}", quoted(text)))),
    }
}

/// Reads a number and its unit.
pub(crate) fn time(piece: Piece<'_>) -> Result<Duration, FilterError> {
    let (number, unit) = split(piece)?;
    let factor = match unit.text {
        "" if number == 0 => 1,
        "" => {
            return Err(piece
                .error(format!("{} has no unit", quoted(piece.text)))
                .with_hint("units of time are us ms s m h d"));
        }
        text => unit_of(text, &TIME_UNITS).ok_or_else(|| {
            let error = unit.error(format!("{} is not a unit of time", quoted(text)));
            match spelt_out(text) {
                Some(meant) => error.meant(meant),
                None => error.with_hint("one number with one unit: us ms s m h d, as in 90m"),
            }
        })?,
    };
    let micros = number
        .checked_mul(factor)
        .ok_or_else(|| piece.error(format!("{} is too long", quoted(piece.text))))?;
    Ok(Duration::from_micros(micros))
}

/// Reads a number of bytes, with a unit or without.
pub(super) fn size(piece: Piece<'_>) -> Result<u64, FilterError> {
    let (number, unit) = split(piece)?;
    let factor = match unit.text {
        "" => 1,
        "K" => 1 << 10,
        unknown => match unit_of(unknown, &SIZE_UNITS) {
            Some(factor) => factor,
            None => {
                return Err(unit
                    .error(format!("{} is not a unit of size", quoted(unknown)))
                    .with_hint("units are k M G, powers of 1024; without a unit, bytes"));
            }
        },
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| piece.error(format!("{} is too large", quoted(piece.text))))
}

/// Returns the unit of time that a longer name means.
fn spelt_out(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "usec" | "usecs" => "us",
        "msec" | "msecs" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        _ => return None,
    })
}

fn unit_of(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (_, factor) = units.iter().find(|(name, _)| *name == text)?;
    Some(*factor)
}

/// Splits off the number at the beginning.
fn split(piece: Piece<'_>) -> Result<(u64, Piece<'_>), FilterError> {
    let signs = piece.text.len() - piece.text.trim_start_matches(['-', '+']).len();
    let digits = piece.text[signs..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(piece.text.len(), |length| signs + length);
    let (digits, unit) = piece.split_at(digits);
    if digits.text.len() > signs && unit.text.starts_with(['.', ',']) {
        return Err(piece
            .error(format!("{} is not a whole number", quoted(piece.text)))
            .with_hint("take the next smaller unit"));
    }
    if digits.text.len() == signs {
        return Err(piece.error(format!("{} is not a number", quoted(piece.text))));
    }
    Ok((number(digits, u64::MAX)?, unit))
}
