//! Every deliberate fault of the model ([`Mutations`]) is caught by a check of the rule that it breaks.
//!
//! A check builds a small scenario, runs it both ways and compares what it sees with what the rule says.
//! Without a fault all checks must pass; with its fault a check must fail. So a rule whose hook was lost in
//! a later change of the engine shows up here, too.

#[path = "../common/mod.rs"]
mod common;
mod drivers;
mod fast;
mod generic;
mod helpers;
mod maps;
mod multicast;
mod queues;
mod targets;

use std::collections::BTreeSet;
use std::fmt::Debug;

use common::{burst, ideal};
use xdpsim_core::lab::Run;
use xdpsim_core::scenario::{MapSpec, Op, ProgramKind, Scenario};
use xdpsim_core::{MapKind, Mutations, Path, Profile};

/// What a check saw: fine, or what was wrong.
type Verdict = Result<(), String>;

/// A fault, and the check that must notice it.
type Row = (Mutations, fn(Profile) -> Verdict);

fn rows() -> Vec<Row> {
    [
        helpers::ROWS,
        queues::ROWS,
        targets::ROWS,
        drivers::ROWS,
        maps::ROWS,
        fast::ROWS,
        generic::ROWS,
        multicast::ROWS,
    ]
    .concat()
}

/// Runs a check both ways, with this fault planted.
fn check(check: fn(Profile) -> Verdict, mutations: Mutations) -> Verdict {
    let profile = |path| Profile { path, mutations, ..Profile::default() };
    check(profile(Path::Auto)).and_then(|()| check(profile(Path::FrameByFrame)))
}

fn name(mutation: Mutations) -> String {
    mutation.iter_names().map(|(name, _)| name).collect()
}

#[test]
fn every_mutation_has_a_check() {
    let rows = rows();
    let listed: BTreeSet<String> = rows.iter().map(|&(mutation, _)| name(mutation)).collect();
    let all: BTreeSet<String> = Mutations::all().iter_names().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(listed, all);
    assert_eq!(rows.len(), all.len(), "a mutation is listed twice");
}

#[test]
fn every_check_passes_without_a_mutation() {
    for (mutation, one) in rows() {
        let seen = check(one, Mutations::empty());
        assert_eq!(seen, Ok(()), "the check of {}", name(mutation));
    }
}

#[test]
fn every_mutation_is_caught() {
    let caught = |&(mutation, one): &Row| check(one, mutation).is_err();
    let missed: Vec<String> = rows().iter().filter(|row| !caught(row)).map(|row| name(row.0)).collect();
    assert!(missed.is_empty(), "nobody noticed {missed:?}");
}

/// What is seen must be what the rule says.
fn expect<T: PartialEq + Debug>(seen: T, rule: T) -> Verdict {
    if seen == rule { Ok(()) } else { Err(format!("{seen:?}, but the rule says {rule:?}")) }
}

/// Ports a, b, c, d (ifindex 1 to 4); in `map` keys 1 to 4 are a to d.
fn bench(profile: Profile) -> Scenario {
    let map = MapSpec::new("map", MapKind::Devmap, 8).with(1, "a").with(2, "b").with(3, "c").with(4, "d");
    Scenario { profile, maps: vec![map], ..ideal(&["a", "b", "c", "d"]) }
}

/// As many frames on a as there are scripts.
fn run_on_a(mut scenario: Scenario, cycle: Vec<Vec<Op>>) -> Run {
    let frames = cycle.len() as u8;
    common::script(&mut scenario, "a", cycle);
    burst(&scenario, "a", frames)
}

/// A devmap program that writes this byte to offset 1.
fn marks(scenario: &mut Scenario, program: &str, value: u8) {
    let script = vec![vec![Op::SetByte { offset: 1, value }]];
    common::entry_program(scenario, program, ProgramKind::Script(script));
}

/// Byte 1 of every frame that left by a port.
fn marks_on(run: &Run, port: &str) -> Vec<u8> {
    run.frames(port).iter().map(|frame| frame[1]).collect()
}
