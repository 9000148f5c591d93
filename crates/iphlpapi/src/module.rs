//! The module of an owner: name and path of its program (`GetOwnerModuleFromTcpEntry`).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tcpentry::process::Process;

use crate::code::Code;

/// Name and path of a module, in UTF-16 without the final zero.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: Vec<u16>,
    pub(crate) path: Vec<u16>,
}

/// Finds the program of a process.
///
/// Both texts are empty if the caller is not permitted to know it, as on Windows for protected programs.
/// "Not found" for pid 0, for a process that has ended, and for another one with the same pid.
pub(crate) fn of_process(pid: u32, started: u64) -> Result<Module, Code> {
    let process = find(pid)?.ok_or(Code::NOT_FOUND)?;
    if started != 0 && started != process.start() {
        return Err(Code::NOT_FOUND);
    }
    let path = fs::read_link(format!("/proc/{pid}/exe"));
    if find(pid)? != Some(process) {
        return Err(Code::NOT_FOUND);
    }
    let path = match path {
        Ok(path) => path,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Ok(Module {
                name: Vec::new(),
                path: Vec::new(),
            });
        }
        // A kernel thread has no file, only a name.
        Err(_) => {
            let name = process.name().ok_or(Code::NOT_FOUND)?;
            return Ok(Module {
                name: utf16(OsStr::from_bytes(&name)),
                path: Vec::new(),
            });
        }
    };
    // The kernel adds this to the path of a program that was replaced while it runs.
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

fn find(pid: u32) -> Result<Option<Process>, Code> {
    match i32::try_from(pid) {
        Ok(pid) => Ok(Process::find(pid)?),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_this_program() {
        let pid = std::process::id();
        let started = Process::current().unwrap().start();
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
