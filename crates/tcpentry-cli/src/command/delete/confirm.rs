//! The answer to the question before several are deleted: only a person at a terminal can say yes.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::termios::{QueueSelector, tcflush};

use super::interrupt::Interrupt;
use crate::stream::Stderr;
use crate::terminal::TerminalInput;

/// Returns the stream that keeps anybody from seeing the question and answering it, because it is not a terminal.
pub(crate) fn not_a_terminal() -> Option<&'static str> {
    if !io::stdin().is_terminal() {
        Some("stdin")
    } else if !io::stderr().is_terminal() {
        Some("stderr")
    } else {
        None
    }
}

/// Asks, and waits for a line. Anything but `y` or `yes`, in any case, is a no: also the end of input, and Ctrl-C.
pub(crate) fn confirm(question: &str, interrupt: &Interrupt) -> bool {
    ask(question, io::stdin(), &mut Stderr, interrupt)
}

fn ask(question: &str, input: impl AsFd, output: &mut impl Write, interrupt: &Interrupt) -> bool {
    // Anything typed before the question can't be its answer.
    let _ = tcflush(&input, QueueSelector::IFlush);
    let asked = write!(output, "{question} [y/N] ").and_then(|()| output.flush());
    let answer = match asked {
        Ok(()) => read_line(input, interrupt),
        Err(_) => None,
    };
    if answer.is_none() {
        // The cursor is still behind the question.
        let _ = writeln!(output);
    }
    let is_yes = |answer: &[u8]| {
        let answer = answer.trim_ascii();
        answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes")
    };
    answer.is_some_and(|answer| is_yes(&answer))
}

/// Reads the next line, which a terminal gives in one piece.
fn read_line(input: impl AsFd, interrupt: &Interrupt) -> Option<Vec<u8>> {
    let input = TerminalInput::reopen_or_share(input).ok()?;
    let mut line = vec![0; MAX_LINE];
    while !interrupt.is_set() {
        // A signal that comes before the call would not end it, so it has a time limit.
        if let Some(length) = input.read_within(TICK, &mut line).ok()? {
            line.truncate(length);
            return line.ends_with(b"\n").then_some(line);
        }
    }
    None
}

/// The time after which a signal is noticed at the latest.
const TICK: Duration = Duration::from_millis(100);
/// The longest line of a terminal in line mode (`N_TTY_BUF_SIZE`).
const MAX_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::thread;

    use tcpentry_testkit::pty::Terminal;
    use tcpentry_testkit::{seccomp, skip};

    use super::*;

    /// Asks on this terminal, does this after the question, and returns the answer.
    fn answer_during(terminal: &Terminal, interrupt: &Interrupt, act: impl FnOnce()) -> bool {
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut output = terminal.inside();
                ask(
                    "Delete 2 connections?",
                    terminal.inside(),
                    &mut output,
                    interrupt,
                )
            });
            terminal.await_text("connections? [y/N] ");
            act();
            asking.join().unwrap()
        })
    }

    /// Asks on this terminal, and returns the answer when this is typed after the question.
    fn answer_on(terminal: &Terminal, typed: &str) -> bool {
        answer_during(terminal, &Interrupt::never(), || terminal.type_in(typed))
    }

    /// Returns the answer when this is typed after the question, and the screen then.
    fn answered(typed: &str) -> (bool, String) {
        let terminal = Terminal::open();
        let yes = answer_on(&terminal, typed);
        (yes, terminal.screen())
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for typed in ["y\n", "yes\n", " y \n", "Y\n", "YES\n", "Yes\n"] {
            assert!(answered(typed).0, "{typed:?}");
        }
        for typed in [
            "\n",
            "n\n",
            "no\n",
            "yes please\n",
            "ye\n",
            "y\x04\x04",
            "\x04",
        ] {
            assert!(!answered(typed).0, "{typed:?}");
        }
    }

    #[test]
    fn a_call_that_is_interrupted_is_made_again() {
        let calls = [libc::SYS_ppoll, libc::SYS_read];
        if seccomp::interrupting(&calls, || ()).is_none() {
            skip!("no seccomp filter can ask here what to do");
        }
        let terminal = Terminal::open();
        let interrupt = Interrupt::never();
        let answered = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let (input, mut output) = (terminal.inside(), terminal.inside());
                seccomp::interrupting(&calls, || ask("Delete?", input, &mut output, &interrupt))
            });
            terminal.await_text("[y/N] ");
            terminal.type_in("y\n");
            asking.join().unwrap()
        });
        let (yes, counts) = answered.unwrap();
        assert!(yes);
        assert_eq!(counts.len(), calls.len(), "{counts:?}");
    }

    #[test]
    fn the_end_of_input_leaves_the_cursor_on_a_line_of_its_own() {
        let (yes, screen) = answered("\x04");
        assert!(!yes);
        assert!(screen.ends_with("[y/N] \r\n"), "{screen:?}");
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        let terminal = Terminal::open();
        terminal.type_in("y\n");
        terminal.await_text("y\r\n");
        assert!(!answer_on(&terminal, "n\n"));
    }

    #[test]
    fn a_question_whose_answer_another_process_takes_can_still_be_interrupted() {
        let terminal = Terminal::open();
        let interrupt = Interrupt::never();
        let reader = terminal.inside();
        thread::scope(|scope| {
            let mut thief = None;
            let yes = answer_during(&terminal, &interrupt, || {
                // Both wait, and whoever is first has the line.
                thief = Some(scope.spawn(|| rustix::io::read(&reader, &mut [0; 80])));
                terminal.type_in("n\n");
                terminal.await_text("n\r\n");
                interrupt.receive(2);
            });
            // It may still wait.
            terminal.type_in("\n");
            thief.unwrap().join().unwrap().unwrap();
            assert!(!yes);
        });
    }

    #[test]
    fn an_interruption_is_a_no() {
        let terminal = Terminal::open();
        let interrupt = Interrupt::never();
        let yes = answer_during(&terminal, &interrupt, || interrupt.receive(2));
        assert!(!yes);
    }
}
