//! A sweep as CSV: a row for each cell, empty fields where there is no figure.

use super::catalogue::About;
use super::report::Report;
use super::results::{Cell, Update};
use super::table;

/// Names of the columns.
const HEAD: &str = "design,name,ports,groups,outcome,reason,members,formula_bytes,heap_bytes,asked,lookup_ops,\
copies,programs,delivered,change_writes,change_maps,port_gone_writes,bond_gains_writes,lookup_nanos,mask_nanos,change_nanos";

/// The document (RFC 4180, with line feeds).
#[must_use]
pub fn render(report: &Report) -> String {
    let rows = report.cells.iter().map(|cell| fields(cell).join(",") + "\n");
    std::iter::once(format!("{HEAD}\n")).chain(rows).collect()
}

fn fields(cell: &Cell) -> Vec<String> {
    let outcome = match &cell.outcome {
        super::results::Outcome::Built(_) => "built",
        super::results::Outcome::Refused { .. } => "refused",
        super::results::Outcome::TooLarge { .. } => "too_large",
    };
    let mut fields = vec![
        cell.design.clone(),
        About::of(&cell.design).name().to_owned(),
        cell.ports.to_string(),
        cell.groups.to_string(),
        outcome.to_owned(),
        quoted(&table::reason(cell).unwrap_or_default()),
    ];
    match cell.outcome.figures() {
        None => fields.resize(HEAD.split(',').count(), String::new()),
        Some(figures) => {
            let some = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let writes = |update: &Update| update.writes.to_string();
            let asked = match figures.asked {
                super::results::Asked::Group => "group",
                super::results::Asked::Ingress => "ingress",
            };
            let whole = [figures.members, figures.formula_bytes, figures.heap_bytes];
            fields.extend(whole.map(|value| value.to_string()));
            fields.push(asked.to_owned());
            let lookup = figures.lookup;
            let means = [lookup.ops, lookup.copies, lookup.programs, lookup.delivered];
            fields.extend(means.map(|mean| mean.to_string()));
            fields.extend([
                writes(&figures.change),
                figures.change.maps.to_string(),
                writes(&figures.port_gone),
            ]);
            fields.push(some(figures.bond_gains.map(|update| update.writes)));
            fields.push(some(figures.times.map(|times| times.lookup_nanos)));
            fields.push(some(figures.times.and_then(|times| times.mask_nanos)));
            fields.push(some(figures.times.map(|times| times.change_nanos)));
        }
    }
    fields
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::samples;

    #[test]
    fn every_row_has_every_column() {
        let text = render(&samples::report());
        let columns = HEAD.split(',').count();
        for line in text.lines() {
            // Commas between quotes are no ends of fields.
            let outside: String = line.split('"').step_by(2).collect();
            assert_eq!(outside.split(',').count(), columns, "{line}");
        }
        assert_eq!(text.lines().count(), 1 + samples::report().cells.len());
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
