//! The namespaces that a test runs in: nothing that it starts, mounts or writes is seen outside, and all of it ends with it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::list::Integration;
use crate::command;

/// Returns the command that runs a test.
pub(super) fn command(integration: &Integration, target: &Path, program: &Path) -> Command {
    let mut words = command::program(["timeout", "-s", "KILL"]);
    words.arg(integration.seconds.to_string());
    // `unshare --fork` ignores SIGTERM.
    words.args(UNSHARE);
    words.args(["bash", "-c", SETUP, "bash"]);
    words.arg(integration.folder(target).join("root"));
    words.arg(format!("integrations/{}/test.sh", integration.name));
    words.env("TCPENTRY", program);
    words.env("LIMIT", integration.seconds.to_string());
    words
}

/// Returns the reason for which this system makes no such namespaces, if it does not.
pub(super) fn refusal() -> Result<Option<String>> {
    let output = command::program(UNSHARE.into_iter().chain(["true"])).output()?;
    let reason = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    Ok((!output.status.success()).then_some(reason))
}

const UNSHARE: [&str; 10] = [
    "unshare",
    "-n",
    "-p",
    "-f",
    "-m",
    "-u",
    "-i",
    "--mount-proc",
    "--kill-child",
    "--",
];

/// The script that covers what daemons write to, and adds what is unpacked; the first argument is its folder, the second
/// the test. The program is installed where its package would have it.
const SETUP: &str = r#"
trap 'echo "skipped: no namespaces for it here: $BASH_COMMAND"; exit 77' ERR
hostname tcpentry-test
for folder in /run /dev/shm; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 /dev/shm
mkdir /run/cover /run/lock
for folder in etc usr var/lib var/log var/cache var/spool; do
  cover=/run/cover/$folder lower=/$folder
  mkdir -p $cover/upper $cover/work
  [ ! -d "$1/$folder" ] || lower=$1/$folder:$lower
  mount -t overlay -o "lowerdir=$lower,upperdir=$cover/upper,workdir=$cover/work" overlay /$folder
done
ln -s "$TCPENTRY" /usr/bin/tcpentry
ip link set lo up
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
exec bash "$2"
"#;
