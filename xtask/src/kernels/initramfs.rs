//! The files that a kernel finds when it has booted: the tests, what they run, its modules, and `/init`.

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::machine::{Kernel, Tree};

/// The executables that cargo has built.
pub(super) struct Built {
    /// The tests, by name.
    tests: Vec<(String, PathBuf)>,
    program: PathBuf,
}

/// Builds the tests that ask a kernel, and the program.
pub(super) fn build_tests() -> Result<Built> {
    let tests = executables("test --locked --no-run -p tcpentry --lib --test kernel")?;
    let program = executables("build --locked -p tcpentry-cli")?.pop();
    let (_, program) = program.context("cargo built no program")?;
    Ok(Built { tests, program })
}

/// Returns the executables that a command of cargo builds, by name.
fn executables(words: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut cargo = command::cargo(words.split(' '));
    cargo.arg("--message-format=json-render-diagnostics");
    println!("+ {}", command::shown(&cargo));
    let mut child = cargo.stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().context("it is piped")?);
    let mut built = Vec::new();
    for message in serde_json::Deserializer::from_reader(output).into_iter::<serde_json::Value>() {
        let message = message?;
        if let Some(path) = message["executable"].as_str() {
            let name = message["target"]["name"].as_str().unwrap_or_default();
            built.push((name.to_owned(), path.into()));
        }
    }
    if !child.wait()?.success() {
        bail!("{} failed", command::shown(&cargo));
    }
    built.sort();
    Ok(built)
}

/// Creates the archive in `folder`, and returns its path.
pub(super) fn make(
    folder: &Path,
    kernel: &Kernel,
    built: &Built,
    only: Option<&str>,
) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(folder);
    let tree = Tree(folder.join("tree"));
    for path in FOLDERS {
        fs::create_dir_all(tree.at(path))?;
    }
    // As where the tests come from: what stands in both is one.
    for folder in ["bin", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{folder}"), tree.at(folder))?;
    }
    for (path, text) in FILES {
        fs::write(tree.at(path), text)?;
    }
    let mut names = Vec::new();
    for (name, path) in &built.tests {
        tree.stripped(path, &Path::new("/tests").join(name))?;
        tree.libraries(path)?;
        names.push(name.as_str());
    }
    tree.stripped(&built.program, Path::new("/usr/bin/tcpentry"))?;
    tree.libraries(&built.program)?;
    tree.program("busybox", Some("/bin/busybox"))?;
    std::os::unix::fs::symlink("/bin/busybox", tree.at("/sbin/modprobe"))?;
    for program in PROGRAMS {
        tree.program(program, None)?;
    }
    python(&tree)?;
    tree.modules(kernel, MODULES)?;
    let script = INIT
        .replace("@TESTS@", &names.join(" "))
        .replace("@ONLY@", only.unwrap_or_default());
    fs::write(tree.at("/init"), script)?;
    fs::set_permissions(tree.at("/init"), fs::Permissions::from_mode(0o755))?;
    tree.pack(folder)
}

/// Adds Python, which is the other process in some tests, with the part of its library that sockets need.
fn python(tree: &Tree) -> Result<()> {
    tree.program("python3", None)?;
    let libraries = fs::read_dir("/usr/lib")?
        .flatten()
        .map(|entry| entry.path());
    let is_python = |path: &PathBuf| path.to_string_lossy().contains("/python3.");
    let library = libraries
        .filter(is_python)
        .max()
        .context("no library of Python")?;
    for folder in ["", "encodings", "collections", "re", "importlib", "json"] {
        for entry in fs::read_dir(library.join(folder))?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "py") {
                tree.file(&path, &path)?;
            }
        }
    }
    // Where it is not, Python complains, and a test that waits for "ready" reads that instead.
    let dynamic = library.join("lib-dynload");
    fs::create_dir_all(tree.at(&dynamic.to_string_lossy()))?;
    Ok(())
}

const FOLDERS: &[&str] = &[
    "/usr/bin",
    "/usr/sbin",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/tmp",
    "/run",
    "/tests",
    "/root",
    "/var/tmp",
    "/var/log",
];
const FILES: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    ),
    (
        "/etc/group",
        "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nnogroup:x:65534:\n",
    ),
    (
        "/etc/services",
        "ssh 22/tcp\ndomain 53/tcp\nhttp 80/tcp\nhttps 443/tcp\n",
    ),
    ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
];
/// The programs that the tests run; the rest is busybox.
const PROGRAMS: &[&str] = &[
    "ip", "ss", "nft", "unshare", "setpriv", "nsenter", "setsid", "bash", "sleep", "cat",
];
/// The modules that the kernel finds: `inet_diag` and the like it has to load itself, as on any machine.
const MODULES: &[&str] = &[
    "inet_diag",
    "tcp_diag",
    "mptcp_diag",
    "veth",
    "dummy",
    "vrf",
    "unix",
    "unix_diag",
    "netlink_diag",
    "fuse",
    "nfnetlink",
    "nf_tables",
];
/// The script `/init`. Results go to the second serial port, so that no output of the kernel or a test gets between them.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TCPENTRY_SKIP_LOG=/tmp/skipped TCPENTRY_PATIENCE=5 RUST_BACKTRACE=0
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
# What udev loads on any machine; busybox's modprobe also says that it is done while another one is at it.
modprobe fuse
modprobe nf_tables
ulimit -n 20000
stty raw -echo </dev/ttyS1
# Tests that are run as users write there too.
touch /tmp/skipped && chmod 666 /tmp/skipped
exec >/dev/ttyS1
mkdir -p /tmp/run && cd /tmp/run
for name in @TESTS@; do
  echo "suite $name"
  only="@ONLY@"
  # Of the unit tests only those that ask the kernel.
  [ "$name" = tcpentry ] && : "${only:=tests::kernel}"
  timeout 600 /tests/$name --test-threads 2 $only 2>&1 >/tmp/$name.out | tee /tmp/$name.err >/dev/console
  cat /tmp/$name.out
done
if [ -z "@ONLY@" ]; then
  # The program itself: what it finds here, and its own demonstration, which ends with 0 if it went as it should.
  echo "suite demo"
  tcpentry doctor >/dev/console
  if tcpentry demo >/dev/console; then echo "test demo ... ok"; else echo "test demo ... FAILED"; fi
  echo "test result: "
fi
echo "skips"
cat /tmp/skipped
echo "end"
sync
sleep 1
reboot -f
"#;
