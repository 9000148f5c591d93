//! The options of a run.

use std::path::PathBuf;

use crate::fixture;

#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Number of sockets in the table, one run for each
    #[arg(long, value_delimiter = ',', value_parser = sockets, default_value = "10k,100k")]
    pub(crate) sockets: Vec<u32>,
    /// Number of rounds in which each operation is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Measure only operations whose name contains this
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Folder to write results.json to
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Program to measure
    #[arg(long)]
    pub(crate) program: PathBuf,
    /// Program to compare with: this one as it was before
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
    /// Program that does nothing
    #[arg(long)]
    pub(crate) empty: PathBuf,
}

/// Parses `100k`, `1M`, or a plain number.
fn sockets(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number: u32 = digits.parse().map_err(|_| "a number, as 10k or 1M")?;
    match number.checked_mul(unit) {
        Some(number @ 1_000..=fixture::MOST) => Ok(number),
        _ => Err(format!("between 1k and {}", fixture::MOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sockets() {
        assert_eq!(sockets("10k"), Ok(10_000));
        assert_eq!(sockets("1M"), Ok(1_000_000));
        assert_eq!(sockets("1234"), Ok(1234));
        for bad in ["", "k", "-1", "1", "999M", "1G", "5000000k"] {
            assert!(sockets(bad).is_err(), "{bad}");
        }
    }
}
