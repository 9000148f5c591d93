//! The module of an owner: what process it is, by name and path (`GetOwnerModuleFromTcpEntry`).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tcpentry::Process;

use crate::code::Code;

/// Name and path of a module, in UTF-16 without the final zero.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: Vec<u16>,
    pub(crate) path: Vec<u16>,
}

/// The program of a process.
///
/// Both texts are empty when the caller may not know it, as on Windows for protected programs.
/// "Not found" for pid 0, for a process that has ended, and for another under the same pid.
pub(crate) fn of_process(pid: u32, started: u64) -> Result<Module, Code> {
    let now = look(pid)?.ok_or(Code::NOT_FOUND)?;
    if started != 0 && started != now {
        return Err(Code::NOT_FOUND);
    }
    let path = match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(path) => path,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Ok(Module {
                name: Vec::new(),
                path: Vec::new(),
            });
        }
        // A kernel thread has no file, only a name.
        Err(_) => {
            let process = i32::try_from(pid).ok().and_then(Process::new);
            let name = process.and_then(Process::name).ok_or(Code::NOT_FOUND)?;
            return Ok(Module {
                name: utf16(OsStr::from_bytes(&name)),
                path: Vec::new(),
            });
        }
    };
    // What the kernel adds to the path of a program that was replaced while it runs.
    let bytes = path.as_os_str().as_bytes();
    let path = Path::new(OsStr::from_bytes(
        bytes.strip_suffix(b" (deleted)").unwrap_or(bytes),
    ));
    Ok(Module {
        name: utf16(path.file_name().unwrap_or_default()),
        path: utf16(path.as_os_str()),
    })
}

fn utf16(text: &OsStr) -> Vec<u16> {
    // A name can hold anything but a zero byte.
    text.to_string_lossy()
        .encode_utf16()
        .filter(|&unit| unit != 0)
        .collect()
}

/// When a process started, in clock ticks since boot.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    look(pid).ok().flatten()
}

/// When a process started; `None` where there is no such process.
fn look(pid: u32) -> Result<Option<u64>, Code> {
    if pid == 0 {
        return Ok(None);
    }
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(started(&stat)),
        // No process, if /proc is what it should be: this one is always there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::metadata("/proc/self/stat")?;
            Ok(None)
        }
        // It has ended while it was read.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Field 22 of `/proc/PID/stat`.
fn started(stat: &[u8]) -> Option<u64> {
    // The name may hold blanks and parentheses; nothing behind its last one does.
    let behind = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(stat.get(behind + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_this_program() {
        let pid = std::process::id();
        let started = start_time(pid).unwrap();
        let module = of_process(pid, started).unwrap();
        let path = std::env::current_exe().unwrap();
        assert_eq!(
            String::from_utf16(&module.path).unwrap(),
            path.to_str().unwrap()
        );
        assert_eq!(of_process(pid, started + 1).unwrap_err(), Code::NOT_FOUND);
        assert_eq!(of_process(0, 0).unwrap_err(), Code::NOT_FOUND);
        assert_eq!(of_process(u32::MAX, 0).unwrap_err(), Code::NOT_FOUND);
    }
}
