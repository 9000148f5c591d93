//! The chart: cost against the size of the table, a panel for each of some operations, as one SVG by hand.
//!
//! It stands in documents of either colour, so it brings its own background.

use std::fmt::{self, Write as _};

use crate::operations::By;
use crate::report::{Measured, Report};

/// Draws it. Whatever was not measured is missing from it.
pub(crate) fn of(report: &Report) -> String {
    let mut out = String::new();
    // A String takes whatever is written to it.
    let _ = draw(&mut out, report);
    out
}

fn draw(out: &mut String, report: &Report) -> fmt::Result {
    let is_shown =
        |measured: &&Measured| PANELS.contains(&measured.operation) && measured.sockets > 0;
    let measured: Vec<_> = report.measured.iter().filter(is_shown).collect();
    let sizes = measured
        .iter()
        .map(|measured| f64::from(measured.sockets))
        .collect::<Vec<_>>();
    let costs = LINES
        .iter()
        .flat_map(|line| measured.iter().filter_map(|measured| line.cost(measured)))
        .collect::<Vec<_>>();
    // One scale for all, so that panels can be compared.
    let x = Scale::over(&sizes, INDENT, PANEL_WIDTH - INDENT);
    let y = Scale::over(&costs, PANEL_HEIGHT, 0.0);

    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="12">
<title>{TITLE}</title>
<rect x="0.5" y="0.5" width="{}" height="{}" rx="10" fill="{PAPER}" stroke="{FRAME}"/>"#,
        WIDTH - 1.0,
        HEIGHT - 1.0,
    )?;
    let rounds = match report.rounds {
        1 => "one round".to_owned(),
        rounds => format!("medians of {rounds} rounds"),
    };
    Text::new(MARGIN, 30.0, TITLE).size(16.0).bold().draw(out)?;
    Text::new(MARGIN, 50.0, &format!("{}; {rounds}", report.machine))
        .color(FAINT)
        .draw(out)?;
    let step = (WIDTH - LEFT - MARGIN + GAP) / f64::from(PANELS_ACROSS);
    for (name, left) in PANELS.iter().zip((0..PANELS_ACROSS).map(f64::from)) {
        let of_panel: Vec<_> = measured
            .iter()
            .copied()
            .filter(|measured| measured.operation == *name)
            .collect();
        writeln!(
            out,
            r#"<g transform="translate({:.1} {TOP})">"#,
            LEFT + left * step
        )?;
        panel(out, name, &of_panel, (&x, &y))?;
        if left == 0.0 {
            labels(out, &y)?;
        }
        writeln!(out, "</g>")?;
    }
    legend(out)?;
    writeln!(out, "</svg>")
}

fn panel(
    out: &mut String,
    name: &str,
    measured: &[&Measured],
    (x, y): (&Scale, &Scale),
) -> fmt::Result {
    Text::new(0.0, -22.0, name).size(13.0).bold().draw(out)?;
    for decade in y.decades() {
        let at = y.at_decade(decade);
        stroke(out, (0.0, at), (PANEL_WIDTH, at), GRID)?;
    }
    for decade in x.decades() {
        let at = x.at_decade(decade);
        stroke(out, (at, 0.0), (at, PANEL_HEIGHT), GRID)?;
        Text::new(at, PANEL_HEIGHT + 18.0, &sockets(decade))
            .middle()
            .color(FAINT)
            .draw(out)?;
    }
    stroke(out, (0.0, PANEL_HEIGHT), (PANEL_WIDTH, PANEL_HEIGHT), FAINT)?;
    let mut is_empty = true;
    for line in &LINES {
        let mut points: Vec<_> = measured
            .iter()
            .filter_map(|measured| Some((f64::from(measured.sockets), line.cost(measured)?)))
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        let points: Vec<_> = points
            .into_iter()
            .map(|(sockets, cost)| (x.at(sockets), y.at(cost)))
            .collect();
        is_empty &= points.is_empty();
        line.draw(out, &points)?;
    }
    if is_empty {
        Text::new(PANEL_WIDTH / 2.0, PANEL_HEIGHT / 2.0, "not measured")
            .middle()
            .color(FAINT)
            .draw(out)?;
    }
    let last = measured.iter().max_by_key(|measured| measured.sockets);
    if let Some((measured, ratio)) = last.and_then(|last| Some((last, ratio(last)?))) {
        let of_both = LINES.iter().filter(|line| line.by != By::Floor);
        // The upper one: whoever is slower.
        let cost = of_both.filter_map(|line| line.cost(measured));
        let at = y.at(cost.fold(f64::MIN_POSITIVE, f64::max));
        Text::new(x.at(f64::from(measured.sockets)), at - 10.0, &ratio)
            .middle()
            .bold()
            .halo()
            .draw(out)?;
    }
    Ok(())
}

/// How many times as long `ss` took as the program.
fn ratio(measured: &Measured) -> Option<String> {
    let wall = |by: By| {
        measured
            .figures
            .get(by.name())
            .map(|figures| &figures.wall_ms)
    };
    let ratio = wall(By::Ss)?.ratio(wall(By::Tcpentry)?);
    match ratio {
        ratio if !ratio.is_finite() || ratio <= 0.0 => None,
        // 9.96 is not "10.0".
        ratio if ratio < 9.95 => Some(format!("{ratio:.1}×")),
        ratio => Some(format!("{ratio:.0}×")),
    }
}

/// What stands left of the first panel.
fn labels(out: &mut String, y: &Scale) -> fmt::Result {
    for decade in y.decades() {
        Text::new(-8.0, y.at_decade(decade) + 4.0, &time(decade))
            .end()
            .color(FAINT)
            .draw(out)?;
    }
    Ok(())
}

fn legend(out: &mut String) -> fmt::Result {
    let at = HEIGHT - 21.0;
    let mut left = LEFT;
    for line in LINES.iter().rev() {
        line.draw_path(out, &[(left, at), (left + 28.0, at)])?;
        line.draw_marker(out, (left + 14.0, at))?;
        Text::new(left + 38.0, at + 4.0, line.legend).draw(out)?;
        left += line.room;
    }
    Text::new(left, at + 4.0, "N×").bold().draw(out)?;
    Text::new(left + 24.0, at + 4.0, "how many times as long ss takes").draw(out)?;
    Text::new(WIDTH - MARGIN, at + 4.0, "across: sockets in the table")
        .end()
        .color(FAINT)
        .draw(out)
}

/// A power of ten as a number of sockets.
fn sockets(decade: i32) -> String {
    in_units(decade, &[(0, ""), (3, "k"), (6, "M")])
}

/// A power of ten as milliseconds.
fn time(decade: i32) -> String {
    in_units(decade, &[(-3, " µs"), (0, " ms"), (3, " s")])
}

/// A power of ten in the largest unit that leaves it whole.
fn in_units(decade: i32, units: &[(i32, &str)]) -> String {
    let unit = units.iter().rfind(|(of, _)| *of <= decade);
    let (of, name) = unit.or(units.first()).copied().unwrap_or((0, ""));
    format!("{}{name}", 10_f64.powi(decade - of))
}

/// A contestant's line.
struct Line {
    by: By,
    legend: &'static str,
    /// What its entry in the legend takes.
    room: f64,
    color: &'static str,
    width: f64,
    dashes: &'static str,
    marker: Marker,
}

/// They differ in form too, for those who do not see the colours.
#[derive(Clone, Copy)]
enum Marker {
    Disc,
    Square,
    None,
}

impl Line {
    /// Milliseconds; `None` where there is nothing that a logarithm can be taken of.
    fn cost(&self, measured: &Measured) -> Option<f64> {
        let median = measured.figures.get(self.by.name())?.wall_ms.median;
        (median.is_finite() && median > 0.0).then_some(median)
    }

    fn draw(&self, out: &mut String, points: &[(f64, f64)]) -> fmt::Result {
        match points {
            // Without a marker it would not be seen.
            [(x, y)] if matches!(self.marker, Marker::None) => {
                self.draw_path(out, &[(x - 8.0, *y), (x + 8.0, *y)])
            }
            points => {
                self.draw_path(out, points)?;
                points.iter().try_for_each(|at| self.draw_marker(out, *at))
            }
        }
    }

    fn draw_path(&self, out: &mut String, points: &[(f64, f64)]) -> fmt::Result {
        if points.len() < 2 {
            return Ok(());
        }
        let Self {
            color,
            width,
            dashes,
            ..
        } = self;
        write!(
            out,
            r#"<polyline fill="none" stroke="{color}" stroke-width="{width}" stroke-dasharray="{dashes}" points=""#
        )?;
        for (x, y) in points {
            write!(out, "{x:.1},{y:.1} ")?;
        }
        writeln!(out, r#""/>"#)
    }

    fn draw_marker(&self, out: &mut String, (x, y): (f64, f64)) -> fmt::Result {
        let color = self.color;
        match self.marker {
            Marker::Disc => writeln!(
                out,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{color}"/>"#
            ),
            Marker::Square => writeln!(
                out,
                r#"<rect x="{:.1}" y="{:.1}" width="7" height="7" fill="{color}"/>"#,
                x - 3.5,
                y - 3.5,
            ),
            Marker::None => Ok(()),
        }
    }
}

/// A logarithmic axis.
struct Scale {
    /// Powers of ten.
    from: f64,
    to: f64,
    /// Where they are drawn.
    start: f64,
    end: f64,
}

impl Scale {
    /// From the power of ten below the least value to that above the greatest.
    fn over(values: &[f64], start: f64, end: f64) -> Self {
        let decades = || values.iter().map(|value| value.log10());
        let from = decades().fold(f64::INFINITY, f64::min).floor();
        let to = decades().fold(f64::NEG_INFINITY, f64::max).ceil();
        let (from, to) = match (from, to) {
            // There are none.
            (from, to) if from > to => (0.0, 1.0),
            // One value, a power of ten: in the middle.
            (from, to) if to - from < 0.5 => (from - 0.5, to + 0.5),
            both => both,
        };
        Self {
            from,
            to,
            start,
            end,
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.at_power(value.log10())
    }

    fn at_decade(&self, decade: i32) -> f64 {
        self.at_power(f64::from(decade))
    }

    fn at_power(&self, power: f64) -> f64 {
        self.start + (power - self.from) / (self.to - self.from) * (self.end - self.start)
    }

    /// The powers of ten that it shows.
    fn decades(&self) -> impl Iterator<Item = i32> {
        (LEAST_DECADE..=MOST_DECADE)
            .filter(|decade| (self.from..=self.to).contains(&f64::from(*decade)))
    }
}

fn stroke(out: &mut String, from: (f64, f64), to: (f64, f64), color: &str) -> fmt::Result {
    writeln!(
        out,
        r#"<path d="M{:.1} {:.1}L{:.1} {:.1}" stroke="{color}"/>"#,
        from.0, from.1, to.0, to.1
    )
}

struct Text<'t> {
    at: (f64, f64),
    content: &'t str,
    size: f64,
    color: &'static str,
    anchor: &'static str,
    weight: &'static str,
    has_halo: bool,
}

impl<'t> Text<'t> {
    const fn new(x: f64, y: f64, content: &'t str) -> Self {
        Self {
            at: (x, y),
            content,
            size: 12.0,
            color: INK,
            anchor: "start",
            weight: "normal",
            has_halo: false,
        }
    }

    const fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    const fn color(self, color: &'static str) -> Self {
        Self { color, ..self }
    }

    const fn middle(self) -> Self {
        Self {
            anchor: "middle",
            ..self
        }
    }

    const fn end(self) -> Self {
        Self {
            anchor: "end",
            ..self
        }
    }

    const fn bold(self) -> Self {
        Self {
            weight: "bold",
            ..self
        }
    }

    /// Legible also over a line.
    const fn halo(self) -> Self {
        Self {
            has_halo: true,
            ..self
        }
    }

    fn draw(&self, out: &mut String) -> fmt::Result {
        let (x, y) = self.at;
        let Self {
            size,
            color,
            anchor,
            weight,
            ..
        } = self;
        let attributes = format!(
            r#"x="{x:.1}" y="{y:.1}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}""#
        );
        let text = escaped(self.content);
        if self.has_halo {
            // A copy behind it: not every renderer knows `paint-order`.
            writeln!(
                out,
                r#"<text {attributes} fill="{PAPER}" stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" aria-hidden="true">{text}</text>"#
            )?;
        }
        writeln!(out, r#"<text {attributes} fill="{color}">{text}</text>"#)
    }
}

/// As XML takes it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no way to say most of them.
            control if control.is_control() => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

const TITLE: &str = "What it costs to list and delete TCP connections (elapsed time)";
/// Names of [`operations`](crate::operations::all).
const PANELS: [&str; 4] = [
    "delete one, exactly",
    "list all",
    "delete 1 %",
    "delete all",
];
const PANELS_ACROSS: u32 = 4;
/// The last is drawn over the others.
const LINES: [Line; 3] = [
    Line {
        by: By::Floor,
        legend: "floor",
        room: 92.0,
        color: "#6e7781",
        width: 1.2,
        dashes: "4 3",
        marker: Marker::None,
    },
    Line {
        by: By::Ss,
        legend: "ss",
        room: 76.0,
        color: "#c2410c",
        width: 2.0,
        dashes: "none",
        marker: Marker::Square,
    },
    Line {
        by: By::Tcpentry,
        legend: "tcpentry",
        room: 116.0,
        color: "#0969da",
        width: 2.4,
        dashes: "none",
        marker: Marker::Disc,
    },
];

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 24.0;
/// Left of the first panel, where the labels are.
const LEFT: f64 = 76.0;
/// Above the panels.
const TOP: f64 = 100.0;
const GAP: f64 = 24.0;
const PANEL_WIDTH: f64 = 197.0;
const PANEL_HEIGHT: f64 = 240.0;
/// Between a panel's edge and the first point, as behind the last.
const INDENT: f64 = 20.0;

const PAPER: &str = "#ffffff";
const FRAME: &str = "#d0d7de";
const GRID: &str = "#e4e8ec";
const INK: &str = "#1f2328";
const FAINT: &str = "#59636e";

/// From microseconds on, as milliseconds, to millions.
const LEAST_DECADE: i32 = -3;
const MOST_DECADE: i32 = 9;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::measure::Sample;
    use crate::operations;
    use crate::report::{Figures, Machine};

    fn report(measured: Vec<Measured>) -> Report {
        Report {
            machine: Machine {
                kernel: "6.18.0-<b>&\"\u{1b}".to_owned(),
                processors: 2,
                ss: "ss utility, iproute2-6.15.0".to_owned(),
            },
            rounds: 5,
            measured,
            exact: BTreeMap::new(),
        }
    }

    /// Milliseconds, in the order of their names.
    fn measured(
        operation: &'static str,
        sockets: u32,
        [floor, ss, tcpentry]: [f64; 3],
    ) -> Measured {
        let figures = |millis: f64| {
            Figures::of(&[Sample {
                wall: Duration::from_secs_f64(millis / 1e3),
                cpu: Duration::ZERO,
                peak_kib: 0,
            }])
        };
        Measured {
            sockets,
            operation,
            figures: [("floor", floor), ("ss", ss), ("tcpentry", tcpentry)]
                .into_iter()
                .map(|(by, millis)| (by, figures(millis)))
                .collect(),
        }
    }

    /// Whether each tag is closed, in its order, and nothing else has a bracket. There are no comments.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some((text, tag)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            assert!(open.len() > usize::from(!text.trim().is_empty()) || text.trim().is_empty());
            assert_entities(text);
            let (tag, behind) = tag.split_once('>').expect("the tag ends");
            rest = behind;
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            assert_entities(tag);
            let name = tag.trim_matches('/').split(' ').next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert_eq!(rest.trim(), "");
        assert!(open.is_empty(), "{open:?}");
        assert!(svg.starts_with("<svg "));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.chars().any(|it| it.is_control() && it != '\n'));
    }

    fn assert_entities(text: &str) {
        for behind in text.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;"];
            assert!(known.iter().any(|it| behind.starts_with(it)), "&{behind}");
        }
    }

    #[test]
    fn the_panels_are_operations() {
        for name in PANELS {
            assert!(operations::all().iter().any(|it| it.name == name), "{name}");
        }
    }

    #[test]
    fn nothing_measured_is_a_chart_too() {
        let svg = of(&report(Vec::new()));
        assert_well_formed(&svg);
        assert_eq!(svg.matches(">not measured<").count(), PANELS.len());
    }

    #[test]
    fn each_panel_has_its_lines_and_its_ratio() {
        let mut all = Vec::new();
        for name in PANELS {
            // In whatever order.
            all.push(measured(name, 100_000, [20.0, 1500.0, 30.0]));
            all.push(measured(name, 10_000, [2.0, 150.0, 3.0]));
        }
        let svg = of(&report(all));
        assert_well_formed(&svg);
        // With those of the legend.
        assert_eq!(svg.matches("<polyline").count(), 3 * (PANELS.len() + 1));
        assert_eq!(svg.matches("<circle").count(), 2 * PANELS.len() + 1);
        assert_eq!(svg.matches(">50×<").count(), 2 * PANELS.len(), "and a halo");
        for label in ["10k", "100k", "1 ms", "1 s"] {
            assert!(svg.contains(&format!(">{label}<")), "{label}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let svg = of(&report(Vec::new()));
        assert!(svg.contains("Linux 6.18.0-&lt;b&gt;&amp;&quot;\u{fffd}, 2 processors"));
    }

    #[test]
    fn one_size_or_what_has_no_logarithm_breaks_nothing() {
        for costs in [
            [10.0, 10.0, 10.0],
            [0.0, 150.0, 3.0],
            [2.0, 0.0, 0.0],
            [0.0; 3],
        ] {
            for sockets in [0, 1, 1_000, 20_000, u32::MAX] {
                assert_well_formed(&of(&report(vec![measured("list all", sockets, costs)])));
            }
        }
        let mut without = measured("list all", 1_000, [1.0; 3]);
        without.figures.insert("tcpentry", Figures::of(&[]));
        without.figures.remove("floor");
        let svg = of(&report(vec![without]));
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<circle").count(), 1, "that of the legend");
        assert!(!svg.contains(">1.0×<"));
    }

    #[test]
    fn powers_of_ten_have_units() {
        let times = [-3, -1, 0, 2, 3, 5].map(time);
        assert_eq!(times, ["1 µs", "100 µs", "1 ms", "100 ms", "1 s", "100 s"]);
        assert_eq!([3, 4, 6].map(sockets), ["1k", "10k", "1M"]);
    }
}
