//! One chart as SVG: lines or points on logarithmic axes.
//!
//! Owns looks and layout; which numbers are drawn is [`super::charts`]'s. Axes and texts are black here, and the page's
//! style gives them the colour of its text.

use std::error::Error;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange, LogCoord, WithKeyPoints};
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, Cross, Rectangle, Text, TriangleMarker};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle};

/// Pixels; the page scales them.
const SIZE: (u32, u32) = (560, 360);
/// Room for the names at the right ends of lines.
const RIGHT: u32 = 46;
/// Names are at least so far apart.
const NAME_GAP: i32 = 12;

/// What an axis shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub title: &'static str,
    /// How a number is written.
    pub label: fn(f64) -> String,
}

/// A line, or points, of one design.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// What stands at its end.
    pub name: String,
    pub look: Look,
    /// All above 0, ascending in x.
    pub points: Vec<(f64, f64)>,
}

/// How a design is drawn, in all charts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub colour: (u8, u8, u8),
    pub marker: Marker,
}

/// Shapes of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Cross,
}

/// A chart to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// For those who cannot see it, and above it.
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// Points are joined by a line within a series.
    pub lines: bool,
    /// A grey line through points of several series.
    pub front: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Context<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Scale = WithKeyPoints<LogCoord<f64>>;

impl Chart {
    /// The picture, or why there is none.
    pub(super) fn svg(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw(&root).map_err(|error| error.to_string())?;
            root.present().map_err(|error| error.to_string())?;
        }
        Ok(svg)
    }

    fn draw(&self, root: &Area<'_>) -> Result<(), Box<dyn Error>> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (x, y) = (range(points().map(|point| point.0)), range(points().map(|point| point.1)));
        let mut chart = ChartBuilder::on(root)
            .margin(8)
            .margin_right(RIGHT)
            .x_label_area_size(38)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (x.0..x.1).log_scale().with_key_points(ticks(points().map(|point| point.0), x)),
                (y.0..y.1).log_scale().with_key_points(ticks(std::iter::empty(), y)),
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(BLACK.mix(0.15))
            .light_line_style(BLACK.mix(0.0))
            .axis_style(BLACK)
            .label_style(("sans-serif", 12))
            .x_desc(self.x.title)
            .y_desc(self.y.title)
            .x_label_formatter(&|value| (self.x.label)(*value))
            .y_label_formatter(&|value| (self.y.label)(*value))
            .draw()?;
        if !self.front.is_empty() {
            let style = ShapeStyle::from(BLACK.mix(0.45)).stroke_width(2);
            chart.draw_series(LineSeries::new(self.front.iter().copied(), style))?;
        }
        for series in &self.series {
            series.draw(&mut chart, self.lines)?;
        }
        self.names(root, &chart)
    }

    /// The names at the ends of the series, pushed apart where they would cover each other.
    fn names(&self, root: &Area<'_>, chart: &Context<'_, '_>) -> Result<(), Box<dyn Error>> {
        let ends = self.series.iter().filter_map(|series| Some((series, series.points.last()?)));
        let mut names: Vec<(i32, i32, &Series)> = ends
            .map(|(series, point)| {
                let (x, y) = chart.backend_coord(point);
                (y, x, series)
            })
            .collect();
        names.sort_by_key(|&(y, x, _)| (y, x));
        let mut lowest: Vec<(i32, i32)> = Vec::new();
        for (y, x, series) in names {
            // Only names that stand above one another can be in each other's way.
            let above = lowest.iter().filter(|(other, _)| (other - x).abs() < RIGHT as i32).map(|&(_, y)| y);
            let place = above.max().map_or(y, |above| y.max(above + NAME_GAP));
            lowest.push((x, place));
            let style = ("sans-serif", 12).into_font().color(&series.look.colour());
            let style = style.pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(series.name.clone(), (x + 7, place), style))?;
        }
        Ok(())
    }
}

impl Series {
    fn draw(&self, chart: &mut Context<'_, '_>, line: bool) -> Result<(), Box<dyn Error>> {
        let colour = self.look.colour();
        if line {
            let style = ShapeStyle::from(colour).stroke_width(2);
            chart.draw_series(LineSeries::new(self.points.iter().copied(), style))?;
        }
        let points = self.points.iter().copied();
        match self.look.marker {
            Marker::Circle => {
                chart.draw_series(points.map(|point| Circle::new(point, 4, colour.filled())))?
            }
            Marker::Triangle => {
                chart.draw_series(points.map(|point| TriangleMarker::new(point, 5, colour.filled())))?
            }
            Marker::Cross => {
                let style = ShapeStyle::from(colour).stroke_width(2);
                chart.draw_series(points.map(|point| Cross::new(point, 4, style)))?
            }
            Marker::Square => {
                use plotters::element::EmptyElement;
                chart.draw_series(points.map(|point| {
                    EmptyElement::at(point) + Rectangle::new([(-4, -4), (4, 4)], colour.filled())
                }))?
            }
        };
        Ok(())
    }
}

impl Look {
    fn colour(self) -> RGBColor {
        let (red, green, blue) = self.colour;
        RGBColor(red, green, blue)
    }

    /// The same for the page's legend.
    pub(super) fn svg(self) -> String {
        let (red, green, blue) = self.colour;
        let colour = format!("rgb({red},{green},{blue})");
        let shape = match self.marker {
            Marker::Circle => format!("<circle cx='12' cy='7' r='4' fill='{colour}'/>"),
            Marker::Square => format!("<rect x='8' y='3' width='8' height='8' fill='{colour}'/>"),
            Marker::Triangle => format!("<polygon points='12,2 17,11 7,11' fill='{colour}'/>"),
            Marker::Cross => {
                format!("<path d='M8,3 L16,11 M8,11 L16,3' stroke='{colour}' stroke-width='2'/>")
            }
        };
        format!(
            "<svg class='mark' width='24' height='14' aria-hidden='true'>\
             <path d='M0,7 L24,7' stroke='{colour}' stroke-width='2'/>{shape}</svg>"
        )
    }
}

/// Where an axis has numbers: at the values themselves if they are few, else at powers of ten, and in between where these
/// are few.
fn ticks(values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    if (1..=8).contains(&values.len()) {
        return values;
    }
    let powers = || (-4..=18).map(|power| 10f64.powi(power));
    let inside = |tick: &f64| (from..=to).contains(tick);
    let decades: Vec<f64> = powers().filter(inside).collect();
    match decades.len() {
        0..3 => powers().flat_map(|power| [power, 2.0 * power, 5.0 * power]).filter(inside).collect(),
        3..9 => decades,
        many => decades.into_iter().step_by(many.div_ceil(8)).collect(),
    }
}

/// The ends of an axis: all values with some room, and never nothing.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) =
        values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    if least > most { (1.0, 10.0) } else { (least / 1.6, most * 1.6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_an_axis_are_few() {
        assert_eq!(ticks([64.0, 8.0, 64.0].into_iter(), (5.0, 100.0)), [8.0, 64.0]);
        assert_eq!(ticks(std::iter::empty(), (15.0, 210.0)), [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(ticks(std::iter::empty(), (0.9, 1e3)), [1.0, 10.0, 100.0, 1e3]);
        assert!(ticks(std::iter::empty(), (1.0, 1e17)).len() <= 8);
        assert_eq!(range(std::iter::empty()), (1.0, 10.0));
    }
}
