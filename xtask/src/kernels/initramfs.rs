//! The files that a kernel finds when it has booted: the tests, what they run, its modules, and `/init`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::package::Kernel;
use crate::command;

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
        names.push(name.as_str());
    }
    tree.stripped(&built.program, Path::new("/usr/bin/tcpentry"))?;
    tree.program("busybox", Some("/bin/busybox"))?;
    std::os::unix::fs::symlink("/bin/busybox", tree.at("/sbin/modprobe"))?;
    for program in PROGRAMS {
        tree.program(program, None)?;
    }
    tree.python()?;
    tree.modules(kernel)?;
    let script = INIT
        .replace("@TESTS@", &names.join(" "))
        .replace("@ONLY@", only.unwrap_or_default());
    fs::write(tree.at("/init"), script)?;
    fs::set_permissions(tree.at("/init"), fs::Permissions::from_mode(0o755))?;
    tree.pack(folder)
}

/// The files of the archive.
struct Tree(PathBuf);

impl Tree {
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Adds a program of this machine with its libraries, at its own path or at a given one.
    fn program(&self, name: &str, to: Option<&str>) -> Result<()> {
        let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
        let mut paths = folders.iter().map(|folder| Path::new(folder).join(name));
        let from = paths
            .find(|path| command::is_executable(path))
            .with_context(|| format!("no program {name}"))?;
        self.file(&from, to.map_or(&from, Path::new))?;
        self.libraries(&from)
    }

    /// Adds an executable of cargo without its symbols, which would take half the memory.
    fn stripped(&self, from: &Path, to: &Path) -> Result<()> {
        let path = self.at(&to.to_string_lossy());
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").arg(path).arg(from);
        if !strip.status()?.success() {
            bail!("{} can't be stripped", from.display());
        }
        self.libraries(from)
    }

    fn file(&self, from: &Path, to: &Path) -> Result<()> {
        let path = self.at(&to.to_string_lossy());
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        // A link becomes what it points to.
        fs::copy(from, &path).with_context(|| format!("{}", from.display()))?;
        Ok(())
    }

    fn libraries(&self, program: &Path) -> Result<()> {
        // Fails for what is linked statically and needs none.
        let output = Command::new("ldd").arg(program).output().context("ldd")?;
        let text = String::from_utf8_lossy(&output.stdout);
        for path in text.split_whitespace().filter(|word| word.starts_with('/')) {
            let path = Path::new(path);
            if path.exists() && !self.at(&path.to_string_lossy()).exists() {
                self.file(path, path)?;
            }
        }
        Ok(())
    }

    /// Adds Python, which is the other process in some tests, with the part of its library that sockets need.
    fn python(&self) -> Result<()> {
        self.program("python3", None)?;
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
                    self.file(&path, &path)?;
                }
            }
        }
        // Where it is not, Python complains, and a test that waits for "ready" reads that instead.
        let dynamic = library.join("lib-dynload");
        fs::create_dir_all(self.at(&dynamic.to_string_lossy()))?;
        Ok(())
    }

    /// Adds the modules that tests or the kernel's loader may ask for, with their dependencies.
    fn modules(&self, kernel: &Kernel) -> Result<()> {
        let inside = Path::new("lib/modules").join(&kernel.release);
        let from = kernel.root.join(&inside);
        let list = fs::read_to_string(from.join("modules.dep")).context("modules.dep")?;
        let mut wanted = BTreeSet::new();
        for line in list.lines() {
            let mut files = line.split([':', ' ']).filter(|word| !word.is_empty());
            let name = files.clone().next().map(module_name).unwrap_or_default();
            if MODULES.contains(&name) {
                wanted.extend(&mut files);
            }
        }
        for file in wanted {
            let plain = file.trim_end_matches(".xz");
            let to = self.0.join(&inside).join(plain);
            self.file(
                &from.join(file),
                Path::new("/").join(&inside).join(file).as_path(),
            )?;
            if plain != file {
                let mut xz = Command::new("xz");
                xz.arg("-d")
                    .arg(to.with_file_name(file.rsplit('/').next().unwrap_or(file)));
                if !xz.status()?.success() {
                    bail!("{file} can't be unpacked");
                }
            }
        }
        for file in [
            "modules.builtin",
            "modules.builtin.modinfo",
            "modules.order",
        ] {
            let file = inside.join(file);
            // Newer packages have them elsewhere; without them nothing is built in, and nothing more is looked for.
            if kernel.root.join(&file).exists() {
                self.file(&kernel.root.join(&file), &Path::new("/").join(&file))?;
            }
        }
        let mut depmod = Command::new("/usr/sbin/depmod");
        depmod.arg("-b").arg(&self.0).arg(&kernel.release);
        if !depmod.status()?.success() {
            bail!("depmod failed");
        }
        Ok(())
    }

    fn pack(&self, folder: &Path) -> Result<PathBuf> {
        let archive = folder.join("initramfs.cpio");
        let mut cpio = Command::new("cpio");
        cpio.args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&archive)?);
        let mut child = cpio.spawn().context("cpio")?;
        let mut names = Vec::new();
        list(&self.0, Path::new(""), &mut names)?;
        let mut input = child.stdin.take().context("it is piped")?;
        input.write_all(names.join("\n").as_bytes())?;
        drop(input);
        if !child.wait()?.success() {
            bail!("cpio failed");
        }
        Ok(archive)
    }
}

fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        names.push(path.to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            list(root, &path, names)?;
        }
    }
    Ok(())
}

/// Returns the name of a module: `net/ipv4/tcp_diag.ko.xz` is `tcp_diag`.
fn module_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
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
    "ip", "ss", "unshare", "setpriv", "nsenter", "setsid", "bash", "sleep", "cat",
];
/// The modules that `/init` loads: `inet_diag` and the like have to be loaded by the kernel itself, as on any machine.
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
