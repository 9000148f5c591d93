//! The details of one connection.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::message::Section;
use super::super::state::Top;
use super::lines::draw_lines;
use super::text::{Cut, fitted, width, wrapped};
use super::theme::TITLE;
use super::{Theme, charts};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, top: &mut Top, theme: Theme) {
    let Some(pane) = &mut top.details else {
        return;
    };
    let columns = usize::from(area.width);
    let title = wrapped(&pane.target.connection.to_string(), columns).into_iter();
    let mut lines: Vec<_> = title.map(|text| Line::styled(text, TITLE)).collect();
    match &pane.text {
        None => lines.push(Line::raw("asking the kernel ...")),
        Some(details) => {
            let mut all = sections(&details.head, columns, theme);
            all.extend(charts::lines(
                &pane.history,
                columns,
                area.height.into(),
                theme,
            ));
            let counters = if pane.has_kernel_names {
                &details.kernel
            } else {
                &details.groups
            };
            let below: Vec<_> = details.sections.iter().chain(counters).collect();
            all.extend(side_by_side(&below, columns, theme));
            pane.scroll.lines = all.len();
            lines.extend(all.into_iter().skip(pane.scroll.offset));
        }
    }
    draw_lines(frame, area, lines);
}

fn sections(sections: &[Section], columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let sections = sections.iter();
    sections
        .flat_map(|it| section(it, columns, theme))
        .collect()
}

/// Returns the lines of a section: its title, names and values, and an empty line.
fn section(section: &Section, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(section.title, TITLE)];
    let names = section.lines.iter().map(|(name, _)| width(name));
    let widest = names.max().unwrap_or(0);
    let widest = widest.min(columns / 2);
    for (name, value) in &section.lines {
        let widest = if name.is_empty() { 0 } else { widest };
        let room = columns.saturating_sub(widest + 4);
        for (place, text) in wrapped(value, room).into_iter().enumerate() {
            let name = if place == 0 { name } else { "" };
            let name = fitted(name, widest, false, Cut::End, theme.signs);
            lines.push(Line::from(vec![
                Span::styled(format!("  {name}  "), theme.aside()),
                Span::raw(text),
            ]));
        }
    }
    lines.push(Line::raw(""));
    lines
}

/// Returns the lines of sections, in two columns where there is room.
fn side_by_side(sections: &[&Section], columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let all = |columns: usize| {
        let sections = sections.iter();
        sections.map(move |it| section(it, columns, theme))
    };
    if columns < MIN_COLUMNS_OF_TWO {
        return all(columns).flatten().collect();
    }
    let half = columns / 2 - 1;
    let blocks: Vec<_> = all(half).collect();
    let count: usize = blocks.iter().map(Vec::len).sum();
    let mut left = Vec::new();
    let mut right = Vec::new();
    for block in blocks {
        // A section stays whole.
        if right.is_empty() && left.len() + block.len() / 2 <= count / 2 {
            left.extend(block);
        } else {
            right.extend(block);
        }
    }
    let lines = left.len().max(right.len());
    left.resize(lines, Line::raw(""));
    right.resize(lines, Line::raw(""));
    let pairs = left.into_iter().zip(right);
    pairs
        .map(|(mut line, right)| {
            let padding = columns - half - line.width().min(half);
            line.push_span(Span::raw(" ".repeat(padding)));
            // The style of a title is that of its line.
            let style = right.style;
            line.spans
                .iter_mut()
                .for_each(|span| span.style = line.style.patch(span.style));
            line.style = ratatui::style::Style::new();
            line.extend(
                right
                    .spans
                    .into_iter()
                    .map(|span| span.clone().style(style.patch(span.style))),
            );
            line
        })
        .collect()
}

/// The width from which sections stand in two columns.
const MIN_COLUMNS_OF_TWO: usize = 110;
