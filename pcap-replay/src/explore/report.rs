//! A sweep that is done, as tables, pages and documents look at it.

use super::catalogue;
use super::results::{Cell, Figures};

/// Everything that is said about a sweep.
#[derive(Clone, Debug)]
pub struct Report {
    /// What all cells have in common, in words and for scripts.
    pub settings: Settings,
    /// The cells, in the order of the sweep.
    pub cells: Vec<Cell>,
}

/// What a sweep was asked for: words of the command line with their values, defaults included; a flag has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(pub Vec<(&'static str, String)>);

impl Settings {
    /// In a line, as they could be typed.
    #[must_use]
    pub fn line(&self) -> String {
        let words = self.0.iter().map(|(name, value)| match value.as_str() {
            "" => format!(" --{name}"),
            value => format!(" --{name} {value}"),
        });
        format!("xdpsim explore{}", words.collect::<String>())
    }
}

/// In which unit lookups are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookups {
    /// Measured.
    Nanos,
    /// Counted.
    Ops,
}

impl Lookups {
    /// A design's cost.
    #[must_use]
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Nanos => figures.times.map(|times| times.lookup_nanos),
            Self::Ops => Some(figures.lookup.ops),
        }
    }
}

impl Report {
    /// The designs that were tried, in the catalogue's order.
    #[must_use]
    pub fn designs(&self) -> Vec<&'static str> {
        let tried = |id: &str| self.cells.iter().any(|cell| cell.design == id);
        catalogue::ALL.iter().map(|about| about.id).filter(|id| tried(id)).collect()
    }

    /// The numbers of ports, ascending.
    #[must_use]
    pub fn ports(&self) -> Vec<u32> {
        ascending(self.cells.iter().map(|cell| cell.ports))
    }

    /// The numbers of groups, ascending.
    #[must_use]
    pub fn groups(&self) -> Vec<u32> {
        ascending(self.cells.iter().map(|cell| cell.groups))
    }

    /// The sizes, ports first, in the order of the sweep.
    #[must_use]
    pub fn sizes(&self) -> Vec<(u32, u32)> {
        let mut sizes: Vec<(u32, u32)> = self.cells.iter().map(|cell| (cell.ports, cell.groups)).collect();
        sizes.dedup();
        sizes
    }

    /// The cells of a size.
    pub fn of_size(&self, size: (u32, u32)) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| (cell.ports, cell.groups) == size)
    }

    /// The largest size at which most designs could be built, of several the last.
    #[must_use]
    pub fn largest(&self) -> Option<(u32, u32)> {
        let built =
            |&size: &(u32, u32)| self.of_size(size).filter(|cell| cell.outcome.figures().is_some()).count();
        self.sizes().into_iter().max_by_key(|size| (built(size), u64::from(size.0) * u64::from(size.1)))
    }

    /// Times, if every cell that was built has them.
    #[must_use]
    pub fn lookups(&self) -> Lookups {
        let mut built = self.cells.iter().filter_map(|cell| cell.outcome.figures()).peekable();
        let timed = built.peek().is_some() && built.all(|figures| figures.times.is_some());
        if timed { Lookups::Nanos } else { Lookups::Ops }
    }
}

fn ascending(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
