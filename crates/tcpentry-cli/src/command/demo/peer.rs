//! The peers of the demo. Each is a process that says on standard output what happens to it, and
//! ends when its standard input does: with the demo, however that ends.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The word by which the demo starts its peers; no command for people.
pub(crate) const PEER: &str = "demo-peer";

/// The server: says where it listens and whom it accepts, echoes lines, and says how each connection
/// ended.
pub(super) fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&listener.local_addr()?.to_string());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(&stream));
        }
    });
    until_standard_input_ends(|_| Ok(()))
}

fn echo(stream: &TcpStream) {
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    say(&format!("{peer} {ACCEPTED}"));
    for line in BufReader::new(stream).lines() {
        let echoed =
            line.and_then(|line| (&mut &*stream).write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = echoed {
            say(&format!("{peer} {}", name(&error)));
            return;
        }
    }
    say(&format!("{peer} end of file"));
}

/// What the server says of a connection that it has accepted: until then no process holds it.
pub(super) const ACCEPTED: &str = "accepted";

/// A client: says who it is, sends each line of standard input, and says what comes back.
pub(super) fn call(server: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(server)?;
    say(&stream.local_addr()?.to_string());
    let reading = stream.try_clone()?;
    thread::spawn(move || {
        for line in BufReader::new(&reading).lines() {
            match line {
                Ok(line) => say(&format!("echo {line}")),
                Err(error) => return say(name(&error)),
            }
        }
        say("end of file");
    });
    until_standard_input_ends(|line| (&stream).write_all(format!("{line}\n").as_bytes()))
}

fn until_standard_input_ends(mut act: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        act(&line?)?;
    }
    Ok(())
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    // The demo has ended; standard input will say so.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The errors that end a deleted connection, by the names that C programmers know.
fn name(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionAborted => "read: ECONNABORTED (connection aborted)",
        io::ErrorKind::ConnectionReset => "read: ECONNRESET (connection reset by peer)",
        io::ErrorKind::BrokenPipe => "read: EPIPE (broken pipe)",
        io::ErrorKind::NotConnected => "read: ENOTCONN (no longer connected)",
        _ => "read: some other error",
    }
}
