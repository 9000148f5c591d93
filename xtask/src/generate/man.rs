//! One manual page for the whole program: what its definition knows, then what only prose can say. And pages of prose alone.

use clap::{Arg, Command};
use clap_mangen::Man;
use roff::{Roff, bold, italic, roman};
use tcpentry_cli::ManualPage;

use super::prose;

/// Returns the page as roff. Nothing in it depends on the day or the machine it is made on.
///
/// NAME, SYNOPSIS, DESCRIPTION, OPTIONS and COMMANDS come from `command`; `manual` has the other sections, as heading
/// and text in the form that [`prose`] reads. EXAMPLES stands before OPTIONS, the rest behind COMMANDS. A hidden command
/// or option stays hidden; an option that the program and a command share is described once, under OPTIONS.
pub(super) fn page(command: Command, manual: &[(&str, &str)]) -> String {
    let mut command = command.disable_help_subcommand(true);
    command.build();

    let mut text = preamble();
    text += &title(&command);
    text += &piece(&command, Man::render_name_section);
    text += &body(&synopsis(&command));
    text += &body(&description(&command));
    let (examples, rest): (Vec<_>, Vec<_>) = manual
        .iter()
        .partition(|(heading, _)| *heading == "EXAMPLES");
    text += &sections(&examples);
    text += &piece(&command, Man::render_options_section);
    text += ".SH COMMANDS\n";
    for subcommand in visible_subcommands(&command) {
        text += &subsection(subcommand, &command);
    }
    text + &sections(&rest)
}

/// Returns a page of prose alone as roff.
pub(super) fn prose_page(page: &ManualPage, version: &str) -> String {
    let ManualPage {
        name,
        section: (number, manual),
        about,
        ..
    } = page;
    let title = format!(
        ".TH {} {number} \"\" \"tcpentry {version}\" \"{manual}\"\n",
        name.to_uppercase()
    );
    let mut heading = Roff::new();
    heading.control("SH", ["NAME"]);
    // Roff's own dash between the two is what the index of the manual looks for.
    let names = format!("{} \\- {about}\n", name.replace('-', "\\-"));
    let rest = page
        .sections
        .iter()
        .map(|(heading, text)| (*heading, &**text));
    let rest: Vec<_> = rest.collect();
    let rest: Vec<_> = rest.iter().collect();
    preamble() + &title + &body(&heading) + &names + &sections(&rest)
}

/// Returns sections of prose, each with its heading.
fn sections(sections: &[&(&str, &str)]) -> String {
    let section = |(heading, text): &&(&str, &str)| {
        let mut roff = Roff::new();
        roff.control("SH", [*heading]);
        prose::render(&mut roff, text);
        body(&roff)
    };
    sections.iter().map(section).collect()
}

/// Returns the page's header and footer, without a date. (roff's own writer would leave out the empty argument, and
/// the version would take its place.)
fn title(command: &Command) -> String {
    let name = command.get_name();
    let version = command.get_version().unwrap_or_default();
    format!(
        ".TH {} 1 \"\" \"{name} {version}\" \"User Commands\"\n",
        name.to_uppercase()
    )
}

/// Returns one line for the program and one for each command, as in `--help`.
fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let mut is_first = true;
    for command in std::iter::once(command).chain(visible_subcommands(command)) {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        for form in usage.lines().map(str::trim) {
            if !is_first {
                roff.control("br", []);
            }
            is_first = false;
            match form.strip_prefix(name) {
                Some(rest) => roff.text([bold(name), roman(rest)]),
                None => roff.text([roman(form)]),
            };
        }
    }
    roff
}

fn description(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    prose::render(&mut roff, &about(command));
    roff
}

/// Returns a command with its description and the options that are not those of `program`.
fn subsection(command: &Command, program: &Command) -> String {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut roff = Roff::new();
    roff.control("SS", [name]);
    prose::render(&mut roff, &about(command));
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        roff.control("PP", []);
        roff.text([roman("Also: "), italic(aliases.join(", "))]);
    }
    let mut text = body(&roff);

    let own = command.clone().mut_args(|arg| {
        let hide = arg.is_hide_set() || is_standard(&arg) || is_of(program, &arg);
        arg.hide(hide)
    });
    text += &as_part_of_subsection(&piece(&own, Man::render_options_section));
    text += &body(&shared_options(command, program));

    if let Some(after) = command
        .get_after_long_help()
        .or_else(|| command.get_after_help())
    {
        let mut roff = Roff::new();
        prose::render(&mut roff, &after.to_string());
        text += &body(&roff);
    }
    for subcommand in visible_subcommands(command) {
        text += &subsection(subcommand, program);
    }
    text
}

/// Returns the names of the options that are described under OPTIONS.
fn shared_options(command: &Command, program: &Command) -> Roff {
    let names: Vec<String> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !is_standard(arg) && is_of(program, arg))
        .filter_map(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            long.or_else(|| arg.get_short().map(|short| format!("-{short}")))
        })
        .collect();

    let mut roff = Roff::new();
    if !names.is_empty() {
        roff.control("PP", []);
        let mut line = vec![roman("As under OPTIONS: ")];
        for (index, name) in names.into_iter().enumerate() {
            if index > 0 {
                line.push(roman(", "));
            }
            line.push(bold(name));
        }
        roff.text(line);
    }
    roff
}

/// Returns true if the program has this very option, to the letter.
fn is_of(program: &Command, arg: &Arg) -> bool {
    program.get_arguments().any(|known| {
        !known.is_hide_set()
            && known.get_id() == arg.get_id()
            && known.get_short() == arg.get_short()
            && known.get_long() == arg.get_long()
            && known.get_help() == arg.get_help()
            && known.get_long_help() == arg.get_long_help()
    })
}

/// Returns true for the options of every command.
fn is_standard(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

fn about(command: &Command) -> String {
    command
        .get_long_about()
        .or_else(|| command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn visible_subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
}

/// Turns the section that clap_mangen makes of a command's options into a part of a subsection: its heading goes, and
/// one that groups options becomes a line of bold text.
fn as_part_of_subsection(section: &str) -> String {
    section
        .lines()
        .filter(|&line| line != ".SH OPTIONS")
        .map(|line| match line.strip_prefix(".SH ") {
            Some(heading) => format!(".PP\n\\fB{}\\fR\n", heading.trim_matches('"')),
            None => format!("{line}\n"),
        })
        .collect()
}

/// Renders one aspect of a command through clap_mangen.
fn piece(
    command: &Command,
    render: fn(&Man, &mut dyn std::io::Write) -> std::io::Result<()>,
) -> String {
    let mut text = Vec::new();
    render(&Man::new(command.clone()), &mut text).expect("memory takes whatever is written");
    without_preamble(&String::from_utf8(text).expect("roff writes text"))
}

fn body(roff: &Roff) -> String {
    without_preamble(&roff.render())
}

/// Returns the lines that roff puts before every piece; they belong once before the whole.
fn preamble() -> String {
    Roff::new().render()
}

fn without_preamble(text: &str) -> String {
    text.strip_prefix(&preamble()).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let max = Arg::new("max")
            .long("max")
            .value_name("N")
            .help("At most N")
            .help_heading("Guards");
        Command::new("prog")
            .version("1.2.3")
            .about("Does things")
            .arg(
                Arg::new("quiet")
                    .short('q')
                    .action(clap::ArgAction::SetTrue)
                    .global(true)
                    .help("Say less"),
            )
            .subcommand(
                Command::new("delete")
                    .visible_alias("kill")
                    .about("Deletes a thing")
                    .long_about("Deletes a thing.\n\n  prog delete it")
                    .arg(
                        Arg::new("force")
                            .long("force")
                            .action(clap::ArgAction::SetTrue)
                            .help("Do it"),
                    )
                    .arg(max),
            )
            .subcommand(Command::new("secret").hide(true).about("Hidden"))
    }

    #[test]
    fn a_page_of_prose() {
        let page = ManualPage {
            name: "prog-d",
            section: (8, "Administration"),
            about: "does things",
            sections: vec![("FILES", "/x -- a file".into())],
        };
        let page = prose_page(&page, "1.2.3");
        let expected = r#".TH PROG-D 8 "" "tcpentry 1.2.3" "Administration"
.SH NAME
prog\-d \- does things
.SH FILES
.TP
\fB/x\fR
a file
"#;
        assert_eq!(page.strip_prefix(&preamble()), Some(expected), "{page}");
    }

    const MANUAL: &[(&str, &str)] = &[
        ("EXIT STATUS", "0 -- done\n1 -- not done"),
        ("EXAMPLES", "Do it:\n\n  prog delete it"),
        ("SEE ALSO", "ss(8)"),
    ];

    #[test]
    fn the_whole_page() {
        let page = page(program(), MANUAL);
        let expected = r#".TH PROG 1 "" "prog 1.2.3" "User Commands"
.SH NAME
prog \- Does things
.SH SYNOPSIS
\fBprog\fR [OPTIONS] [COMMAND]
.br
\fBprog delete\fR [OPTIONS]
.SH DESCRIPTION
.PP
Does things
.SH EXAMPLES
.PP
Do it:
.PP
.RS 4
.nf
prog delete it
.fi
.RE
.SH OPTIONS
.TP
\fB\-q\fR
Say less
.TP
\fB\-h\fR, \fB\-\-help\fR
Print help
.TP
\fB\-V\fR, \fB\-\-version\fR
Print version
.SH COMMANDS
.SS "prog delete"
.PP
Deletes a thing.
.PP
.RS 4
.nf
prog delete it
.fi
.RE
.PP
Also: \fIkill\fR
.TP
\fB\-\-force\fR
Do it
.PP
\fBGUARDS\fR
.TP
\fB\-\-max\fR \fI<N>\fR
At most N
.PP
As under OPTIONS: \fB\-q\fR
.SH "EXIT STATUS"
.TP
\fB0\fR
done
.TP
\fB1\fR
not done
.SH "SEE ALSO"
.PP
ss(8)
"#;
        assert_eq!(page.strip_prefix(&preamble()), Some(expected), "{page}");
    }
}
