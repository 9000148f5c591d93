//! The table with owners that `libiphlpapi` gives to programs written for Windows, beside psutil and `ss`.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{Args, crowd};

pub(crate) fn measure(args: &Args) -> Result<()> {
    let sockets = args.sockets / 2;
    let _crowd = crowd::here(sockets)?;
    let library = args.c_library.as_ref().context("no --c-library")?;
    println!("\nowners of {sockets} connections, both families");
    let status = Command::new("/usr/bin/python3")
        .args(["-c", include_str!("tables.py")])
        .arg(library)
        .args([sockets.to_string(), args.rounds.min(7).to_string()])
        .status()
        .context("/usr/bin/python3")?;
    ensure!(status.success(), "tables.py: {status}");
    Ok(())
}
