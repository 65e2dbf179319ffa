//! Which charts a page has, and the points in them.

use std::error::Error;

use super::chart::{Axis, Chart, Look, Marker, Series};
use crate::explore::catalogue::About;
use crate::explore::report::{Lookups, Report};
use crate::explore::results::{Cell, Figures};
use crate::explore::words;

/// What stands in for 0 on a logarithmic axis.
const LEAST: f64 = 0.1;
/// Changes in a second that the chart of churn shows.
const CHURN: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// A picture with the words around it.
pub(super) struct Figure {
    pub title: String,
    pub caption: String,
    pub svg: String,
}

/// A design's look in all charts, by its place in the list of all designs.
pub(super) fn look(index: usize) -> Look {
    const COLOURS: [(u8, u8, u8); 11] = [
        (59, 111, 212),
        (22, 155, 190),
        (46, 158, 91),
        (209, 70, 47),
        (217, 131, 0),
        (176, 104, 150),
        (140, 109, 70),
        (122, 92, 214),
        (120, 132, 140),
        (203, 65, 150),
        (105, 145, 20),
    ];
    const MARKERS: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Cross];
    Look { colour: COLOURS[index % COLOURS.len()], marker: MARKERS[index % MARKERS.len()] }
}

/// All charts of a report, in order.
pub(super) fn all(report: &Report) -> Result<Vec<Figure>, Box<dyn Error + Send + Sync>> {
    let mut charts: Vec<(Chart, String)> = Vec::new();
    charts.extend(report.ports().iter().map(|&ports| memory(report, ports)));
    charts.extend(report.groups().iter().map(|&groups| lookups(report, groups)));
    charts.extend(report.largest().map(|size| churn(report, size)));
    charts.extend(report.largest().map(|size| pareto(report, size)));
    charts
        .into_iter()
        .filter(|(chart, _)| !chart.series.is_empty())
        .map(|(chart, caption)| {
            let svg = chart.svg()?;
            Ok(Figure { title: chart.title, caption, svg })
        })
        .collect()
}

/// A line for each design over the cells that `wanted` lets through.
fn series(
    report: &Report,
    wanted: impl Fn(&Cell) -> bool,
    points: impl Fn(&Cell, &Figures) -> Vec<(f64, f64)>,
) -> Vec<Series> {
    let of = |design: &'static str| {
        let cells = report.cells.iter().filter(|cell| cell.design == design && wanted(cell));
        let mut points: Vec<(f64, f64)> = cells
            .filter_map(|cell| Some(points(cell, cell.outcome.figures()?)))
            .flatten()
            .map(|(x, y)| (x.max(LEAST), y.max(LEAST)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let series = Series { name: design.to_owned(), look: look(About::index(design)), points };
        (!series.points.is_empty()).then_some(series)
    };
    report.designs().into_iter().filter_map(of).collect()
}

fn memory(report: &Report, ports: u32) -> (Chart, String) {
    let series = series(
        report,
        |cell| cell.ports == ports,
        |cell, figures| vec![(f64::from(cell.groups), figures.formula_bytes as f64)],
    );
    let chart = Chart {
        title: format!("Memory against groups, {ports} ports"),
        x: Axis { title: "forward groups", label: words::count_axis },
        y: Axis { title: "memory", label: words::bytes_axis },
        series,
        lines: true,
        front: Vec::new(),
    };
    (chart, "By formula; in the kernel where the design is made of maps. A line ends where a design is refused or too large.".into())
}

/// Axis of a lookup's cost, and what it says about it.
fn lookup_axis(report: &Report) -> (Axis, &'static str) {
    match report.lookups() {
        Lookups::Nanos => (
            Axis { title: "lookup, all ports delivered one by one", label: words::nanos_axis },
            "Measured on this machine in the running model: the best of several rounds.",
        ),
        Lookups::Ops => (
            Axis { title: "elementary operations of a lookup", label: words::count_axis },
            "Groups found, slots visited, numbers compared, words read, copies, runs of programs: each counts 1.",
        ),
    }
}

fn lookups(report: &Report, groups: u32) -> (Chart, String) {
    let (y, caption) = lookup_axis(report);
    let cost = report.lookups();
    let series = series(
        report,
        |cell| cell.groups == groups,
        |cell, figures| cost.of(figures).map(|cost| (f64::from(cell.ports), cost)).into_iter().collect(),
    );
    let chart = Chart {
        title: format!("Lookup against ports, {} groups", words::mean(groups.into())),
        x: Axis { title: "ports", label: words::count_axis },
        y,
        series,
        lines: true,
        front: Vec::new(),
    };
    (chart, caption.into())
}

fn churn(report: &Report, (ports, groups): (u32, u32)) -> (Chart, String) {
    let series = series(
        report,
        |cell| (cell.ports, cell.groups) == (ports, groups),
        |_, figures| {
            CHURN.map(|churn| (churn, churn * (figures.change.writes + figures.change.maps))).to_vec()
        },
    );
    let chart = Chart {
        title: format!("Update cost against churn, {ports} ports, {} groups", words::mean(groups.into())),
        x: Axis { title: "joins and leaves per second", label: words::count_axis },
        y: Axis { title: "elements written and maps made per second", label: words::count_axis },
        series,
        lines: true,
        front: Vec::new(),
    };
    (chart, "Each element of a map is a system call in a kernel. Lines lie upon each other where designs write as much.".into())
}

fn pareto(report: &Report, (ports, groups): (u32, u32)) -> (Chart, String) {
    let (y, _) = lookup_axis(report);
    let cost = report.lookups();
    let here = |cell: &Cell| (cell.ports, cell.groups) == (ports, groups);
    let series = series(report, here, |_, figures| {
        cost.of(figures).map(|cost| (figures.formula_bytes as f64, cost)).into_iter().collect()
    });
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.iter().copied()).collect();
    let chart = Chart {
        title: format!("Pareto front, {ports} ports, {} groups", words::mean(groups.into())),
        x: Axis { title: "memory", label: words::bytes_axis },
        y,
        series,
        lines: false,
        front: front(points),
    };
    (chart, "Grey: designs that none other beats in both memory and lookup.".into())
}

/// The points that none other beats in both, by rising x.
fn front(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut best = f64::MAX;
    points.retain(|&(_, y)| {
        y < best && {
            best = y;
            true
        }
    });
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_has_what_none_beats() {
        let points = vec![(4.0, 1.0), (1.0, 9.0), (2.0, 9.0), (2.0, 5.0), (3.0, 6.0), (5.0, 1.0)];
        assert_eq!(front(points), [(1.0, 9.0), (2.0, 5.0), (4.0, 1.0)]);
        assert_eq!(front(Vec::new()), []);
    }
}
