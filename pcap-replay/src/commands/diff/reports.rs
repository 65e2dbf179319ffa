//! Two reports of `xdpsim replay --json`, row by row.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::cli::DiffArgs;
use crate::exit::{Exit, Failure};
use crate::output::columns::{Align, Columns, counted, grouped_or_dash};
use crate::output::json::{SCHEMA, pretty};
use crate::output::stdout;

/// What tells the rows of a list apart.
const FATES: &[&str] = &["ingress", "egress", "fate", "errno"];
const SKIPPED: &[&str] = &["ingress", "target", "skip"];
/// Counters beside the lists.
const COUNTERS: &[&str] = &["arrivals", "arrival_bytes", "clones", "hops"];

/// A row that is not the same in both.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// What is counted.
    what: String,
    before: u64,
    after: u64,
    /// Frame numbers from the report that has more.
    first: Vec<u64>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    before: String,
    after: String,
    rows: &'a [Row],
}

/// Runs the command.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    if let Some(capture) = args.captures.first() {
        let message = format!("{}: reports are compared as they are, without captures", capture.display());
        return Err(Failure::usage(message, "leave out the captures, or compare two scenarios (.toml)"));
    }
    let rows = differences(&read(&args.before)?, &read(&args.after)?);
    let (before, after) = (args.before.display().to_string(), args.after.display().to_string());
    let text = match args.json {
        true => pretty(&Document { schema: SCHEMA, before, after, rows: &rows }),
        false => render(&before, &after, &rows),
    };
    stdout::print(&text)?;
    Ok(if rows.is_empty() { Exit::Fine } else { Exit::Findings })
}

fn read(path: &Path) -> Result<Value, Failure> {
    let name = path.display();
    let help = "a report is what `xdpsim replay --json` prints";
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{name}: {error}"), help))?;
    let report: Value =
        serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}"), help))?;
    if !report["fates"].is_array() {
        return Err(Failure::usage(format!("{name}: no report, there are no `fates` in it"), help));
    }
    match report["schema"].as_u64() {
        Some(schema) if schema == u64::from(SCHEMA) => Ok(report),
        _ => {
            let message = format!("{name}: `schema` is {}, not {SCHEMA}", report["schema"]);
            Err(Failure::usage(message, "make both reports with this version of xdpsim"))
        }
    }
}

/// All rows that differ: counters first, then fates, then targets left out.
fn differences(before: &Value, after: &Value) -> Vec<Row> {
    let counters = COUNTERS.iter().map(|&name| {
        let count = |report: &Value| report[name].as_u64().unwrap_or(0);
        Row { what: name.to_owned(), before: count(before), after: count(after), first: Vec::new() }
    });
    let lists = [("fates", FATES), ("skipped", SKIPPED)].into_iter().flat_map(|(list, keys)| {
        let (before, after) = (rows(&before[list], keys), rows(&after[list], keys));
        let mut all: Vec<&String> = before.keys().chain(after.keys()).collect();
        all.sort_unstable();
        all.dedup();
        let row = |what: &&String| {
            let of = |rows: &BTreeMap<String, (u64, Vec<u64>)>| rows.get(*what).cloned().unwrap_or_default();
            let (one, other) = (of(&before), of(&after));
            let first = if other.0 >= one.0 { other.1 } else { one.1 };
            Row { what: (*what).clone(), before: one.0, after: other.0, first }
        };
        all.iter().map(row).collect::<Vec<_>>()
    });
    counters.chain(lists).filter(|row| row.before != row.after).collect()
}

/// The rows of a list by what tells them apart: frames and examples.
fn rows(list: &Value, keys: &[&str]) -> BTreeMap<String, (u64, Vec<u64>)> {
    let mut rows = BTreeMap::<String, (u64, Vec<u64>)>::new();
    for row in list.as_array().into_iter().flatten() {
        let words = keys.iter().filter_map(|key| row[*key].as_str().map(|word| format!("{key} {word}")));
        let entry = rows.entry(words.collect::<Vec<_>>().join(", ")).or_default();
        entry.0 += row["frames"].as_u64().unwrap_or(0);
        if entry.1.is_empty() {
            entry.1 = row["examples"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        }
    }
    rows
}

fn render(before: &str, after: &str, rows: &[Row]) -> String {
    if rows.is_empty() {
        return format!("{before} and {after} report the same\n");
    }
    let mut table = Columns::new(&[
        ("before", Align::Right),
        ("after", Align::Right),
        ("what", Align::Left),
        ("first frames", Align::Left),
    ]);
    for row in rows {
        let first: Vec<String> = row.first.iter().map(ToString::to_string).collect();
        table.row(vec![
            grouped_or_dash(row.before),
            grouped_or_dash(row.after),
            row.what.clone(),
            first.join(" "),
        ]);
    }
    let rows = counted(rows.len() as u64, "row", "rows");
    format!("{before} and {after} differ in {rows}\n\n{}", table.render(2))
}
