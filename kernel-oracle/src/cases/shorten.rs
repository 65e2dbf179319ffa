//! Takes out of a case whatever a finding does not need.
//!
//! A strategy's own shrinking makes each draw simpler, but it keeps everything that was drawn: programs that
//! nothing reaches, maps that nobody names, frames in the middle. What is left out here is left out whole,
//! so nothing comes up that the generators avoid. The house stays, and so do the programs of its ports.

use xdpsim_core::scenario::{At, EntryValue, MapSpec, Op, ProgramKind, ProgramSpec};
use xdpsim_core::{FrameNo, XdpAction};

use crate::case::Case;

/// One kind of thing that a case may have too many of.
struct Pass {
    count: fn(&Case) -> usize,
    /// Takes the thing of this number out; does nothing where that can't be.
    without: fn(&mut Case, usize),
}

/// The coarse ones first.
const PASSES: &[Pass] = &[
    Pass { count: |case| case.bursts.len(), without: without_burst },
    Pass { count: |case| case.scenario.changes.len(), without: without_change },
    Pass { count: |case| case.scenario.programs.len(), without: plain_program },
    Pass { count: entries, without: without_entry },
    Pass { count: entries, without: without_entry_program },
    Pass { count: |case| case.scenario.programs.len(), without: without_program },
    Pass { count: |case| case.scenario.maps.len(), without: without_map },
    Pass { count: |case| scripts(case).map(Vec::len).sum(), without: without_script },
    Pass { count: |case| scripts(case).flatten().map(Vec::len).sum(), without: without_call },
    Pass { count: frames, without: without_frame },
];

/// The case without everything that `shows` does not need. A case that can't be built must not show it.
#[must_use]
pub fn shorten(mut case: Case, shows: &mut dyn FnMut(&Case) -> bool) -> Case {
    loop {
        let before = case.clone();
        for pass in PASSES {
            for at in (0..(pass.count)(&case)).rev() {
                let mut shorter = case.clone();
                (pass.without)(&mut shorter, at);
                if shorter != case && shows(&shorter) {
                    case = shorter;
                }
            }
        }
        if case == before {
            return case;
        }
    }
}

fn frames(case: &Case) -> usize {
    case.bursts.iter().map(|burst| burst.frames.len()).sum()
}

fn entries(case: &Case) -> usize {
    case.scenario.maps.iter().map(|map| map.entries.len()).sum()
}

/// All cycles of scripts.
fn scripts(case: &Case) -> impl Iterator<Item = &Vec<Vec<Op>>> {
    case.scenario.programs.iter().filter_map(|program| match &program.kind {
        ProgramKind::Script(cycle) => Some(cycle),
        _ => None,
    })
}

fn scripts_mut(case: &mut Case) -> impl Iterator<Item = &mut Vec<Vec<Op>>> {
    case.scenario.programs.iter_mut().filter_map(|program| match &mut program.kind {
        ProgramKind::Script(cycle) => Some(cycle),
        _ => None,
    })
}

/// Of lists in a row, the one that has the element of this number, and where.
fn located<'a, T: 'a>(
    lists: impl Iterator<Item = &'a mut Vec<T>>,
    mut at: usize,
) -> Option<(&'a mut Vec<T>, usize)> {
    for list in lists {
        if at < list.len() {
            return Some((list, at));
        }
        at -= list.len();
    }
    None
}

/// The number of the first frame of each burst.
fn firsts(case: &Case) -> Vec<u64> {
    let mut no = 0;
    let first = |burst: &crate::case::Burst| {
        let first = no;
        no += burst.frames.len() as u64;
        first
    };
    case.bursts.iter().map(first).collect()
}

fn without_burst(case: &mut Case, at: usize) {
    if case.bursts.len() == 1 {
        return;
    }
    let gone = case.bursts[at].frames.len();
    for _ in 0..gone {
        let first = firsts(case)[at];
        take_frame(case, at, 0, first);
    }
    case.bursts.remove(at);
    // What happened before the last burst, and that is gone, now happens before the one that is last.
    let last = firsts(case).last().copied().unwrap_or(0);
    for change in &mut case.scenario.changes {
        if let At::Frame(no) = &mut change.at {
            no.0 = no.0.min(last);
        }
    }
}

fn without_frame(case: &mut Case, at: usize) {
    let firsts = firsts(case);
    let Some(burst) = firsts.iter().rposition(|&first| first <= at as u64) else { return };
    if case.bursts[burst].frames.len() > 1 {
        take_frame(case, burst, at - firsts[burst] as usize, at as u64);
    }
}

/// Changes stay before the burst that they were before.
fn take_frame(case: &mut Case, burst: usize, position: usize, number: u64) {
    case.bursts[burst].frames.remove(position);
    for change in &mut case.scenario.changes {
        if let At::Frame(FrameNo(no)) = &mut change.at
            && *no > number
        {
            *no -= 1;
        }
    }
}

fn without_change(case: &mut Case, at: usize) {
    case.scenario.changes.remove(at);
}

fn without_map(case: &mut Case, at: usize) {
    case.scenario.maps.remove(at);
}

fn without_program(case: &mut Case, at: usize) {
    case.scenario.programs.remove(at);
}

fn plain_program(case: &mut Case, at: usize) {
    let ProgramSpec { kind, .. } = &mut case.scenario.programs[at];
    *kind = ProgramKind::Verdict(XdpAction::PASS);
}

fn entry_lists(case: &mut Case) -> impl Iterator<Item = &mut Vec<xdpsim_core::scenario::EntrySpec>> {
    case.scenario.maps.iter_mut().map(|MapSpec { entries, .. }| entries)
}

fn without_entry(case: &mut Case, at: usize) {
    if let Some((entries, at)) = located(entry_lists(case), at) {
        entries.remove(at);
    }
}

fn without_entry_program(case: &mut Case, at: usize) {
    if let Some((entries, at)) = located(entry_lists(case), at)
        && let EntryValue::Port { program, .. } = &mut entries[at].value
    {
        *program = None;
    }
}

fn without_script(case: &mut Case, at: usize) {
    if let Some((cycle, at)) = located(scripts_mut(case), at)
        && cycle.len() > 1
    {
        cycle.remove(at);
    }
}

/// Only calls: what a program writes may be what covers memory that nobody wrote.
fn without_call(case: &mut Case, at: usize) {
    let scripts = scripts_mut(case).flat_map(|cycle| cycle.iter_mut());
    if let Some((script, at)) = located(scripts, at)
        && matches!(script[at], Op::Redirect { .. } | Op::RedirectMap { .. } | Op::RedirectInner { .. })
    {
        script.remove(at);
    }
}
