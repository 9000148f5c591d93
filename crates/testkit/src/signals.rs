//! Signals as a program expects them that a person starts.

use std::process::Command;

use crate::sys;

/// Lets a command start with no signal ignored.
///
/// Who runs the tests by `nohup`, or in the background of a script, has HUP, INT or QUIT ignored, and whatever they start
/// inherits that.
pub fn none_ignored(command: &mut Command) -> &mut Command {
    sys::reset_signals_of(command);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parent_ignores_ends_the_program() {
        // The shell between ignores it, as nohup does.
        let ended = |name: &str, reset: bool| {
            let own = std::env::current_exe().unwrap();
            let test = "signals::tests::a_shell_is_ended_by_what_it_sends_itself";
            let script = format!("trap '' {name}; exec \"$0\" {test} --exact --nocapture");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).arg(own);
            shell.env("TCPENTRY_TEST_SIGNAL", name);
            shell.env("TCPENTRY_TEST_RESET", u8::from(reset).to_string());
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            !String::from_utf8_lossy(&output.stdout).contains("survived")
        };
        for name in ["HUP", "INT", "QUIT", "TERM", "USR1"] {
            assert!(!ended(name, false), "{name}: it is inherited");
            assert!(ended(name, true), "{name}");
        }
    }

    /// Run by the test above with a signal ignored.
    #[test]
    fn a_shell_is_ended_by_what_it_sends_itself() {
        let Ok(name) = std::env::var("TCPENTRY_TEST_SIGNAL") else {
            return;
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("kill -{name} $$; echo survived")]);
        if std::env::var("TCPENTRY_TEST_RESET").as_deref() == Ok("1") {
            none_ignored(&mut shell);
        }
        shell.status().unwrap();
    }
}
