//! A sweep as a JSON document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::About;
use super::report::Report;
use super::results::Cell;
use crate::output::json::{self, SCHEMA};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    /// Words of the command line with their values.
    settings: BTreeMap<&'static str, &'a str>,
    designs: Vec<Design>,
    cells: &'a [Cell],
    recommendation: &'a [String],
}

#[derive(Serialize)]
struct Design {
    id: &'static str,
    name: &'static str,
    kernel: &'static str,
    how: &'static str,
}

/// The document. The same bytes for the same settings, but for measured times.
#[must_use]
pub fn render(report: &Report, recommendation: &[String]) -> String {
    let about = |id: &&'static str| {
        let about = About::of(id);
        Design { id: about.id, name: about.name(), kernel: about.kernel.word(), how: about.how }
    };
    let document = Document {
        schema: SCHEMA,
        settings: report.settings.0.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        designs: report.designs().iter().map(about).collect(),
        cells: &report.cells,
        recommendation,
    };
    json::pretty(&document)
}
