//! Very many groups of 64 ports: what they take by formula, by capacity, and as the process grew.

use std::time::Instant;

use xdpsim_devmap::groups::encoding::{Design, Encoding, GroupId, Limits, Side, memory};

use crate::workload::{Dice, EXCLUDE, PORTS};

/// Ports in a group.
const MEMBERS: usize = 32;
/// Different groups; they repeat.
const KINDS: usize = 1_024;

/// Builds so many groups in each design that has them in user space, and prints what a kernel would need for the others.
pub fn print(groups: u32, only: &str) {
    println!("{groups} forward groups with {MEMBERS} of {PORTS} ports, {EXCLUDE} exclude groups");
    println!("                                  formula  capacity   process   seconds to build");
    let designs =
        Design::ALL.into_iter().filter(|design| design.name().contains(only) || design.id() == only);
    // All are kept to the end: what one gives back would hide what the next one takes.
    let mut built = Vec::new();
    for design in designs {
        let limits = Limits::new(PORTS, groups, EXCLUDE);
        if design.has_maps() {
            println!(
                "  {:28} {:>10}  in a kernel",
                design.to_string(),
                megabytes(in_a_kernel(design, &limits))
            );
        } else {
            built.extend(build(design, &limits));
        }
    }
}

fn build(design: Design, limits: &Limits) -> Option<Box<dyn Encoding>> {
    let mut dice = Dice::new(3);
    let kinds: Vec<_> = (0..KINDS).map(|_| dice.ports(MEMBERS)).collect();
    let (before, started) = (resident(), Instant::now());
    let mut encoding = match design.create(limits) {
        Ok(encoding) => encoding,
        Err(refusal) => {
            println!("  {:28} refused: {refusal}", design.to_string());
            return None;
        }
    };
    for (side, count) in [(Side::Forward, limits.forward), (Side::Exclude, limits.exclude)] {
        for (group, members) in (1..=count).zip(kinds.iter().cycle()) {
            encoding.define(side, GroupId(group), members).expect("ports within the limits");
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let grown = match (before, resident()) {
        (Some(before), Some(after)) => megabytes(after.saturating_sub(before)),
        _ => "-".to_owned(),
    };
    let (formula, heap) = (megabytes(encoding.formula_bytes()), megabytes(encoding.heap_bytes() as u64));
    println!("  {:28} {formula:>10} {heap:>10} {grown:>10} {seconds:>8.2}", design.to_string());
    Some(encoding)
}

/// The formula for groups of this size; precomputed differences are counted for the ingress alone.
fn in_a_kernel(design: Design, limits: &Limits) -> u64 {
    let (groups, exclude, members) = (u64::from(limits.forward), u64::from(limits.exclude), MEMBERS as u64);
    let group = |entries: u64| memory::devmap_hash(limits.slots, entries);
    let forward = groups * group(members);
    let both = forward + exclude * group(members);
    match design {
        Design::TwoMaps => both,
        Design::MainlineFlags => forward,
        Design::Precomputed => {
            let pairs = groups * (1 + members);
            let containing = memory::hash_of_maps(u32::try_from(pairs).unwrap_or(u32::MAX));
            containing + forward + groups * members * group(members - 1)
        }
        _ => memory::hash_of_maps(limits.forward + limits.exclude) + both,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Memory of this process, where the system tells it.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}
