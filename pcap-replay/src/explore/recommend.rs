//! The recommendation: which design, and why, in words.
//!
//! Rests on counts alone, so that the same workload gets the same advice on every machine.

use super::catalogue::{About, Kernel};
use super::report::Report;
use super::results::{Figures, Lookup, Update};
use super::table::{reason, size_words};
use super::words;
use crate::output::columns::grouped;

/// What the kernel's data path takes, in nanoseconds (MCAST-K15, from its own differences): a frame without copies, a
/// copy, the flag, and a run of the filter program.
const FRAME_NANOS: f64 = 35.0;
const COPY_NANOS: f64 = 225.0;
const FLAG_NANOS: f64 = 20.0;
const FILTER_NANOS: f64 = 40.0;
/// An update of a map by system call; assumed.
const UPDATE_NANOS: f64 = 1_000.0;

/// Costs that differ by less than this factor are taken for equal.
const HARDLY_MORE: f64 = 1.05;

/// Sizes with other advice that are told one by one.
const SIZES_TOLD: usize = 9;

/// What a design has to bear each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Frames.
    pub frames: u64,
    /// Joins and leaves.
    pub changes: u64,
}

/// A design that was built, and its cost in a second.
struct Choice<'a> {
    about: About,
    figures: &'a Figures,
    cost: f64,
}

/// The paragraphs.
#[must_use]
pub fn recommend(report: &Report, demand: Demand) -> Vec<String> {
    let Some(size) = report.largest() else { return Vec::new() };
    let kernel = choices(report, size, |about, figures| in_kernel(about, figures, demand));
    let own = choices(report, size, |about, figures| of_ones_own(about, figures, demand));
    let mut paragraphs = vec![format!(
        "Recommended for {}, with {} frames and {} joins or leaves a second:",
        size_words(size),
        grouped(demand.frames),
        grouped(demand.changes)
    )];
    paragraphs.push(kernel_words(&kernel, report, size));
    paragraphs.extend(own_words(&own));
    let bitmap =
        report.of_size(size).find(|cell| cell.design == "D5").and_then(|cell| cell.outcome.figures());
    paragraphs.extend(bitmap_helper(&kernel, bitmap));
    paragraphs.extend(elsewhere(report, size, demand, &kernel, &own));
    paragraphs
}

/// The designs of a size that have a cost, the best first: the cheapest, or one that costs hardly more with fewer
/// elements written or less memory.
fn choices(
    report: &Report,
    size: (u32, u32),
    cost: impl Fn(About, &Figures) -> Option<f64>,
) -> Vec<Choice<'_>> {
    let mut choices: Vec<Choice<'_>> = report
        .of_size(size)
        .filter_map(|cell| {
            let (about, figures) = (About::of(&cell.design), cell.outcome.figures()?);
            Some(Choice { about, figures, cost: cost(about, figures)? })
        })
        .collect();
    choices.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let cheapest = choices.first().map_or(0.0, |choice| choice.cost);
    let equal = choices.partition_point(|choice| choice.cost <= cheapest * HARDLY_MORE);
    choices[..equal].sort_by(|a, b| {
        let writes = calls(&a.figures.change).total_cmp(&calls(&b.figures.change));
        writes.then(a.figures.formula_bytes.cmp(&b.figures.formula_bytes))
    });
    choices
}

fn calls(update: &Update) -> f64 {
    update.writes + update.maps
}

fn calls_words(update: &Update) -> String {
    let calls = calls(update);
    format!("{} system {}", words::mean(calls), if calls == 1.0 { "call" } else { "calls" })
}

/// "3.2 times as much".
fn times(factor: f64) -> String {
    if (factor - 1.0).abs() < HARDLY_MORE - 1.0 {
        return "about as much".to_owned();
    }
    format!("{} times as much", words::mean((factor * 100.0).round() / 100.0))
}

/// Nanoseconds of a second that a kernel spends; for designs that it carries, each in its best form.
fn in_kernel(about: About, figures: &Figures, demand: Demand) -> Option<f64> {
    let frame = match about.id {
        "D3" => FRAME_NANOS + FLAG_NANOS + COPY_NANOS * figures.lookup.copies,
        "D4" => FRAME_NANOS + COPY_NANOS * figures.lookup.copies,
        "D15" => frame_nanos(figures.lookup),
        _ => return None,
    };
    Some(demand.frames as f64 * frame + demand.changes as f64 * UPDATE_NANOS * calls(&figures.change))
}

/// What a frame takes whose copies are filtered.
fn frame_nanos(lookup: Lookup) -> f64 {
    FRAME_NANOS + COPY_NANOS * lookup.copies + FILTER_NANOS * lookup.programs
}

/// Elementary operations in a second, for a data path that one writes oneself.
fn of_ones_own(about: About, figures: &Figures, demand: Demand) -> Option<f64> {
    // What makes copies only to drop them is a work-around for a kernel that cannot be changed.
    let direct = about.id != "D9" && about.id != "D15";
    direct.then_some(demand.frames as f64 * figures.lookup.ops + demand.changes as f64 * figures.change.ops)
}

fn kernel_words(kernel: &[Choice<'_>], report: &Report, size: (u32, u32)) -> String {
    let Some(best) = kernel.first() else {
        let carried: Vec<String> = report
            .of_size(size)
            .filter(|cell| matches!(cell.design.as_str(), "D3" | "D4" | "D15"))
            .filter_map(|cell| Some(format!("{} is {}", About::of(&cell.design).title(), reason(cell)?)))
            .collect();
        let why =
            if carried.is_empty() { "none that it carries was tried".to_owned() } else { carried.join("; ") };
        return format!("- On today's kernel: none of these. {}.", capital(&why));
    };
    let Choice { about, figures, .. } = best;
    let mut text = format!(
        "- On today's kernel: {}, {}. A frame makes {} copies, {} of which leave; a join takes {}; the maps take {}.",
        about.title(),
        about.how,
        words::mean(figures.lookup.copies),
        words::mean(figures.lookup.delivered),
        calls_words(&figures.change),
        words::bytes(figures.formula_bytes)
    );
    for other in &kernel[1..] {
        text.push_str(&format!(
            " {} would cost {}: {} copies a frame, {} a join, {}.",
            capital(&other.about.title()),
            times(other.cost / best.cost),
            words::mean(other.figures.lookup.copies),
            calls_words(&other.figures.change),
            words::bytes(other.figures.formula_bytes)
        ));
    }
    for cell in report.of_size(size).filter(|cell| About::of(&cell.design).kernel == Kernel::Redirect) {
        if let Some(reason) = reason(cell) {
            text.push_str(&format!(" {} is {reason}.", capital(&About::of(&cell.design).title())));
        }
    }
    text
}

fn own_words(own: &[Choice<'_>]) -> Option<String> {
    let best = own.first()?;
    let Choice { about, figures, .. } = best;
    let mut text = format!(
        "- In a data path of your own: {}. A lookup takes {} elementary operations for {} ports that get a copy, a \
         join {}; the groups take {}.",
        about.title(),
        words::mean(figures.lookup.ops),
        words::mean(figures.lookup.delivered),
        words::mean(figures.change.ops),
        words::bytes(figures.formula_bytes)
    );
    if let Some(next) = own.get(1) {
        text.push_str(&format!(
            " Next is {}, with {} work.",
            next.about.title(),
            times(next.cost / best.cost)
        ));
    }
    let smallest = own.iter().min_by_key(|choice| choice.figures.formula_bytes)?;
    if smallest.about != *about {
        text.push_str(&format!(
            " Smallest is {} with {}, at {} work.",
            smallest.about.title(),
            words::bytes(smallest.figures.formula_bytes),
            times(smallest.cost / best.cost)
        ));
    }
    Some(text)
}

/// What a helper that takes a mask would change for the best that a kernel has.
fn bitmap_helper(kernel: &[Choice<'_>], bitmap: Option<&Figures>) -> Option<String> {
    let (best, bitmap) = (kernel.first()?, bitmap?);
    let Choice { about, figures, .. } = best;
    let lookup = figures.lookup;
    let saved = (lookup.copies - lookup.delivered) * COPY_NANOS + lookup.programs * FILTER_NANOS;
    let text = match about.kernel {
        Kernel::Filter => format!(
            "would save {} of {} copies of a frame and all runs of the filter, about {} ns of {} (at {COPY_NANOS} ns a \
             copy and {FILTER_NANOS} ns a run, MCAST-K15)",
            words::mean(lookup.copies - lookup.delivered),
            words::mean(lookup.copies),
            words::mean(saved.round()),
            words::mean(frame_nanos(lookup).round())
        ),
        _ => "would save no copy here".to_owned(),
    };
    let (there, here) = (calls(&bitmap.change), calls(&figures.change));
    let join = match there < here {
        true => format!("; a join would write {} instead of {}", words::mean(there), words::mean(here)),
        false => String::new(),
    };
    Some(format!(
        "- A helper that takes a bitmap {text}{join}; the groups would take {} instead of {}.",
        words::bytes(bitmap.formula_bytes),
        words::bytes(figures.formula_bytes)
    ))
}

/// Sizes at which the advice is another.
fn elsewhere(
    report: &Report,
    here: (u32, u32),
    demand: Demand,
    kernel: &[Choice<'_>],
    own: &[Choice<'_>],
) -> Option<String> {
    let id = |choices: &[Choice<'_>]| choices.first().map_or("none", |choice| choice.about.id);
    let others = report.sizes().into_iter().filter(|&size| size != here);
    let mut differ = Vec::new();
    for size in others.clone() {
        let its_kernel = choices(report, size, |about, figures| in_kernel(about, figures, demand));
        let its_own = choices(report, size, |about, figures| of_ones_own(about, figures, demand));
        if (id(&its_kernel), id(&its_own)) != (id(kernel), id(own)) {
            differ.push(format!("{}: {} and {}", size_words(size), id(&its_kernel), id(&its_own)));
        }
    }
    match (others.count(), differ.is_empty()) {
        (0, _) => None,
        (_, true) => Some("- At the other sizes the advice is the same.".to_owned()),
        (_, false) => {
            let more = differ.len().saturating_sub(SIZES_TOLD);
            differ.truncate(SIZES_TOLD);
            differ.extend((more > 0).then(|| format!("and {more} more, by the tables")));
            Some(format!(
                "- At other sizes (in the kernel, and of your own): {}. Where no size is named, the advice is the same.",
                differ.join("; ")
            ))
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::samples;

    const DEMAND: Demand = Demand { frames: 1_000_000, changes: 100 };

    fn advice(report: &Report, demand: Demand) -> String {
        recommend(report, demand).join("\n")
    }

    #[test]
    fn what_the_kernel_can_do_itself_is_recommended_first() {
        let text = advice(&samples::report(), DEMAND);
        assert!(text.contains("On today's kernel: mainline flags (D3)"), "{text}");
        assert!(text.contains("In a data path of your own: dense bitmap (D5)"), "{text}");
    }

    #[test]
    fn without_flags_churn_decides_between_differences_and_filters() {
        let mut report = samples::report();
        report.cells.retain(|cell| cell.design != "D3");
        assert!(advice(&report, DEMAND).contains("On today's kernel: precomputed differences (D4)"));
        let churn = Demand { frames: 1_000, changes: 1_000_000 };
        assert!(advice(&report, churn).contains("On today's kernel: devmap-program filter (D15)"));
    }

    #[test]
    fn nothing_is_recommended_where_nothing_was_built() {
        let mut report = samples::report();
        report.cells.retain(|cell| cell.outcome.figures().is_none());
        let text = advice(&report, DEMAND);
        assert!(text.contains("On today's kernel: none of these"), "{text}");
        assert!(!text.contains("bitmap"), "{text}");
        report.cells.clear();
        assert_eq!(recommend(&report, DEMAND), Vec::<String>::new());
    }
}
