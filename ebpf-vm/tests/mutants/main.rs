//! Real programs with one or two changed fields, on frames that end where the program looks: all engines do what the
//! reference does.
//!
//! What a change breaks is what matters: programs that no verifier would take, with bounds that are off by one, the
//! wrong register, another width. Compared are the result or fault with place and registers, the packet's whole
//! buffer (room around the frame is filled with a pattern), its bounds, the values of all maps, and what the surroundings
//! were asked. Half of the mutants do it run by run, the others as a poll has them, one after the other.
//!
//! `XDPSIM_MUTANT_SECONDS` says for how long (10 unless it is set), `XDPSIM_MUTANT_SEED` where to begin; the seed of every
//! mutant that shows a difference is printed, and that seed alone with `XDPSIM_MUTANT_SECONDS=0` shows it again.

#[path = "../corpus/mod.rs"]
mod corpus;
mod frames;
mod mutate;
mod sides;
mod together;

use std::time::{Duration, Instant};

use frames::Random;
use sides::{Case, Counts};
use xdpsim_vm::Engine;
use xdpsim_vm::mutations::{Mutation, plant};

fn from_env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{name}={value}: {error}")))
}

/// All objects of the corpus, with each instruction set version by turns.
fn cases() -> Vec<Case> {
    let names = corpus::names();
    let all = names.iter().zip(corpus::CPUS.iter().cycle()).filter_map(|(name, cpu)| {
        let cpu = [*cpu, "v3", "v4"].into_iter().find(|cpu| corpus::exists(cpu, name))?;
        Some(Case::new(name, corpus::load(cpu, name)))
    });
    all.collect()
}

/// Mutants of one seed after the other: the first difference.
fn hunt(
    cases: &[Case],
    engine: Engine,
    seeds: impl Iterator<Item = u64>,
    counts: &mut Counts,
) -> Option<String> {
    let mut seeds = seeds;
    seeds.find_map(|seed| {
        let case = &cases[(seed % cases.len() as u64) as usize];
        let difference = case.try_mutant(engine, &mut Random(seed), counts)?;
        Some(format!("mutant {seed} of {}, {engine}: {difference}", case.name))
    })
}

#[test]
fn engines_do_with_mutants_what_the_reference_does() {
    let cases = cases();
    let time = Duration::from_secs(from_env("XDPSIM_MUTANT_SECONDS").unwrap_or(10));
    let (start, first) = (Instant::now(), from_env("XDPSIM_MUTANT_SEED").unwrap_or(1));
    let others: Vec<Engine> =
        Engine::ALL.iter().copied().filter(|engine| *engine != Engine::Reference).collect();
    let (mut counts, mut found, mut seed) = (Counts::default(), Vec::new(), first);
    loop {
        for engine in &others {
            found.extend(hunt(&cases, *engine, std::iter::once(seed), &mut counts));
        }
        seed += 1;
        if start.elapsed() >= time || found.len() >= 10 {
            break;
        }
    }
    println!("mutants from seed {first} to {}: {counts:?}, {} objects", seed - 1, cases.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
    let is_short = time < Duration::from_secs(5);
    assert!(is_short || counts.runs > 2000 && counts.faults > counts.runs / 100, "hardly anything was tried");
}

/// The comparison is worth something: bounds that are off by one are seen, in packets and in values of maps.
#[test]
fn planted_errors_are_found() {
    let cases = cases();
    for mutation in
        [Mutation::PacketEnd(1), Mutation::PacketEnd(4), Mutation::ValueEnd(1), Mutation::ValueEnd(8)]
    {
        plant(Some(mutation));
        let mut counts = Counts::default();
        let found = hunt(&cases, Engine::Interpreter, 1..20_000, &mut counts);
        plant(None);
        let found = found.unwrap_or_else(|| panic!("{mutation:?} is not seen: {counts:?}"));
        println!(
            "{mutation:?} after {} mutants: {}",
            counts.mutants,
            found.lines().next().unwrap_or_default()
        );
    }
}
