//! Completion in real shells, each in a real terminal: what is on the line after a press of Tab.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tcpentry_testkit::named::Named;
use tcpentry_testkit::tcp;
use tcpentry_testkit::tmux::{PROMPT, Tmux};
use tcpentry_testkit::{isolated, skip};

use crate::util::{connections, local, run};

/// A shell, set up as its users have it.
struct Shell {
    program: &'static str,
    /// The command that starts it, with its settings in the folder `$D`.
    start: &'static str,
    /// Its settings: the name of the file, and the text.
    settings: (&'static str, &'static str),
    /// The file that it finds the completion in, and the one that is installed there.
    completion: (&'static str, &'static str),
    /// The number of presses of Tab after which it lists candidates.
    presses: usize,
}

const BASH: Shell = Shell {
    program: "bash",
    start: "bash --noprofile --rcfile $D/bashrc -i",
    settings: ("bashrc", "PS1='ready> '\n. $D/tcpentry.bash\n"),
    completion: ("tcpentry.bash", "tcpentry.bash"),
    presses: 2,
};

/// Bash with the package bash-completion, which loads the file when the first word is completed.
const BASH_COMPLETION: Shell = Shell {
    settings: (
        "bashrc",
        "PS1='ready> '\nBASH_COMPLETION_USER_DIR=$D\n. /usr/share/bash-completion/bash_completion\n",
    ),
    completion: ("completions/tcpentry", "tcpentry.bash"),
    ..BASH
};

const ZSH: Shell = Shell {
    program: "zsh",
    start: "ZDOTDIR=$D zsh -d -i",
    settings: (
        ".zshrc",
        "PS1='ready> '\nfpath=($D/site-functions $fpath)\nautoload -U compinit\ncompinit -u -D\n",
    ),
    completion: ("site-functions/_tcpentry", "_tcpentry"),
    presses: 1,
};

const FISH: Shell = Shell {
    program: "fish",
    start: "HOME=$D XDG_CONFIG_HOME=$D XDG_DATA_HOME=$D fish -i",
    settings: (
        "fish/config.fish",
        "set -g fish_greeting\nset -g fish_autosuggestion_enabled 0\n\
         function fish_prompt; echo -n 'ready> '; end\n",
    ),
    completion: ("fish/completions/tcpentry.fish", "tcpentry.fish"),
    presses: 1,
};

impl Shell {
    /// Starts it in a terminal; the error is the reason to skip the test.
    fn open(&self) -> Result<Tmux, String> {
        if Command::new(self.program)
            .arg("--version")
            .output()
            .is_err()
        {
            return Err(format!("no {}", self.program));
        }
        let uses_package = self.settings.1.contains("/bash_completion");
        if uses_package && !Path::new("/usr/share/bash-completion/bash_completion").exists() {
            return Err("no bash-completion".to_owned());
        }
        let tmux = Tmux::start(120, 50)?;
        let write = |name: &str, text: &str| {
            let path = tmux.folder().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(self.settings.0, self.settings.1);
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
        let text = fs::read_to_string(installed.join(self.completion.1)).unwrap();
        write(self.completion.0, &text);
        let programs = Path::new(env!("CARGO_BIN_EXE_tcpentry")).parent().unwrap();
        tmux.runs(&format!(
            "export D={} PATH={}:$PATH; clear; exec env {}",
            tmux.folder().display(),
            programs.display(),
            self.start
        ));
        tmux.await_screen("it is ready", |screen| {
            screen.trim_end() == PROMPT.trim_end()
        });
        Ok(tmux)
    }
}

/// Types a line, presses Tab, and expects another line.
fn completes(tmux: &Tmux, typed: &str, expected: &str) {
    tmux.types(typed);
    tmux.await_screen(typed, |screen| {
        screen.contains(format!("{PROMPT}{typed}").trim_end())
    });
    tmux.press("Tab");
    tmux.await_screen(&format!("{typed:?} becomes {expected:?}"), |screen| {
        screen.trim_end().ends_with(&format!("{PROMPT}{expected}"))
    });
    discard(tmux);
}

/// Types a line, presses Tab, and expects a list with each of these words.
fn lists(tmux: &Tmux, shell: &Shell, typed: &str, expected: &[&str]) {
    tmux.types(typed);
    tmux.press_often("Tab", shell.presses);
    let has = |screen: &str, word: &str| screen.split_whitespace().skip(2).any(|it| it == word);
    tmux.await_screen(&format!("{typed:?} offers {expected:?}"), |screen| {
        expected.iter().all(|word| has(screen, word))
    });
    discard(tmux);
}

/// Throws the line away, and clears the screen.
fn discard(tmux: &Tmux) {
    let pressed = Cell::new(None::<Instant>);
    tmux.await_screen("another prompt", |screen| {
        // bash drops one that comes while it is still at work on the line, as on a busy machine.
        let is_due = |pressed: Instant| pressed.elapsed() > Duration::from_secs(1);
        if pressed.get().is_none_or(is_due) {
            tmux.press("C-c");
            pressed.set(Some(Instant::now()));
            return false;
        }
        screen.trim_end().ends_with(PROMPT.trim_end())
    });
    tmux.runs("clear");
    tmux.await_screen("it is clear", |screen| {
        screen.trim_end() == PROMPT.trim_end()
    });
}

/// Lines and what a press of Tab makes of them, in each shell.
const LINES: &[(&str, &str)] = &[
    ("tcpentry del", "tcpentry delete"),
    ("tcpentry ki", "tcpentry kill"),
    ("true; tcpentry del", "true; tcpentry delete"),
    ("X=1 tcpentry -l del", "X=1 tcpentry -l delete"),
    ("tcpentry -l doc", "tcpentry -l doctor"),
    ("tcpentry delete --dr", "tcpentry delete --dry-run"),
    (
        "tcpentry delete state est",
        "tcpentry delete state established",
    ),
    ("tcpentry exclude time", "tcpentry exclude time-wait"),
    (
        "tcpentry kill -n state established dpo",
        "tcpentry kill -n state established dport",
    ),
    (
        "tcpentry delete dst 192.0.2.1 an",
        "tcpentry delete dst 192.0.2.1 and",
    ),
    (
        "tcpentry list 'dport gt 80' not spo",
        "tcpentry list 'dport gt 80' not sport",
    ),
    ("tcpentry list dev l", "tcpentry list dev lo"),
    ("tcpentry --color ne", "tcpentry --color never"),
    ("tcpentry list --color=ne", "tcpentry list --color=never"),
    (
        "tcpentry delete --method b",
        "tcpentry delete --method borrow",
    ),
    (
        "tcpentry delete --method=so",
        "tcpentry delete --method=sock-diag",
    ),
    (
        "tcpentry -N /proc/self/ns/ne",
        "tcpentry -N /proc/self/ns/net",
    ),
    #[cfg(feature = "tui")]
    ("tcpentry top --sort rt", "tcpentry top --sort rtt"),
    #[cfg(feature = "tui")]
    ("tcpentry top --group co", "tcpentry top --group container"),
    #[cfg(feature = "tui")]
    (
        "tcpentry top --columns state,pe",
        "tcpentry top --columns state,peer",
    ),
];

/// The bytes of a process's name that a shell must not act upon.
const NAME: &[u8] = b"zz $(>pwn);`x`&";

fn a_shell_completes(shell: &'static Shell) {
    isolated(|| {
        let (all, _listener, port) = connections(1);
        let ends = tcp::connected();
        let _named = Named::holding(ends.server, NAME);
        let tmux = match shell.open() {
            Ok(tmux) => tmux,
            Err(reason) => skip!("{reason}"),
        };
        for (typed, expected) in LINES {
            completes(&tmux, typed, expected);
        }
        // In bash a colon ends what is completed.
        let (local, peer) = (local(&all[0]), format!("127.0.0.1:{port}"));
        let expected = format!("tcpentry delete {local} {peer}");
        completes(
            &tmux,
            &format!("tcpentry delete {local} 127.0.0.1:"),
            &expected,
        );
        lists(
            &tmux,
            shell,
            "tcpentry delete dport ",
            &["eq", "gt", "ge", &port.to_string()],
        );
        lists(
            &tmux,
            shell,
            "tcpentry ",
            &["delete", "list", "state", "dport"],
        );
        lists(
            &tmux,
            shell,
            "tcpentry delete state c",
            &["close-wait", "closing", "connected"],
        );
        lists(&tmux, shell, "tcpentry delete --m", &["--max", "--method"]);

        // Each shell quotes brackets in its own way.
        let listener = tcp::listen("[::1]:0".parse().unwrap());
        let ends = tcp::connect_to(&listener);
        let port = listener.local_addr().unwrap().port();
        let local = ends.client.local_addr().unwrap();
        tmux.types(&format!("tcpentry delete {local} '[::1]:"));
        tmux.press("Tab");
        tmux.await_text(&format!(":{port}"));
        discard(&tmux);

        // A name is quoted so that it is only a name.
        a_name_is_only_a_name(&tmux, "tcpentry list --json process zz");
    });
}

/// Has the shell complete a line whose process's name would make a file `pwn` if it were run, and runs the line.
fn a_name_is_only_a_name(tmux: &Tmux, typed: &str) {
    tmux.types(typed);
    tmux.press("Tab");
    tmux.await_text("pwn");
    tmux.press("Enter");
    tmux.await_screen("the connection of that process", |screen| {
        screen.contains("\"state\"")
    });
    assert!(!tmux.folder().join("pwn").exists(), "the name has been run");
}

#[test]
fn bash_completes() {
    a_shell_completes(&BASH);
}

#[test]
fn bash_with_its_package_completes() {
    a_shell_completes(&BASH_COMPLETION);
}

#[test]
fn zsh_completes() {
    a_shell_completes(&ZSH);
}

#[test]
fn fish_completes() {
    a_shell_completes(&FISH);
}

/// Names that end an open quote, or that a shell acts upon inside of one, and the quote.
const QUOTED: [(&[u8], char); 6] = [
    (b"qq$(>pwn)", '"'),
    (b"qq`>pwn`", '"'),
    (b"qq\";>pwn;#", '"'),
    (b"qq\\\";>pwn;#", '"'),
    (b"qq!!$(>pwn)", '"'),
    (b"qq';>pwn;#", '\''),
];

/// Completes such names behind an open quote, one that is closed, and one inside of the word, and runs the line.
fn a_shell_quotes(shell: &'static Shell) {
    isolated(|| {
        let tmux = match shell.open() {
            Ok(tmux) => tmux,
            Err(reason) => skip!("{reason}"),
        };
        tmux.runs(&format!("cd {}", tmux.folder().display()));
        discard(&tmux);
        for (name, quote) in QUOTED {
            let ends = tcp::connected();
            let _named = Named::holding(ends.server, name);
            for typed in [
                format!("{quote}qq"),
                format!("{quote}qq{quote}"),
                format!("q{quote}q"),
                "$'qq".to_owned(),
            ] {
                let line = format!("tcpentry list process {typed}");
                tmux.types(&line);
                tmux.press("Tab");
                std::thread::sleep(std::time::Duration::from_millis(300));
                let shown = tmux.screen();
                tmux.press("Enter");
                std::thread::sleep(std::time::Duration::from_millis(200));
                discard(&tmux);
                assert!(!tmux.folder().join("pwn").exists(), "{line}: {shown}");
            }
        }
        // What can be quoted is still offered.
        let ends = tcp::connected();
        let _named = Named::holding(ends.server, b"rr $(>pwn)`x`");
        a_name_is_only_a_name(&tmux, "tcpentry list --json process \"rr");
    });
}

#[test]
fn bash_quotes_names_inside_quotes() {
    a_shell_quotes(&BASH);
}

#[test]
fn bash_with_its_package_quotes_names_inside_quotes() {
    a_shell_quotes(&BASH_COMPLETION);
}

#[test]
fn zsh_quotes_names_inside_quotes() {
    a_shell_quotes(&ZSH);
}

#[test]
fn fish_quotes_names_inside_quotes() {
    a_shell_quotes(&FISH);
}

#[test]
fn what_can_not_be_typed_is_not_offered() {
    isolated(|| {
        let ends = tcp::connected();
        let hostile = Named::holding(ends.server, b"yy\x1b[2J\tx");
        let offered = run("complete-words process yy");
        assert_eq!(
            (offered.code, offered.out.as_str(), offered.err.as_str()),
            (0, "", "")
        );
        drop(hostile);
        let ends = tcp::connected();
        let _named = Named::holding(ends.server, b"yy server");
        assert_eq!(run("complete-words process yy").out, "yy server\t\n");
    });
}
