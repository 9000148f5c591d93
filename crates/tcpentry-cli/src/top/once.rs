//! `tcpentry top --once`: one frame as text.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::{Update, WorkerCommand};
use super::recording::FrameRecorder;
use super::start::make_worker_here;
use super::state::Top;
use super::view::{self, Theme};
use super::worker::Settings;
use crate::exit::Exit;
use crate::message::print_error;
use crate::output::stdout;

/// Reads the table and prints one frame.
pub(super) fn run(
    settings: Settings,
    filter: &str,
    recorder: Option<FrameRecorder>,
    top: Top,
    theme: Theme,
) -> Exit {
    let interval = settings.interval;
    let (mut worker, updates) = match make_worker_here(settings, filter, recorder) {
        Ok(made) => made,
        Err(exit) => return exit,
    };
    worker.read_table();
    if top.shows_rates() {
        thread::sleep(interval);
        worker.read_table();
    }
    print(top, theme, &updates, |command| {
        worker.execute(command);
    })
}

/// Prints the screen after these updates; `execute` answers commands.
pub(super) fn print(
    mut top: Top,
    theme: Theme,
    updates: &Receiver<Update>,
    mut execute: impl FnMut(WorkerCommand),
) -> Exit {
    let now = Instant::now();
    for update in updates.try_iter() {
        top.update(update, now);
    }
    if let Some(trouble) = &top.messages.trouble {
        print_error(trouble);
        return Exit::Failed;
    }
    let (columns, lines) = size();
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, lines));
    // The rows to look up are known once the screen has been drawn.
    let Ok(_) = terminal.draw(|frame| _ = view::draw(frame, &mut top, theme, now));
    top.request_unresolved();
    for command in top.take_commands() {
        execute(command);
    }
    for update in updates.try_iter() {
        top.update(update, now);
    }
    let Ok(_) = terminal.draw(|frame| _ = view::draw(frame, &mut top, theme, now));
    // The last line only lists keys.
    let mut buffer = terminal.backend().buffer().clone();
    let shown = buffer.area.height - 1;
    buffer.resize(Rect {
        height: shown,
        ..buffer.area
    });
    let text = text(&buffer);
    let mut out = stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_error(&format!("cannot write to standard output: {error}"));
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Returns the size of the frame: of `COLUMNS` and `LINES`, or else of the terminal, or else a large one.
fn size() -> (u16, u16) {
    let variable = |name| std::env::var(name).ok()?.parse::<u16>().ok();
    let terminal = io::stdout().is_terminal().then(crossterm::terminal::size);
    let (columns, lines) = terminal.and_then(Result::ok).unwrap_or((160, 50));
    let columns = variable("COLUMNS").unwrap_or(columns);
    let lines = variable("LINES").unwrap_or(lines);
    (columns.clamp(20, 1000), lines.clamp(5, 1000))
}

/// Returns the text of a screen, without trailing spaces and trailing empty lines.
pub(crate) fn text(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut covered = 0;
        for x in 0..buffer.area.width {
            // A wide character also takes the next cell.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        lines.push(line.trim_end().to_owned());
    }
    let last = lines.iter().rposition(|line| !line.is_empty());
    lines.truncate(last.map_or(0, |last| last + 1));
    lines.push(String::new());
    lines.join("\n")
}
