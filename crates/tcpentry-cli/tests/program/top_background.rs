//! `tcpentry top` on a terminal that tells its background when it is asked, late, or not at all.

use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::termios::{LocalModes, tcgetattr};
use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::{isolated, terminal, until};

use crate::util::{connections, is_alive};

/// The program at a terminal of its own, which is played by the test.
struct Sitting {
    terminal: Terminal,
    child: Child,
}

impl Sitting {
    /// Starts it with this variable, and these options.
    fn down((name, value): (&str, &str), options: &[&str]) -> Self {
        let terminal = Terminal::open();
        let mut command = terminal.command(env!("CARGO_BIN_EXE_tcpentry"));
        command.arg("top").args(options);
        for name in ["NO_COLOR", "COLORFGBG", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        let child = command
            // Without settings.
            .env("HOME", "/nowhere")
            .env("TERM", "xterm-256color")
            .env(name, value)
            .spawn()
            .unwrap();
        Self { terminal, child }
    }

    /// Starts it, and answers its questions.
    fn answered(answer: &str) -> Self {
        let sitting = Self::down(NOTHING, &[]);
        sitting.terminal.await_text(QUESTIONS);
        // Nothing of the answer is shown.
        let modes = tcgetattr(sitting.terminal.inside()).unwrap().local_modes;
        assert!(!modes.intersects(LocalModes::ECHO | LocalModes::ICANON));
        sitting.terminal.type_in(answer);
        sitting
    }

    /// Waits for the first screen, and returns whether it has the colours for a light background and for a dark one.
    fn colors(&self) -> (bool, bool) {
        self.terminal.await_text("127.0.0.1");
        let screen = self.terminal.screen();
        (screen.contains(LIGHT), screen.contains(DARK))
    }

    /// Types a key that ends it, and waits for that.
    fn leave(mut self, key: &str) {
        self.terminal.type_in(key);
        let mut status = None;
        until("it ends", || {
            self.terminal.screen();
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(
            status.unwrap().code(),
            Some(0),
            "{}",
            self.terminal.screen()
        );
    }
}

#[test]
fn the_colours_fit_the_background_that_the_terminal_tells() {
    isolated(|| {
        let _connections = connections(1);
        let attributes = "\x1b[?64;1;9;15;21;22c";
        for (answer, colors) in [
            (
                format!("\x1b]11;rgb:ffff/ffff/ffff\x1b\\{attributes}"),
                (true, false),
            ),
            (
                format!("\x1b]11;rgb:fd/f6/e3\x07{attributes}"),
                (true, false),
            ),
            (
                format!("\x1b]11;rgb:0000/0000/0000\x1b\\{attributes}"),
                (false, true),
            ),
            (attributes.to_owned(), (false, true)),
            (String::new(), (false, true)),
        ] {
            let sitting = Sitting::answered(&answer);
            assert_eq!(sitting.colors(), colors, "{answer:?}");
            let screen = sitting.terminal.screen();
            assert!(!screen.contains("rgb:"), "{screen:?}");
            sitting.leave("q");
        }
        // A key that is typed meanwhile.
        let sitting = Sitting::answered(&format!("q\x1b]11;rgb:d/d/d\x07{attributes}"));
        sitting.leave("");
    });
}

#[test]
fn tmux_tells_the_background_of_its_window() {
    isolated(|| {
        for (color, theme) in [("#fdf6e3", "theme: none"), ("#002b36", "theme: light")] {
            let tmux = terminal!(120, 20);
            tmux.runs(&format!("tmux set -g window-style 'bg={color}'"));
            let program = env!("CARGO_BIN_EXE_tcpentry");
            tmux.runs(&format!("HOME=/nowhere {program} top"));
            tmux.await_text("0 connections");
            // The theme after the one that was chosen.
            tmux.types("T");
            tmux.await_text(theme);
            tmux.types("q");
        }
    });
}

#[test]
fn an_answer_that_comes_late_presses_no_key() {
    isolated(|| {
        let (ends, ..) = connections(1);
        for answer in [
            "\x1b]11;rgb:dddd/dddd/dddd\x1b\\\x1b[?64;1;9;15;21;22c",
            "\x1b]11;rgb:dddd/dddd/dddd\x07\x1b[?1;2c",
            "\x1b]dyq\x1b\\",
        ] {
            let sitting = Sitting::answered("");
            assert_eq!(sitting.colors(), (false, true));
            sitting.terminal.type_in(answer);
            // The key after it is one: that for another theme.
            sitting.terminal.type_in("T");
            sitting.terminal.await_text(LIGHT);
            let screen = sitting.terminal.screen();
            assert!(!screen.contains(PREVIEW), "{answer:?}: {screen:?}");
            // What would have been shown.
            sitting.terminal.type_in("d");
            sitting.terminal.await_text(PREVIEW);
            sitting.terminal.type_in("n");
            sitting.leave("q");
        }
        assert!(ends.iter().all(is_alive));
    });
}

#[test]
fn a_shell_that_reads_the_answer_first_holds_nothing_up() {
    isolated(|| {
        let _connections = connections(1);
        for _ in 0..8 {
            let mut sitting = Sitting::down(NOTHING, &[]);
            sitting.terminal.await_text(QUESTIONS);
            let terminal = sitting.terminal.inside();
            let shell = thread::spawn(move || rustix::io::read(terminal, &mut [0; 80]));
            // Both wait for it, and either may have it.
            thread::sleep(Duration::from_millis(20));
            sitting.terminal.type_in("\x1b[?64;1c");
            sitting.colors();
            until("it ends", || {
                sitting.terminal.type_in("q");
                sitting.child.try_wait().unwrap().is_some()
            });
            sitting.terminal.type_in("\n");
            shell.join().unwrap().unwrap();
        }
    });
}

#[test]
fn nobody_is_asked_for_what_is_known_or_by_a_screen_without_colours() {
    isolated(|| {
        let _connections = connections(1);
        for (variable, options, colors) in [
            (("COLORFGBG", "0;15"), &[][..], (true, false)),
            (("COLORFGBG", "15;0"), &[], (false, true)),
            (("TERM", "linux"), &[], (false, true)),
            (("NO_COLOR", "1"), &[], (false, false)),
            (NOTHING, &["--color", "never"], (false, false)),
        ] {
            let sitting = Sitting::down(variable, options);
            assert_eq!(sitting.colors(), colors, "{variable:?} {options:?}");
            let screen = sitting.terminal.screen();
            assert!(!screen.contains("\x1b]11;"), "{variable:?} {options:?}");
            sitting.leave("q");
        }
    });
}

const NOTHING: (&str, &str) = ("LC_ALL", "C.UTF-8");
const QUESTIONS: &str = "\x1b]11;?\x1b\\\x1b[c";
const PREVIEW: &str = "checking what deleting";
/// The colour of states.
const LIGHT: &str = "\x1b[38;5;8;";
const DARK: &str = "\x1b[38;5;6;";
