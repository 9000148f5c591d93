//! The peers of the demo. Each is a process that prints what happens to it, and ends when its standard input ends:
//! with the demo, however that ends.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The word by which the demo starts its peers; no command for people.
pub(crate) const PEER: &str = "demo-peer";

/// Accepts connections: prints the address and each client, echoes lines, and prints how each connection ended.
pub(super) fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    print_line(&listener.local_addr()?.to_string());
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
    print_line(&format!("{peer} {ACCEPTED}"));
    for line in BufReader::new(stream).lines() {
        let echoed =
            line.and_then(|line| (&mut &*stream).write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = echoed {
            print_line(&format!("{peer} {}", name(&error)));
            return;
        }
    }
    print_line(&format!("{peer} end of file"));
}

/// The word for a connection that the server has accepted: until then no process holds it.
pub(super) const ACCEPTED: &str = "accepted";

/// Connects to a server: prints its address, sends each line of standard input, and prints what comes back.
pub(super) fn call(server: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(server)?;
    print_line(&stream.local_addr()?.to_string());
    let reading = stream.try_clone()?;
    thread::spawn(move || {
        for line in BufReader::new(&reading).lines() {
            match line {
                Ok(line) => print_line(&format!("echo {line}")),
                Err(error) => return print_line(name(&error)),
            }
        }
        print_line("end of file");
    });
    until_standard_input_ends(|line| (&stream).write_all(format!("{line}\n").as_bytes()))
}

fn until_standard_input_ends(mut act: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        act(&line?)?;
    }
    Ok(())
}

fn print_line(text: &str) {
    let mut out = io::stdout().lock();
    // The demo has ended; standard input ends, too.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Returns the C name of an error that ends a deleted connection.
fn name(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionAborted => "read: ECONNABORTED (connection aborted)",
        io::ErrorKind::ConnectionReset => "read: ECONNRESET (connection reset by peer)",
        io::ErrorKind::BrokenPipe => "read: EPIPE (broken pipe)",
        io::ErrorKind::NotConnected => "read: ENOTCONN (no longer connected)",
        _ => "read: some other error",
    }
}
