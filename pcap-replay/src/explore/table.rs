//! The table of a sweep on standard output.

use super::catalogue::About;
use super::report::{Lookups, Report};
use super::results::{Cell, Figures, Outcome};
use super::words;
use crate::output::columns::{Align, Columns, counted};

/// The whole table, with the recommendation behind it.
#[must_use]
pub fn render(report: &Report, recommendation: &[String]) -> String {
    let mut out = format!("{}\n\n", report.settings.line());
    for size in report.sizes() {
        out.push_str(&of_size(report, size));
        out.push('\n');
    }
    for paragraph in recommendation {
        out.push_str(&wrapped(paragraph));
    }
    out
}

/// What a size is called: "64 ports, 1,024 groups".
#[must_use]
pub fn size_words((ports, groups): (u32, u32)) -> String {
    format!("{}, {}", counted(ports.into(), "port", "ports"), counted(groups.into(), "group", "groups"))
}

fn of_size(report: &Report, size: (u32, u32)) -> String {
    let timed = report.lookups() == Lookups::Nanos;
    let mut heads = vec![
        ("design", Align::Left),
        ("memory", Align::Right),
        ("here", Align::Right),
        ("lookup", Align::Right),
        ("copies", Align::Right),
        ("join", Align::Right),
        ("port gone", Align::Right),
    ];
    heads.extend(timed.then_some(("lookup ns", Align::Right)));
    heads.extend(timed.then_some(("mask ns", Align::Right)));
    heads.extend(timed.then_some(("join ns", Align::Right)));
    let mut table = Columns::new(&heads);
    for cell in report.of_size(size) {
        let name = format!("{:<3} {}", cell.design, About::of(&cell.design).name());
        match &cell.outcome {
            Outcome::Built(figures) => table.row(row(name, figures, timed)),
            Outcome::Refused { .. } | Outcome::TooLarge { .. } => {
                table.note(0, format!("{name}: {}", reason(cell).unwrap_or_default()));
            }
        }
    }
    let mut built = report.of_size(size).filter_map(|cell| cell.outcome.figures());
    let members = built.next().map(|figures| counted(figures.members, "member", "members"));
    let members = members.map(|members| format!(", {members}")).unwrap_or_default();
    format!("{}{members}\n{}", size_words(size), table.render(2))
}

fn row(name: String, figures: &Figures, timed: bool) -> Vec<String> {
    let update = |update: &super::results::Update| words::mean(update.writes + update.maps);
    let mut cells = vec![
        name,
        words::bytes(figures.formula_bytes),
        words::bytes(figures.heap_bytes),
        words::mean(figures.lookup.ops),
        words::mean(figures.lookup.copies),
        update(&figures.change),
        update(&figures.port_gone),
    ];
    if let Some(times) = figures.times.filter(|_| timed) {
        cells.push(words::mean(times.lookup_nanos));
        cells.push(times.mask_nanos.map_or_else(|| "-".to_owned(), words::mean));
        cells.push(words::mean(times.change_nanos));
    }
    cells
}

/// Why a cell has no figures.
#[must_use]
pub fn reason(cell: &Cell) -> Option<String> {
    match &cell.outcome {
        Outcome::Built(_) => None,
        Outcome::Refused { reason } => Some(format!("refused: {reason}")),
        Outcome::TooLarge { needed, limit } => Some(format!(
            "not tried: its formula says {}, and --memory is {}",
            words::bytes(*needed),
            words::bytes(*limit)
        )),
    }
}

/// A paragraph in lines of 100 characters, those after the first a little further in.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            out.push_str(&line);
            out.push('\n');
            line = format!("  {word}");
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    out + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_have_short_lines() {
        let text = wrapped(&"word ".repeat(50));
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(text.split_whitespace().count(), 50);
    }
}
