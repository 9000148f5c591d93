//! The table: only what is on the screen is made into text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::model::{Group, Row, TableLine, describe_rates};
use super::super::state::Top;
use super::text::{Cut, clipped, fitted, width};
use super::theme::{HEADER, SORTED, TITLE, arrow, sign, under_cursor};
use super::{Areas, Theme};
use crate::args::TopColumn;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &mut Top, theme: Theme) -> Areas {
    let [header, body] = [
        Rect {
            height: area.height.min(1),
            ..area
        },
        Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        },
    ];
    top.table.set_height(body.height.into());
    let room = usize::from(area.width).saturating_sub(GUTTER);
    let cells = RowTexts::of(top);
    let laid_out = lay_out(&top.columns.shown, top.table.arrangement.by, &cells, room);
    let mut areas = Areas {
        rows: body,
        header,
        columns: Vec::new(),
    };
    frame.render_widget(titles(top, &laid_out, &mut areas, theme), header);
    // The body is empty where only the titles fit.
    let shown = top.table.visible().iter().take(body.height.into());
    for (place, line) in shown.enumerate() {
        let y = body.y + u16::try_from(place).expect("it is on the screen");
        let is_current = top.table.first + place == top.table.cursor;
        let drawn = match line {
            TableLine::Row(row) => drawn_row(
                top,
                top.table.row(*row),
                &cells.rows[place],
                &laid_out,
                is_current,
                theme,
            ),
            TableLine::Group(group) => drawn_group(top, top.table.group(*group), is_current, theme),
        };
        let row = Rect {
            y,
            height: 1,
            ..body
        };
        frame.render_widget(drawn, row);
    }
    if top.table.lines.is_empty() && body.height > 0 {
        let text = match (top.table.frame.serial, top.filter.applied.is_empty()) {
            (0, _) => "reading the table ...",
            (_, true) => "no connections",
            (_, false) => "nothing matches the filter (Esc shows all)",
        };
        frame.render_widget(
            Line::raw(format!("{:GUTTER$}{text}", "")),
            Rect { height: 1, ..body },
        );
    }
    areas
}

/// The texts of the rows on the screen, by visible column.
struct RowTexts {
    rows: Vec<Vec<String>>,
}

impl RowTexts {
    fn of(top: &Top) -> Self {
        let texts = |line: &TableLine| match line {
            TableLine::Group(_) => Vec::new(),
            TableLine::Row(place) => {
                let row = top.table.row(*place);
                let (resolved, outcome) = (top.resolved(row), top.outcome(row.key));
                let text = |column: &TopColumn| match (column, outcome) {
                    (TopColumn::State, Some(outcome)) => outcome.to_string(),
                    _ => column.text(row, &resolved),
                };
                top.columns.shown.iter().map(text).collect()
            }
        };
        Self {
            rows: top.table.visible().iter().map(texts).collect(),
        }
    }

    /// Returns the width of the widest text of a column.
    fn widest(&self, place: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(place));
        cells.map(|text| width(text)).max().unwrap_or(0)
    }
}

/// A column on the screen: its index among the visible ones, and its width.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct PlacedColumn {
    place: usize,
    column: TopColumn,
    width: usize,
}

/// Chooses the columns that fit, and their widths.
///
/// Each is as wide as its content. Where that is too much, columns are left out from the right, but not state and ends nor
/// the last one; then the ends are truncated.
fn lay_out(
    columns: &[TopColumn],
    sorted: TopColumn,
    cells: &RowTexts,
    room: usize,
) -> Vec<PlacedColumn> {
    let mut placed: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, &column)| {
            let format = column.format();
            // The arrow of the order takes a column; a minimum for numbers keeps the others in place while they change.
            let title = width(format.title) + usize::from(column == sorted);
            let least = if format.align_right {
                title.max(MIN_NUMBER_WIDTH)
            } else {
                title
            };
            let width = cells.widest(place).min(format.max_width).max(least);
            PlacedColumn {
                place,
                column,
                width,
            }
        })
        .collect();
    let total = |placed: &[PlacedColumn]| placed.iter().map(|it| it.width + GAP).sum::<usize>();
    let is_essential = |column: TopColumn| {
        matches!(
            column,
            TopColumn::State | TopColumn::Local | TopColumn::Peer
        )
    };
    while placed.len() > 1 && total(&placed) > room + GAP {
        match placed.iter().rposition(|it| !is_essential(it.column)) {
            Some(place) => _ = placed.remove(place),
            None => break,
        }
    }
    // The peer says more than the local end, which all connections of a server share. The state is truncated before the
    // peer's port, which would read as another one.
    for (column, shortest) in [
        (TopColumn::Local, MIN_END_WIDTH),
        (TopColumn::State, MIN_END_WIDTH),
        (TopColumn::Peer, MIN_END_WIDTH),
        (TopColumn::State, 1),
        (TopColumn::Peer, 1),
    ] {
        let over = total(&placed).saturating_sub(room + GAP);
        if let Some(place) = placed
            .iter()
            .position(|it| it.column == column)
            .filter(|_| over > 0)
        {
            let left = placed[place].width.saturating_sub(over);
            if left < MIN_END_WIDTH && column == TopColumn::Local {
                placed.remove(place);
            } else {
                placed[place].width = left.max(shortest);
            }
        }
    }
    if let [only] = &mut placed[..] {
        only.width = only.width.min(room);
    }
    placed
}

fn titles<'t>(top: &Top, placed: &[PlacedColumn], areas: &mut Areas, theme: Theme) -> Line<'t> {
    let mut spans = vec![Span::styled(" ".repeat(GUTTER), HEADER)];
    let mut x = areas.header.x + u16::try_from(GUTTER).unwrap_or(0);
    for it in placed {
        let format = it.column.format();
        let is_sorted = top.table.arrangement.by == it.column;
        let arrow = is_sorted.then(|| arrow(top.table.arrangement.descending));
        let room = it.width.saturating_sub(usize::from(is_sorted));
        let mut title = clipped(format.title, room, Cut::End, theme.signs);
        title.extend(arrow);
        let text = fitted(&title, it.width, format.align_right, Cut::End, theme.signs);
        let style = if is_sorted { SORTED } else { HEADER };
        spans.push(Span::styled(text, style));
        spans.push(Span::styled(" ".repeat(GAP), HEADER));
        let end = x + u16::try_from(it.width + GAP).unwrap_or(u16::MAX);
        areas.columns.push((it.column, x..end));
        x = end;
    }
    let rest = areas.header.right().saturating_sub(x);
    spans.push(Span::styled(" ".repeat(rest.into()), HEADER));
    Line::from(spans)
}

fn drawn_row<'t>(
    top: &Top,
    row: &Row,
    cells: &[String],
    placed: &[PlacedColumn],
    is_current: bool,
    theme: Theme,
) -> Line<'t> {
    let outcome = top.outcome(row.key);
    let style = theme.change(row.change);
    let styled = |style: Style| {
        if is_current {
            under_cursor(style)
        } else {
            style
        }
    };
    let marked = top.marks.contains(row.key);
    let gutter = [
        if is_current { '>' } else { ' ' },
        if marked { '*' } else { ' ' },
        sign(row.change),
        ' ',
    ];
    let gutter: String = gutter.iter().collect();
    let gutter_style = if marked { theme.mark() } else { style };
    let mut spans = vec![Span::styled(gutter, styled(gutter_style))];
    for it in placed {
        let format = it.column.format();
        let cut = match it.column {
            TopColumn::Local | TopColumn::Peer => Cut::Start,
            _ => Cut::End,
        };
        let text = fitted(
            &cells[it.place],
            it.width,
            format.align_right,
            cut,
            theme.signs,
        );
        let style = match (it.column, outcome) {
            (TopColumn::State, Some(outcome)) => theme.outcome(outcome),
            _ => style,
        };
        spans.push(Span::styled(text, styled(style)));
        spans.push(Span::styled(" ".repeat(GAP), styled(Style::new())));
    }
    Line::from(spans)
}

fn drawn_group<'t>(top: &Top, group: &Group, is_current: bool, theme: Theme) -> Line<'t> {
    let is_marked = |place: &u32| top.marks.contains(top.table.row(*place).key);
    let sign = if top.table.is_expanded(group) {
        theme.signs.expanded
    } else {
        theme.signs.collapsed
    };
    let cursor = if is_current { '>' } else { ' ' };
    let mark = if group.rows.iter().any(is_marked) {
        '*'
    } else {
        ' '
    };
    let rates = describe_rates(group.rates);
    let text = format!(
        "{cursor}{mark}{sign} {:>7}  {}  {rates}",
        group.present, group.name
    );
    let style = if is_current {
        under_cursor(TITLE)
    } else {
        TITLE
    };
    Line::styled(text, style)
}

/// The width of the cursor, the mark, the sign of a change and a space.
const GUTTER: usize = 4;
/// The number of spaces between two columns.
const GAP: usize = 1;
/// The minimum width of a column of numbers.
const MIN_NUMBER_WIDTH: usize = 5;
/// The width below which no end is truncated while something else can be.
const MIN_END_WIDTH: usize = 8;
