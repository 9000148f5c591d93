//! One run of QEMU.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::command;

/// Boots the kernel and returns what its `/init` wrote to the second serial port. The first is the console;
/// both are kept in the folder.
pub(super) fn run(
    folder: &Path,
    image: &Path,
    archive: &Path,
    patience: Duration,
) -> Result<String> {
    let console = folder.join("console.log");
    let results = folder.join("results.log");
    // Emulated: a machine that is itself a guest often has a /dev/kvm that can't run these.
    //
    // Without CMPXCHG16B: QEMU before 8.0 (seen in 7.2) makes its flags of the operands of the last instruction and the
    // operation of an older one, so that a part of an address may become EFLAGS. Where that sets VM, the next interrupt
    // is a double fault. Linux allocates memory by this instruction, 6.12 so that it panicked within a minute; where
    // the processor lacks it, it has another way.
    let words = "qemu-system-x86_64 -machine pc -accel tcg -cpu max,-cx16 -smp 2 -m 1024 \
                 -display none -nic none -no-reboot";
    let mut qemu = command::program(words.split_whitespace());
    // An emulated timer that comes late on a busy machine would be a panic at the start.
    qemu.args([
        "-append",
        "console=ttyS0 loglevel=3 panic=-1 no_timer_check",
    ])
    .arg("-kernel")
    .arg(image)
    .arg("-initrd")
    .arg(archive)
    .arg("-serial")
    .arg(format!("file:{}", console.display()))
    .arg("-serial")
    .arg(format!("file:{}", results.display()))
    .stdin(Stdio::null());
    println!("+ {}", command::shown(&qemu));
    let mut child = qemu.spawn().context("cannot run QEMU")?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > patience {
            // What it has said until then is worth reading.
            child.kill()?;
            child.wait()?;
            println!(
                "not finished after {patience:?}; its console is in {}",
                console.display()
            );
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let said = fs::read(&results).with_context(|| format!("{}", results.display()))?;
    Ok(String::from_utf8_lossy(&said).replace('\r', ""))
}
