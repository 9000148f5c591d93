//! A FUSE file system that answers only whom it likes: what an ordinary user can have.
//!
//! It has one file, and one name (`silent`) that is never found nor missing. What asks it to write, or to read from the middle on, is never answered; to flush (at a `close`)
//! only the processes that have opened the file are.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use crate::stage;
use crate::wait::at_least;

/// The file system, mounted for this thread and what it starts; its server is a thread. Dropped, whoever waits for an
/// answer gets an error.
#[derive(Debug)]
pub struct Fuse {
    file: PathBuf,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Fuse {
    /// Mounts it over a folder of a [bare stage](stage::bare). The error says what this machine refuses.
    pub fn mounted() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let device = rustix::fs::open("/dev/fuse", flags, Mode::empty())?;
        stage::bare()?;
        let folder = Path::new("/run/fuse");
        std::fs::create_dir(folder)?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = std::ffi::CString::new(options)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tcpentry", folder, "fuse", flags, options.as_c_str())?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let server = thread::Builder::new().name("fuse".to_owned());
        let server = server.spawn(move || serve(&device, &stopped))?;
        Ok(Self {
            file: folder.join("file"),
            stop,
            server: Some(server),
        })
    }

    /// Returns its file, of a mebibyte of zeros.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Answers until it is told to stop, or for so long that a test has failed. The end of `device` is that of the file system.
///
/// Were the whole process to wait for it, nobody could end either: threads share their descriptors.
fn serve(device: &OwnedFd, stop: &AtomicBool) {
    let device = File::from(device.try_clone().expect("dup"));
    let mut openers = Vec::new();
    let mut buffer = vec![0; 1 << 18];
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) && start.elapsed() < at_least(LIFE) {
        let mut polled = [PollFd::from_borrowed_fd(device.as_fd(), PollFlags::IN)];
        if poll(&mut polled, Some(&pause)) == Ok(0) {
            continue;
        }
        let length = match rustix::io::read(&device, &mut buffer[..]) {
            Ok(length) => length,
            Err(Errno::INTR | Errno::AGAIN | Errno::NOENT) => continue,
            Err(_) => return,
        };
        let request = FuseRequest::read(&buffer[..length]);
        if let Some(body) = answer(&request, &mut openers) {
            let (error, body) = match body {
                Ok(body) => (0, body),
                Err(errno) => (-errno.raw_os_error(), Vec::new()),
            };
            let length = u32::try_from(16 + body.len()).expect("it is short");
            let mut message = Vec::new();
            message.extend(length.to_ne_bytes());
            message.extend(error.to_ne_bytes());
            message.extend(request.unique.to_ne_bytes());
            message.extend(body);
            // Who asked may have been killed meanwhile.
            let _ = rustix::io::write(&device, &message);
        }
    }
}

/// The fields of `struct fuse_in_header`, and of what follows, that are used.
struct FuseRequest<'b> {
    operation: u32,
    unique: u64,
    node: u64,
    pid: u32,
    body: &'b [u8],
}

impl<'b> FuseRequest<'b> {
    fn read(message: &'b [u8]) -> Self {
        let u32_at = |at: usize| u32::from_ne_bytes(message[at..at + 4].try_into().expect("four"));
        let u64_at = |at: usize| u64::from_ne_bytes(message[at..at + 8].try_into().expect("eight"));
        Self {
            operation: u32_at(4),
            unique: u64_at(8),
            node: u64_at(16),
            pid: u32_at(32),
            body: &message[40..],
        }
    }
}

fn answer(request: &FuseRequest<'_>, openers: &mut Vec<u32>) -> Option<Result<Vec<u8>, Errno>> {
    Some(match request.operation {
        // FORGET, INTERRUPT, BATCH_FORGET have none; WRITE gets none.
        2 | 36 | 42 | 16 => return None,
        INIT => Ok(numbers(&[
            7,
            31,
            0,
            0,
            0,
            1 << 17,
            1,
            32,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ])),
        // LOOKUP
        1 if request.body == b"silent\0" => return None,
        1 if request.body == b"file\0" => {
            let entry = [FILE, 0, FOREVER, FOREVER, 0].map(u64::to_ne_bytes);
            Ok([entry.concat(), attributes(FILE)].concat())
        }
        1 => Err(Errno::NOENT),
        // GETATTR
        3 => {
            let valid = [FOREVER, 0].map(u64::to_ne_bytes);
            Ok([valid.concat(), attributes(request.node)].concat())
        }
        // OPEN
        14 => {
            openers.push(request.pid);
            Ok(vec![0; 16])
        }
        // READ
        15 => {
            let offset = request.body[8..16].try_into().expect("eight");
            if u64::from_ne_bytes(offset) >= SILENT {
                return None;
            }
            let size = request.body[16..20].try_into().expect("four");
            Ok(vec![0; u32::from_ne_bytes(size) as usize])
        }
        // FLUSH
        25 if !openers.contains(&request.pid) => return None,
        // FLUSH, RELEASE
        25 | 18 => Ok(Vec::new()),
        _ => Err(Errno::NOSYS),
    })
}

/// Makes a `struct fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let (mode, size) = if node == FILE {
        (0o100_666, 1 << 20)
    } else {
        (0o040_777, 0)
    };
    let long = [node, size, size / 512, 0, 0, 0].map(u64::to_ne_bytes);
    let short = numbers(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]);
    [long.concat(), short].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_ne_bytes())
        .collect()
}

/// The life of a file system: less than a test may take.
const LIFE: Duration = Duration::from_secs(40);
const INIT: u32 = 26;
/// The offset from which on nothing is read.
const SILENT: u64 = 1 << 19;
/// The node of the file; that of the root is 1.
const FILE: u64 = 2;
/// Seconds for which an answer holds.
const FOREVER: u64 = 3600;
