//! The command line of the remote program, as the remote shell reads it.

use std::sync::Arc;

use crate::args::line::{Line, for_shell};
use crate::args::order;

/// Returns the options of a line without these and their values; with `identities`, without the words behind `--id`, too.
pub(super) fn options_without(line: &Line, left_out: &[&str], identities: bool) -> Vec<String> {
    let definition = crate::command();
    let texts = line.options.iter().map(|word| word.to_string_lossy());
    let mut texts = texts.peekable();
    let mut kept = Vec::new();
    while let Some(text) = texts.next() {
        let has_value = order::option_before_value(&definition, &text).is_some();
        let value = texts.next_if(|_| has_value);
        if left_out.contains(&name_of(&text)) {
            continue;
        }
        if identities && name_of(&text) == "--id" {
            while texts
                .next_if(|it| !it.starts_with('-') || it == "-")
                .is_some()
            {}
            continue;
        }
        kept.push(text.into_owned());
        kept.extend(value.map(std::borrow::Cow::into_owned));
    }
    kept
}

/// Returns the name of an option without a value that is glued to it: of `--max=3` and of `-Nname`.
fn name_of(text: &str) -> &str {
    if text.starts_with("--") {
        return text.split_once('=').map_or(text, |(name, _)| name);
    }
    let second = text.char_indices().nth(2);
    second.map_or(text, |(end, _)| &text[..end])
}

/// The options that say how this program writes, or where it runs: the remote one gets none of them.
pub(super) const OF_THIS_PROGRAM: [&str; 5] = ["--on", "--json", "--no-header", "--color", "--in"];

/// Returns the words of the remote program: `command`, options, and the words behind them.
pub(super) fn remote_words(command: &str, options: Vec<String>, words: &[String]) -> Vec<String> {
    let mut all = vec!["tcpentry".to_owned(), command.to_owned()];
    all.extend(options);
    if !words.is_empty() {
        all.push("--".to_owned());
        all.extend_from_slice(words);
    }
    all
}

/// Quotes words for a shell, which may be any of the Bourne family or fish.
pub(super) fn quoted(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted_word(word)).collect();
    words.join(" ")
}

/// Quotes a word. Between single quotes fish takes a backslash for more than itself, and between double quotes both do.
fn quoted_word(word: &str) -> String {
    if !word.contains('\\') {
        return for_shell(word);
    }
    let parts = word.chars().map(|character| match character {
        '\\' => r#"'"\\"'"#.to_owned(),
        '\'' => r#"'"'"'"#.to_owned(),
        other => other.to_string(),
    });
    format!("'{}'", parts.collect::<String>())
}

/// A command line that ends what it runs once its own standard input ends: the remote program must not go on deleting when
/// nobody can stop it any more.
#[derive(Clone, Debug)]
pub(super) struct Supervised {
    /// The line for the remote shell.
    pub(super) command: String,
    /// The standard input of the line, behind which it has to stay open.
    pub(super) input: Arc<Vec<u8>>,
}

impl Supervised {
    /// Makes the line that runs these words with this text on their standard input.
    pub(super) fn new(words: &[String], text: &[u8]) -> Self {
        // The shell leaves out newlines at the end of what it reads, but not before something else.
        let input = [text, b"x"].concat();
        let before = ["sh", "-c", SUPERVISOR, "sh", &input.len().to_string()].map(str::to_owned);
        Self {
            command: quoted(&[&before, words].concat()),
            input: Arc::new(input),
        }
    }
}

/// All of the input is read before anything runs: half of a set, or of a list, would be another one. A shell that starts
/// something in the background ignores INT for it, hence TERM. What waits for the end of the input has no other descriptor, or
/// ssh would wait for it.
const SUPERVISOR: &str = r#"n=$1; shift; i=$(head -c "$n"); [ "$(printf %s "$i" | wc -c)" -eq "$n" ] || exit 255; exec 3<&0; printf %s "${i%x}" | { exec "$@" 3<&-; } & p=$!; { cat <&3; kill -TERM "$p"; } >/dev/null 2>&1 & w=$!; wait "$p"; c=$?; kill "$w" 2>/dev/null; exit "$c""#;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn line(options: &str) -> Line {
        Line {
            options: options.split_whitespace().map(Into::into).collect(),
            ..Line::default()
        }
    }

    #[test]
    fn options_are_left_out_with_their_values() {
        let left_out = ["--on", "--json", "--in", "--yes", "-y", "--color"];
        for (options, kept) in [
            ("--on a,b -p", "-p"),
            ("--on=a -N x --json", "-N x"),
            ("-Nx --in bad=f -y --max 3 --yes", "-Nx --max 3"),
            ("--color never --max=3", "--max=3"),
            ("--id port 80 --on a", "--id port 80"),
        ] {
            assert_eq!(
                options_without(&line(options), &left_out, false).join(" "),
                kept
            );
        }
        let kept = options_without(
            &line("--id a/1 - b/2 -p --on a --id=c/3 -u"),
            &left_out,
            true,
        );
        assert_eq!(kept, ["-p", "-u"]);
    }

    fn shell(words: &[String]) -> Vec<u8> {
        let printed = [&["printf", "%s\\0"].map(str::to_owned)[..], words].concat();
        let output = Command::new("sh").args(["-c", &quoted(&printed)]).output();
        output.unwrap().stdout
    }

    #[test]
    fn what_is_quoted_stays_what_it_is() {
        let words = [
            "", " ", "'", "''", "\"", "$HOME", "`id`", "$(id)", "\\", "a\\'b", "*", "?", "[a]",
            "~", "~root", "a;b", "&", "|", "<", ">", "(", ")", "#", "!", "=ls", "a\nb", "\t", "-n",
            "--", "{a,b}", "%s", "\u{1b}[m", "ü",
        ];
        let words = words.map(str::to_owned);
        assert_eq!(shell(&words), (words.join("\0") + "\0").into_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn any_word_arrives(words in proptest::collection::vec("[^\0]{0,12}", 1..4)) {
            prop_assert_eq!(shell(&words), (words.join("\0") + "\0").into_bytes());
        }
    }

    /// Starts a line with its input, which stays open.
    fn start(words: &[&str], text: &str) -> (Child, ChildStdin) {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let supervised = Supervised::new(&words, text.as_bytes());
        let (child, mut input) = start_shell(&supervised.command);
        input.write_all(&supervised.input).unwrap();
        (child, input)
    }

    fn start_shell(line: &str) -> (Child, ChildStdin) {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", line]);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        (child, input)
    }

    #[test]
    fn a_supervised_program_has_its_input_and_its_code() {
        for text in ["", "x", "12345", "1\n2\n\n", "\n", " a  b \\n %s\n"] {
            let (child, _input) = start(&["sh", "-c", "cat; exit 6"], text);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(6));
            assert_eq!(output.stdout, text.as_bytes());
        }
        let (mut absent, _input) = start(&["no-such-program-here"], "");
        assert_eq!(absent.wait().unwrap().code(), Some(127));
    }

    #[test]
    fn a_supervised_program_ends_with_its_input() {
        let (mut child, input) = start(&["sleep", "100"], "");
        let begun = Instant::now();
        drop(input);
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn nothing_runs_with_half_of_its_input() {
        let words = ["echo", "it runs"].map(str::to_owned);
        let supervised = Supervised::new(&words, b"192.0.2.0/24\n198.51.100.0/24\n");
        for length in [0, 1, 13, supervised.input.len() - 1] {
            let (child, mut input) = start_shell(&supervised.command);
            input.write_all(&supervised.input[..length]).unwrap();
            drop(input);
            let output = child.wait_with_output().unwrap();
            assert_eq!(
                (output.status.code(), output.stdout),
                (Some(255), Vec::new())
            );
        }
    }
}
