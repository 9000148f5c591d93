//! The line of the filter, with its error below the place to which it refers.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::message::FilterProblem;
use super::super::state::{Focus, Top};
use super::Theme;
use super::text::width;
use super::theme::TITLE;

/// Returns the number of lines it takes.
pub(super) fn height(top: &Top) -> u16 {
    match top.focus {
        Focus::Filter => 3,
        _ => u16::from(!top.filter.applied.is_empty()),
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &Top, theme: Theme) {
    if area.height == 0 {
        return;
    }
    let filter = &top.filter;
    if top.focus != Focus::Filter {
        let text = Span::raw(tcpentry::escape::escape_for_terminal(
            filter.applied.as_bytes(),
        ));
        return frame.render_widget(Line::from(vec![Span::styled(PROMPT, TITLE), text]), area);
    }
    // The beginning is left out where the text does not fit, so that the cursor stays on the screen.
    let typed: Vec<char> = filter.edit.text().chars().collect();
    let room = usize::from(area.width)
        .saturating_sub(PROMPT.len() + 1)
        .max(1);
    let before = |skip: usize| -> usize {
        let text: String = typed[skip..filter.edit.cursor()].iter().collect();
        width(&text)
    };
    let skip = (0..=filter.edit.cursor())
        .find(|skip| before(*skip) <= room)
        .unwrap_or_default();
    let text: String = typed[skip..].iter().collect();
    let row = |line: u16| Rect::new(area.x, area.y + line.min(area.height - 1), area.width, 1);
    let line = Line::from(vec![Span::styled(PROMPT, TITLE), Span::raw(text)]);
    frame.render_widget(line, row(0));
    let column = |characters: usize| PROMPT.len() + before(skip).min(characters);
    let at = u16::try_from(column(usize::MAX)).unwrap_or(area.width - 1);
    frame.set_cursor_position(Position::new(area.x + at.min(area.width - 1), area.y));
    if let (Some(problem), true) = (&filter.problem, area.height > 1) {
        let line = pointed(problem, &typed, skip, area.width.into());
        frame.render_widget(Line::styled(line, theme.error()), row(1));
    }
    let hint = match &filter.problem {
        Some(problem) => problem.hint.clone().unwrap_or_default(),
        None => hint(top, theme),
    };
    // On fewer than three lines, the hint is left out.
    let below = match filter.problem {
        Some(_) => 2,
        None => area.height.min(3) - 1,
    };
    if (1..area.height).contains(&below) {
        frame.render_widget(Line::styled(hint, theme.aside()), row(below));
    }
}

/// Returns the number of rows that match, and what Tab shows: the readings of a word with the number of rows of each.
fn hint(top: &Top, theme: Theme) -> String {
    let filter = &top.filter;
    if filter.edit.is_empty() {
        return match (top.filter_before(), filter.has_history()) {
            (Some(before), _) => format!("Tab: {before}"),
            (None, true) => format!("{}: what was entered before", theme.signs.up_down),
            (None, false) => EXAMPLES.to_owned(),
        };
    }
    let count = format!("{} match", top.table.present());
    if let Some(next) = filter.next_reading() {
        return format!("{count}  Tab: {next}");
    }
    let offered = top.offered().into_iter();
    let offered = offered.map(|it| format!("{} {}", it.label(), it.count));
    let offered: Vec<_> = offered.collect();
    if offered.is_empty() {
        return count;
    }
    format!("{count}  Tab: {}", offered.join(theme.signs.between))
}

/// Returns carets for the place of an error, and its message beside them. `skip` characters of the text are not shown.
fn pointed(problem: &FilterProblem, typed: &[char], skip: usize, columns: usize) -> String {
    let wide = |from: usize, to: usize| width(&typed[from..to].iter().collect::<String>());
    // The text may have been changed since the answer.
    let start = problem.column.clamp(skip, typed.len());
    let end = problem.column.saturating_add(problem.length);
    let end = end.clamp(start, typed.len());
    // An error beyond the edge of the screen is marked at the edge.
    let at = (PROMPT.len() + wide(skip, start)).min(columns - 1);
    let carets = "^".repeat(wide(start, end).clamp(1, columns - at));
    let message = width(&problem.message);
    if at + carets.len() + 1 + message > columns && at > message {
        format!("{:>at$}{carets}", format!("{} ", problem.message))
    } else {
        format!("{:at$}{carets} {}", "", problem.message)
    }
}

const PROMPT: &str = "/ ";
const EXAMPLES: &str = "anything on the row: part of an address, a name; or a filter: state close-wait and idle gt 10m";
