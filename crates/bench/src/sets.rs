//! Lists of prefixes, as blocklists are: mostly single addresses, one in five of IPv6. None has a peer of the fixture.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::Result;

/// The sizes of the lists.
pub(crate) const SIZES: [u32; 2] = [1_000, 150_000];

/// Writes the lists to a folder.
pub(crate) fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for size in SIZES {
        let mut list = String::new();
        for number in 0..size {
            writeln!(list, "{}", prefix(number))?;
        }
        fs::write(path(folder, size), list)?;
    }
    Ok(())
}

/// Returns the path of the list of this size.
pub(crate) fn path(folder: &Path, size: u32) -> PathBuf {
    folder.join(format!("prefixes-{size}"))
}

fn prefix(number: u32) -> String {
    // As random as is needed, and always the same. The peers of the fixture are in 127.0.0.0/8 and fd00::/8.
    let bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9);
    let v4 = Ipv4Addr::from_bits(bits | 0x8000_0000);
    let v6 = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(bits) << 64 | 1);
    match number % 10 {
        0 | 1 => format!("{v4}/24"),
        2 => v6.to_string(),
        3 => format!("{v6}/64"),
        _ => v4.to_string(),
    }
}
