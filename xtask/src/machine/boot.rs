//! One kernel under QEMU, to the end of its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::console::{Said, have_begun};
use crate::command;

/// A kernel to boot, and the folder for its logs.
pub(crate) struct Machine<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) image: &'a Path,
    pub(crate) archive: &'a Path,
    /// The options for the kernel's command line beside those that every machine gets.
    pub(crate) options: &'a str,
    pub(crate) processors: u8,
    /// The time limit of one boot, tests included.
    pub(crate) patience: Duration,
}

impl Machine<'_> {
    /// Boots the kernel, and once more if it ends before the first test: an emulated machine sometimes panics
    /// while it starts, which says nothing about the kernel. One that ends later, or a second time, has ended.
    pub(crate) fn run(&self) -> Result<Said> {
        let first = self.boot()?;
        if !first.ended || have_begun(&first.said) {
            return Ok(Said {
                results: first.said,
                again: false,
            });
        }
        let console = self.folder.join("console-first.log");
        fs::rename(self.console(), &console)?;
        println!(
            "ended before the first test and is booted once more; its first console output is in {}",
            console.display()
        );
        Ok(Said {
            results: self.boot()?.said,
            again: true,
        })
    }

    /// Boots once. Both serial ports are kept in the folder; the first is the console.
    fn boot(&self) -> Result<Boot> {
        let console = self.console();
        let results = self.folder.join("results.log");
        // Emulated: a machine that is itself a guest often has a /dev/kvm that can't run these.
        //
        // Without CMPXCHG16B: QEMU before 8.0 (seen in 7.2, not in 10.0) makes its flags of the operands of the last
        // instruction and the operation of an older one, so that a part of an address may become EFLAGS. Where that
        // sets VM, the next interrupt is a double fault. Linux allocates memory by this instruction, 6.12 so that it
        // panicked within a minute; where the processor lacks it, it has another way.
        let words = "qemu-system-x86_64 -machine pc -accel tcg -cpu max,-cx16 -m 1024 \
                     -display none -nic none -no-reboot";
        let mut qemu = command::program(words.split_whitespace());
        qemu.arg("-smp").arg(self.processors.to_string());
        // An emulated timer that comes late on a busy machine would be a panic at the start.
        let options = format!(
            "console=ttyS0 loglevel=3 panic=-1 no_timer_check {}",
            self.options
        );
        qemu.args(["-append", options.trim_end()])
            .arg("-kernel")
            .arg(self.image)
            .arg("-initrd")
            .arg(self.archive)
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .arg("-serial")
            .arg(format!("file:{}", results.display()))
            .stdin(Stdio::null());
        println!("+ {}", command::shown(&qemu));
        let mut child = qemu.spawn().context("cannot run QEMU")?;
        let start = Instant::now();
        let mut ended = true;
        while child.try_wait()?.is_none() {
            if start.elapsed() > self.patience {
                // What it has said until then is worth reading.
                child.kill()?;
                child.wait()?;
                ended = false;
                println!(
                    "not finished after {:?}; its console output is in {}",
                    self.patience,
                    console.display()
                );
                break;
            }
            thread::sleep(Duration::from_millis(200));
        }
        if let Some(panic) = text(&console)?.lines().find(|line| is_panic(line)) {
            println!("{panic}\nits console output is in {}", console.display());
        }
        Ok(Boot {
            said: text(&results)?,
            ended,
        })
    }

    fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }
}

/// The result of one boot.
struct Boot {
    said: String,
    /// True if it ended by itself, and not by the time limit.
    ended: bool,
}

fn is_panic(line: &str) -> bool {
    line.contains("Kernel panic")
}

/// Reads the output of a serial port.
fn text(port: &Path) -> Result<String> {
    let bytes = fs::read(port).with_context(|| format!("{}", port.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace('\r', ""))
}
