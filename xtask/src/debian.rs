//! Commands that get Debian packages through apt.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Returns the command that unpacks packages below a folder without installing them: the packages, and those of their
/// dependencies that this machine lacks.
pub(crate) fn unpacking(folder: &Path, packages: &[&str]) -> Vec<String> {
    let mut words = words("sh -c", &[UNPACK, "sh"]);
    words.push(folder.display().to_string());
    words.extend(packages.iter().map(|&package| package.to_owned()));
    words
}

/// Returns a command that only root can run, through sudo for others.
pub(crate) fn as_root(is_root: bool, command: &str, args: &[&str]) -> Vec<String> {
    let mut words = words(command, args);
    if !is_root {
        words.insert(0, "sudo".to_owned());
    }
    words
}

/// Returns the words of a command and its further arguments.
pub(crate) fn words(command: &str, args: &[&str]) -> Vec<String> {
    let words = command.split(' ').chain(args.iter().copied());
    words.map(str::to_owned).collect()
}

/// Returns true if this process is root, by the owner of its entry in /proc: std has no getuid().
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The script that unpacks packages: the first argument is the folder, the others are packages. If an old package has a
/// `/lib` of its own, the files belong into `/usr`, as on a merged system.
pub(crate) const UNPACK: &str = "\
set -e; cd / && mkdir -p \"$1/archives/partial\" && cd \"$1\" && shift
apt-get install -y --no-install-recommends --download-only -o DPkg::Lock::Timeout=120 -o Dir::Cache::archives=\"$PWD/archives\" \"$@\"
for package in archives/*.deb; do dpkg-deb -x \"$package\" root; done
for folder in bin sbin lib; do
  if [ -d root/$folder ]; then mkdir -p root/usr/$folder; cp -a root/$folder/. root/usr/$folder; fi
done";
