//! The table that `xdpsim replay` prints: for a person who sees it for the first time.
//!
//! Counters by port, then every reason for which a frame did not get anywhere with a hint, then the
//! targets that broadcasts left out, then the sum.

use std::collections::BTreeMap;

use xdpsim_core::fate::{Fate, Skip};
use xdpsim_core::report::EndKey;

use super::advice::{self, Advice};
use super::columns::{Align, Columns, counted, grouped, grouped_or_dash};
use super::ports::PortRow;
use super::totals::{Class, Ended, Totals};

/// More ports than this with the same reason are summed up; the JSON has them all.
const PORTS_MAX: usize = 12;

/// The whole table. `about` says in a line what was simulated; `explain` is the command that tells the
/// story of a frame of a capture, if there is one.
#[must_use]
pub fn replay(
    about: &str,
    totals: &Totals,
    ports: &[PortRow],
    explain: impl Fn(usize, u64) -> Option<String>,
) -> String {
    let mut out = format!("{}\n{about}\n\n", arrived(totals));
    out.push_str(&by_port(ports));
    out.push_str(&losses(totals));
    out.push_str(&left_out(totals));
    out.push_str(&sum(totals));
    if let Some(command) = example(totals).and_then(|(capture, frame)| explain(capture, frame)) {
        out.push_str(&format!("One frame's way, step by step: {command}\n"));
    }
    out.push_str("Rules: docs/semantics, by their IDs\n");
    out
}

/// What came in.
fn arrived(totals: &Totals) -> String {
    let from = match totals.captures.as_slice() {
        [one] => one.file.clone(),
        all => counted(all.len() as u64, "capture", "captures"),
    };
    let frames = counted(totals.arrivals, "frame", "frames");
    format!("{from}: {frames}, {}", counted(totals.arrival_bytes, "byte", "bytes"))
}

fn by_port(ports: &[PortRow]) -> String {
    let any = |of: fn(&PortRow) -> u64| ports.iter().any(|port| of(port) > 0);
    let (passed, dropped, skipped) =
        (any(|port| port.passed), any(|port| port.dropped), any(|port| port.skipped));
    let mut heads = vec![
        ("port", Align::Left),
        ("ifindex", Align::Right),
        ("kind", Align::Left),
        ("received", Align::Right),
        ("delivered", Align::Right),
        ("bytes", Align::Right),
    ];
    heads.extend(passed.then_some(("passed", Align::Right)));
    heads.extend(dropped.then_some(("dropped", Align::Right)));
    heads.push(("lost", Align::Right));
    heads.extend(skipped.then_some(("skipped", Align::Right)));
    let mut table = Columns::new(&heads);
    for port in ports {
        let mut cells = vec![port.name.clone(), port.ifindex.to_string(), port.kind.to_owned()];
        cells.extend([port.received, port.delivered, port.delivered_bytes].map(grouped_or_dash));
        cells.extend(passed.then(|| grouped_or_dash(port.passed)));
        cells.extend(dropped.then(|| grouped_or_dash(port.dropped)));
        cells.push(grouped_or_dash(port.lost));
        cells.extend(skipped.then(|| grouped_or_dash(port.skipped)));
        table.row(cells);
    }
    table.render(0) + "\n"
}

type Row<'a> = (&'a EndKey, &'a Ended);

/// Every reason with the ports it concerns, in the order of the pipeline.
fn losses(totals: &Totals) -> String {
    let mut reasons: BTreeMap<Fate, Vec<Row<'_>>> = BTreeMap::new();
    for (key, end) in &totals.ends {
        if matches!(Class::of(key.fate), Class::Dropped | Class::Lost) {
            reasons.entry(key.fate).or_default().push((key, end));
        }
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = Columns::new(&[
        ("frames", Align::Right),
        ("port", Align::Left),
        ("at", Align::Left),
        ("errno", Align::Left),
        ("rule", Align::Left),
        ("first frames", Align::Left),
    ]);
    for (fate, rows) in reasons {
        let Advice { why, hint } = advice::of_fate(fate);
        table.note(0, format!("{}: {why}", sentence_of(fate)));
        for &(key, end) in rows.iter().take(PORTS_MAX) {
            table.row(loss(key, end, totals.captures.len() > 1));
        }
        if rows.len() > PORTS_MAX {
            let frames = rows[PORTS_MAX..].iter().map(|(_, end)| end.frames).sum();
            let others = counted((rows.len() - PORTS_MAX) as u64, "other port", "other ports");
            table.row(vec![
                grouped(frames),
                others,
                String::new(),
                String::new(),
                String::new(),
                "see --json".into(),
            ]);
        }
        table.note(1, format!("→ {hint}"));
    }
    format!("Not delivered\n{}\n", table.render(2))
}

fn sentence_of(fate: Fate) -> &'static str {
    match Class::of(fate) {
        Class::Dropped => "dropped",
        _ => "lost",
    }
}

fn loss(key: &EndKey, end: &Ended, several: bool) -> Vec<String> {
    let port = match &key.egress {
        Some(egress) => egress.clone(),
        None => format!("(on {})", key.ingress),
    };
    let errno = key.errno.map_or_else(|| "-".to_owned(), |errno| errno.to_string());
    let numbers: Vec<String> = end.examples.iter().map(|&number| grouped(number)).collect();
    let more = if end.frames > end.examples.len() as u64 { " …" } else { "" };
    let capture = if several { format!("capture {}: ", end.capture + 1) } else { String::new() };
    let examples = format!("{capture}{}{more}", numbers.join(" "));
    let (step, rule) = (key.fate.step().name().to_owned(), key.fate.rule().name().to_owned());
    vec![grouped(end.frames), port, step, errno, rule, examples]
}

/// Targets that got nothing without any frame being lost.
fn left_out(totals: &Totals) -> String {
    if totals.skips.is_empty() {
        return String::new();
    }
    let mut reasons: BTreeMap<Skip, Vec<(&str, u64)>> = BTreeMap::new();
    for (key, &broadcasts) in &totals.skips {
        reasons.entry(key.skip).or_default().push((&key.target, broadcasts));
    }
    let mut table =
        Columns::new(&[("broadcasts", Align::Right), ("port", Align::Left), ("rule", Align::Left)]);
    for (skip, ports) in reasons {
        let Advice { why, hint } = advice::of_skip(skip);
        table.note(0, why.to_owned());
        let rule = || skip.rule().name().to_owned();
        for &(port, broadcasts) in ports.iter().take(PORTS_MAX) {
            table.row(vec![grouped(broadcasts), port.to_owned(), rule()]);
        }
        if ports.len() > PORTS_MAX {
            let broadcasts = ports[PORTS_MAX..].iter().map(|&(_, broadcasts)| broadcasts).sum();
            let others = counted((ports.len() - PORTS_MAX) as u64, "other port", "other ports");
            table.row(vec![grouped(broadcasts), others, rule()]);
        }
        table.note(1, format!("→ {hint}"));
    }
    format!("Left out by broadcasts (no frame is lost by that)\n{}\n", table.render(2))
}

fn sum(totals: &Totals) -> String {
    let mut parts = vec![format!("{} delivered", grouped(totals.count(Class::Delivered)))];
    let others = [
        (Class::Passed, "passed"),
        (Class::Dropped, "dropped"),
        (Class::Copied, "freed after their copies"),
        (Class::Lost, "lost"),
    ];
    for (class, word) in others {
        let frames = totals.count(class);
        if frames > 0 {
            parts.push(format!("{} {word}", grouped(frames)));
        }
    }
    let made = totals.arrivals + totals.clones;
    let clones = format!("{} made by broadcasts", counted(totals.clones, "copy", "copies"));
    let arrivals = counted(totals.arrivals, "arrival", "arrivals");
    format!("{arrivals} + {clones} = {} = {}\n", grouped(made), parts.join(" + "))
}

/// A frame worth looking at: the first that was lost, else the first that was delivered.
fn example(totals: &Totals) -> Option<(usize, u64)> {
    let lost = |key: &EndKey| Class::of(key.fate) == Class::Lost;
    let delivered = |key: &EndKey| key.fate == Fate::Delivered;
    let first = |of: &dyn Fn(&EndKey) -> bool| {
        totals.ends.iter().find(|(key, end)| of(key) && !end.examples.is_empty())
    };
    let (_, end) = first(&lost).or_else(|| first(&delivered))?;
    Some((end.capture, *end.examples.first()?))
}
