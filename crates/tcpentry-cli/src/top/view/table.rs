//! The table: only what is on the screen is made into text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::model::{Group, Row, TableLine};
use super::super::state::Top;
use super::layout::{GAP, RowText, RowTexts, TableLayout};
use super::text::{Cut, clipped, fitted};
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
    let cells = RowTexts::of(top, theme.signs);
    let sorted = top.table.arrangement.by;
    top.columns
        .limit_offset(TableLayout::last_offset(&cells, sorted, room));
    let laid_out = TableLayout::of(&cells, sorted, room, top.columns.offset());
    let mut areas = Areas {
        rows: body,
        header,
        ..Areas::default()
    };
    frame.render_widget(titles(top, &laid_out, &mut areas, theme), header);
    // The body is empty where only the titles fit.
    let shown = top.table.visible().iter().take(body.height.into());
    for (place, line) in shown.enumerate() {
        let y = body.y + u16::try_from(place).expect("it is on the screen");
        let is_current = top.table.first + place == top.table.cursor;
        let look = match line {
            TableLine::Row(row) => LineLook::of_row(top, top.table.row(*row), theme),
            TableLine::Group(group) => LineLook::of_group(top, top.table.group(*group), theme),
        };
        let drawn = look.draw(&cells.rows[place], &laid_out, is_current, theme);
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

fn titles<'t>(top: &Top, layout: &TableLayout, areas: &mut Areas, theme: Theme) -> Line<'t> {
    let left = if top.columns.offset() > 0 { "<" } else { "" };
    let mut spans = vec![Span::styled(format!("{left:GUTTER$}"), HEADER)];
    let mut x = areas.header.x + u16::try_from(GUTTER).unwrap_or(0);
    for it in &layout.columns {
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
    let right = if layout.is_cut { ">" } else { "" };
    spans.push(Span::styled(
        format!("{right:>0$}", usize::from(rest)),
        HEADER,
    ));
    Line::from(spans)
}

/// The signs and colours of a line.
struct LineLook {
    /// The sign of a mark.
    mark: Option<char>,
    sign: char,
    style: Style,
    state_style: Style,
}

impl LineLook {
    fn of_row(top: &Top, row: &Row, theme: Theme) -> Self {
        let style = theme.change(row.change);
        let outcome = top.outcome(row.key);
        Self {
            mark: top.marks.contains(row.key).then_some(ALL_MARKED),
            sign: sign(row.change),
            style,
            state_style: outcome.map_or(style, |outcome| theme.outcome(outcome)),
        }
    }

    fn of_group(top: &Top, group: &Group, theme: Theme) -> Self {
        let is_marked = |place: &u32| top.marks.contains(top.table.row(*place).key);
        let mark = if top.marks.is_empty() || !group.rows.iter().any(is_marked) {
            None
        } else if group.rows.iter().all(is_marked) {
            Some(ALL_MARKED)
        } else {
            Some(SOME_MARKED)
        };
        Self {
            mark,
            sign: if top.table.is_expanded(group) {
                theme.signs.expanded
            } else {
                theme.signs.collapsed
            },
            style: TITLE,
            state_style: TITLE,
        }
    }

    fn draw<'t>(
        &self,
        texts: &RowText,
        layout: &TableLayout,
        is_current: bool,
        theme: Theme,
    ) -> Line<'t> {
        let styled = |style: Style| {
            if is_current {
                under_cursor(style)
            } else {
                style
            }
        };
        let gutter = [
            if is_current { '>' } else { ' ' },
            self.mark.unwrap_or(' '),
            self.sign,
            ' ',
        ];
        let gutter: String = gutter.iter().collect();
        let gutter_style = if self.mark.is_some() {
            theme.mark()
        } else {
            self.style
        };
        let mut spans = vec![Span::styled(gutter, styled(gutter_style))];
        for it in &layout.columns {
            let format = it.column.format();
            let (text, cut) = match it.column {
                TopColumn::State if layout.has_short_states => (&texts.short_state, &Cut::End),
                _ => {
                    let (text, cut) = &texts.cells[it.place];
                    (text, cut)
                }
            };
            let text = fitted(text, it.width, format.align_right, *cut, theme.signs);
            let style = match it.column {
                TopColumn::State => self.state_style,
                _ => self.style,
            };
            spans.push(Span::styled(text, styled(style)));
            spans.push(Span::styled(" ".repeat(GAP), styled(Style::new())));
        }
        Line::from(spans)
    }
}

/// The width of the cursor, the mark, the sign of a change and a space.
const GUTTER: usize = 4;
/// The sign of a row that is marked, and of a group all of whose rows are.
const ALL_MARKED: char = '*';
/// The sign of a group some of whose rows are marked.
const SOME_MARKED: char = '-';
