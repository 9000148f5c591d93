//! `cargo xtask integrations`: each folder of `integrations/` with the real program that it plugs into, in namespaces of its
//! own.

mod list;
mod stage;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo};
use crate::debian;
use list::{INTEGRATIONS, Integration};

/// The words of the command line.
#[derive(Debug)]
pub(crate) struct Options {
    /// Set if missing packages are unpacked below the target folder first.
    installs: bool,
    /// Set for the run that is a step of `cargo xtask test`: the program is built, and what can't be downloaded is skipped.
    is_step: bool,
    chosen: Vec<&'static Integration>,
}

impl Options {
    /// Parses the words: names of integrations, all if there is none, and `--install`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            installs: false,
            is_step: false,
            chosen: Vec::new(),
        };
        for word in words {
            if *word == "--install" {
                options.installs = true;
                continue;
            }
            let found = INTEGRATIONS.iter().find(|it| it.name == *word);
            options.chosen.push(found.with_context(|| {
                let names = INTEGRATIONS.iter().map(|it| it.name);
                let names = names.collect::<Vec<_>>().join(", ");
                format!("integrations: {word} is none of them: {names}")
            })?);
        }
        if options.chosen.is_empty() {
            options.chosen = INTEGRATIONS.iter().collect();
        }
        Ok(options)
    }

    /// Returns those that `cargo xtask test` runs, the quick ones.
    pub(crate) fn quick(installs: bool) -> Self {
        Self {
            installs,
            is_step: true,
            chosen: INTEGRATIONS.iter().filter(|it| it.is_quick).collect(),
        }
    }
}

/// Runs the tests, and fails if one of them does; one that can't run is skipped with its reason.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.is_step {
        command::run(&mut cargo("build --locked -p tcpentry-cli".split(' ')))?;
    }
    let target = command::target_folder()?;
    let program = target.join("debug/tcpentry");
    // For others than root all is skipped.
    if options.installs && debian::is_root() {
        match install(&options.chosen, &target) {
            Err(error) if options.is_step => println!("{error:#}"),
            result => result?,
        }
    }
    let (mut passed, mut skipped, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for integration in &options.chosen {
        println!("\n{}", integration.name);
        match test(integration, &target, &program)? {
            Verdict::Passed => passed.push(integration.name.to_owned()),
            Verdict::Skipped(reason) => skipped.push(format!("{} ({reason})", integration.name)),
            Verdict::Failed(reason) => failed.push(format!("{} ({reason})", integration.name)),
        }
    }
    println!();
    for (verdict, names) in [
        ("passed", &passed),
        ("skipped", &skipped),
        ("failed", &failed),
    ] {
        if !names.is_empty() {
            println!("{verdict}: {}", names.join(", "));
        }
    }
    if !failed.is_empty() {
        bail!("integrations failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Unpacks the packages that are missing, each integration's in a folder of its own.
fn install(chosen: &[&Integration], target: &Path) -> Result<()> {
    let mut is_updated = false;
    for integration in chosen {
        let packages = integration.missing(target);
        if packages.is_empty() {
            continue;
        }
        if !std::mem::replace(&mut is_updated, true) {
            command::run(&mut command::program(["apt-get", "update"]))?;
        }
        let words = debian::unpacking(&integration.folder(target), &packages);
        command::run(&mut command::program(words.iter().map(String::as_str)))
            .with_context(|| format!("cannot get what {} needs", integration.name))?;
    }
    Ok(())
}

/// The result of a test.
enum Verdict {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Runs one test, and repeats its lines.
fn test(integration: &Integration, target: &Path, program: &Path) -> Result<Verdict> {
    let skip = |reason: String| {
        println!("  skipped: {reason}");
        Ok(Verdict::Skipped(reason))
    };
    if !debian::is_root() {
        return skip("only root can run it: it mounts, and starts daemons".to_owned());
    }
    if let Some(reason) = stage::refusal()? {
        return skip(reason);
    }
    let missing = integration.missing(target);
    if !missing.is_empty() {
        return skip(format!(
            "needs {}: cargo xtask integrations --install {}",
            missing.join(", "),
            integration.name
        ));
    }
    let mut command = stage::command(integration, target, program);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run timeout")?;
    let output = child.stdout.take().context("no pipe")?;
    let mut last = String::new();
    for line in BufReader::new(output).lines() {
        last = line?;
        println!("  {last}");
        std::io::stdout().flush()?;
    }
    let status = child.wait()?;
    Ok(match status.code() {
        Some(0) => Verdict::Passed,
        Some(SKIPPED) => Verdict::Skipped(last.trim_start_matches("skipped: ").to_owned()),
        Some(code) => Verdict::Failed(format!("exit {code}")),
        None => Verdict::Failed(format!("not over after {} s", integration.seconds)),
    })
}

/// The exit code of a test that can't run here; its last line has the reason.
const SKIPPED: i32 = 77;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_run_where_none_is_named() {
        let count = |words: &[&str]| Options::parse(words).unwrap().chosen.len();
        assert_eq!(count(&[]), INTEGRATIONS.len());
        assert_eq!(count(&["--install"]), INTEGRATIONS.len());
        assert_eq!(count(&["fail2ban", "--install"]), 1);
        let error = Options::parse(&["ban"]).unwrap_err().to_string();
        assert!(error.contains("none of them: fail2ban"), "{error}");
    }

    #[test]
    fn each_has_a_test_and_a_readme() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for integration in INTEGRATIONS {
            for file in ["test.sh", "README.md"] {
                let path = root.join("integrations").join(integration.name).join(file);
                assert!(path.is_file(), "{}", path.display());
            }
        }
    }
}
