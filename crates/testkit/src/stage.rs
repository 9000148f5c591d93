//! A mount namespace of a test's own, where programs find users and settings that the host lacks.
//!
//! Nothing of it reaches the host: `/etc` is covered, `/run` and `/var/log` are empty at first, and all
//! of it ends with the last process inside.

use std::ffi::{CStr, CString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};

use crate::sys;

/// A user of the stage beside root, who may become root by sudo without a password.
pub const OPERATOR: &str = "operator";
/// The uid of that user.
pub const OPERATOR_UID: u32 = 54321;

/// Puts this thread and its children on a stage. The error says what this machine refuses.
///
/// `unpacked` is where packages have been unpacked that are not installed; it need not be there.
pub fn enter(unpacked: &Path) -> io::Result<()> {
    bare()?;
    write_settings()?;
    cover("/etc", &[Path::new("/run/etc"), &unpacked.join("etc")])?;
    cover("/usr", &[&unpacked.join("usr")])?;
    for (folder, owner) in [("/run/root", 0), ("/run/operator", OPERATOR_UID)] {
        fs::create_dir(folder)?;
        chown(folder, Some(owner), Some(owner))?;
    }
    Ok(())
}

/// Gives this thread and its children mounts of their own, with nothing in `/run` and `/var/log`. The error
/// says what this machine refuses.
pub fn bare() -> io::Result<()> {
    keep_mounts_here()?;
    for folder in ["/run", "/var/log"] {
        mount("tmpfs", folder, "tmpfs", MountFlags::empty(), c"mode=755")?;
    }
    Ok(())
}

/// Gives this thread and its children a `/dev` with nothing but `null`: no system log either, until
/// the caller binds a socket to `/dev/log`. The error says what this machine refuses.
pub fn without_devices() -> io::Result<()> {
    keep_mounts_here()?;
    let null = File::open("/dev/null")?;
    mount("tmpfs", "/dev", "tmpfs", MountFlags::empty(), c"mode=755")?;
    File::create("/dev/null")?;
    mount_bind(format!("/proc/self/fd/{}", null.as_raw_fd()), "/dev/null")?;
    Ok(())
}

/// Gives this thread and its children another boot id, as systemd-nspawn and Incus do. The error says what this machine
/// refuses.
pub fn with_boot_id(boot_id: &str) -> io::Result<()> {
    keep_mounts_here()?;
    let file = std::env::temp_dir().join(format!("tcpentry-boot-id-{}", std::process::id()));
    fs::write(&file, format!("{boot_id}\n"))?;
    let mounted = mount_bind(&file, "/proc/sys/kernel/random/boot_id");
    fs::remove_file(file)?;
    Ok(mounted?)
}

/// Gives this thread and its children an empty `/proc`, as in a chroot. The error says what this machine refuses.
pub fn without_proc() -> io::Result<()> {
    keep_mounts_here()?;
    Ok(mount(
        "tmpfs",
        "/proc",
        "tmpfs",
        MountFlags::empty(),
        c"mode=755",
    )?)
}

/// Gives this thread and its children a `/proc` with these options: `subset=pid`, `hidepid=invisible`. The error says
/// what this machine refuses.
pub fn proc_with(options: &CStr) -> io::Result<()> {
    keep_mounts_here()?;
    Ok(mount(
        "proc",
        "/proc",
        "proc",
        MountFlags::empty(),
        options,
    )?)
}

/// Gives this thread mounts of its own, which reach no other.
fn keep_mounts_here() -> io::Result<()> {
    let none_shared = nothing_is_shared();
    sys::unshare_mounts()?;
    match mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    ) {
        // In a chroot the root is not a mount. Mounts reach nobody all the same, where none is shared.
        Err(Errno::INVAL) if none_shared => {}
        other => other?,
    }
    Ok(())
}

/// Returns true if no mount of this namespace propagates what is mounted below it.
fn nothing_is_shared() -> bool {
    let read = |process| fs::read_to_string(format!("/proc/{process}/mountinfo"));
    // The first process sees all mounts, also those above a chroot. Its namespace is ours if it has a
    // mount of ours: their numbers are unique.
    let (Ok(ours), Ok(all)) = (read("thread-self"), read("1")) else {
        return false;
    };
    let number = |line: &str| line.split(' ').next().map(str::to_owned);
    let is_same = ours
        .lines()
        .next()
        .is_some_and(|line| all.lines().any(|other| number(other) == number(line)));
    is_same && !all.contains(" shared:")
}

/// Mounts folders over one, the first on top; those that do not exist are left out.
fn cover(folder: &str, with: &[&Path]) -> io::Result<()> {
    let mut layers: Vec<&Path> = with.iter().copied().filter(|path| path.is_dir()).collect();
    if layers.is_empty() {
        return Ok(());
    }
    layers.push(Path::new(folder));
    let layers: Vec<String> = layers
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let options = CString::new(format!("lowerdir={}", layers.join(":")))?;
    mount(
        "overlay",
        folder,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )?;
    Ok(())
}

/// Writes the users, and the files that let sudo work without a password and without the network.
fn write_settings() -> io::Result<()> {
    fs::create_dir_all("/run/etc/pam.d")?;
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let permit =
        ["auth", "account", "session"].map(|kind| format!("{kind} required pam_permit.so\n"));
    for (file, mode, text) in [
        (
            "passwd",
            0o644,
            format!(
                "root:x:0:0::/run/root:/bin/sh\n\
                 sshd:x:54322:65534::/run/sshd:/usr/sbin/nologin\n\
                 nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n\
                 {OPERATOR}:x:{OPERATOR_UID}:{OPERATOR_UID}::/run/operator:/bin/sh\n"
            ),
        ),
        (
            "group",
            0o644,
            format!("root:x:0:\ntty:x:5:\nnogroup:x:65534:\n{OPERATOR}:x:{OPERATOR_UID}:\n"),
        ),
        (
            "shadow",
            0o600,
            format!("root:*:1::::::\n{OPERATOR}:*:1::::::\n"),
        ),
        (
            "nsswitch.conf",
            0o644,
            "passwd: files\ngroup: files\nshadow: files\nhosts: files\n".to_owned(),
        ),
        ("hosts", 0o644, format!("127.0.0.1 localhost {host}\n")),
        (
            "sudoers",
            0o440,
            format!(
                "Defaults use_pty, !lecture\nroot ALL=(ALL) ALL\n{OPERATOR} ALL=(ALL) NOPASSWD: ALL\n"
            ),
        ),
        ("pam.d/sudo", 0o644, permit.concat()),
    ] {
        let file = Path::new("/run/etc").join(file);
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
    }
    Ok(())
}
