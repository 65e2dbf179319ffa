//! The campaigns must be able to fail: every deliberate fault of the model is found on the running kernel.
//!
//! The cases are those of the campaign that every test run plays (10,000, seed 1). The kernel plays a case
//! once for each fault that it shows and that has not been found; what is found is shrunk and played again.
//! Faults that no kernel can show are listed in `faults.rs`, and no case of the campaign may show one.
//!
//! `docs/mutants.md` has the table. Its numbers are those of the run that wrote it: they change with the
//! generators, so only the rest is compared.

#![cfg(target_os = "linux")]

mod faults;
mod shorten;
mod table;

use std::collections::BTreeSet;
use std::time::Instant;

use xdpsim_core::Mutations;
use xdpsim_devmap::{MapMutations, MapTable};
use xdpsim_oracle::campaign::{Catch, DataCampaign, catch};
use xdpsim_oracle::maps::{MapCampaign, MapFailure, Share, campaign as map_campaign};
use xdpsim_oracle::model::Options;
use xdpsim_oracle::need;

use faults::{NAMED, OUT_OF_REACH, name, words};

/// Cases of the campaign that every test run plays.
const CASES: u64 = 10_000;
/// Cases of the campaign in generic mode, which is played for the faults of that mode.
const GENERIC_CASES: u64 = 1_500;
/// Operations of the map campaign that every test run plays.
const OPERATIONS: u64 = 500_000;

/// A shrunk case has at most so many frames; a ring of a veth takes 256.
const FRAMES_MAX: usize = 80;

/// The seed of both; another may be tried.
fn seed() -> u64 {
    std::env::var("XDPSIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn out_of_reach() -> Mutations {
    OUT_OF_REACH.iter().map(|one| one.fault).collect()
}

/// Only ports in generic mode can show these.
fn of_generic_mode() -> Mutations {
    let all = Mutations::all().iter_names().filter(|(name, _)| name.starts_with("GENERIC_"));
    all.map(|(_, fault)| fault).collect()
}

/// Every fault is found, but for those that no case can show.
#[test]
fn every_fault_is_found_on_the_kernel() {
    let Some(()) = need::kernel("every_fault_is_found_on_the_kernel") else { return };
    let begin = Instant::now();
    let what = DataCampaign::new(CASES, seed(), Options::host().unwrap());
    let reachable = Mutations::all() - out_of_reach();
    let mut caught =
        catch(&what, reachable - of_generic_mode()).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(caught.cases <= CASES && caught.played > 0);
    let what = DataCampaign::generic(GENERIC_CASES, seed(), Options::host().unwrap());
    let generic = catch(&what, reachable & of_generic_mode()).unwrap_or_else(|failure| panic!("{failure}"));
    caught.found.extend(generic.found);
    caught.missed.extend(generic.missed);
    let rows = table::rows(&caught);
    caught.found.iter().for_each(print);
    println!("{rows}\n{} cases, {} on the kernel, {:?}", caught.cases, caught.played, begin.elapsed());
    assert!(caught.missed.is_empty(), "not found in {CASES} cases: {:?}", caught.missed);
    for one in &caught.found {
        assert_ne!(one.difference.model, one.difference.kernel, "{}", name(one.fault));
        let frames: usize = one.case.bursts.iter().map(|burst| burst.frames.len()).sum();
        assert!(frames <= FRAMES_MAX, "{} is shown by no fewer than {frames} frames", name(one.fault));
    }
    for (fault, called) in NAMED {
        assert!(caught.found.iter().any(|one| one.fault == *fault), "{called} was not found");
    }
    table::check(&rows);
}

/// Or the entry is stale. The model alone says so: a kernel is asked only where a case shows a fault.
#[test]
fn no_case_shows_what_is_out_of_reach() {
    let what = DataCampaign::new(CASES, seed(), Options::host().unwrap());
    let caught = catch(&what, out_of_reach()).unwrap_or_else(|failure| panic!("{failure}"));
    let found: Vec<String> = caught.found.iter().map(|one| name(one.fault)).collect();
    assert!(
        found.is_empty(),
        "{found:?} can be found, although listed as out of reach: take it off the list"
    );
    assert_eq!((caught.cases, caught.played), (CASES, 0));
    let what = DataCampaign::generic(GENERIC_CASES, seed(), Options::host().unwrap());
    let caught =
        catch(&what, out_of_reach() & of_generic_mode()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((caught.found.len(), caught.cases, caught.played), (0, GENERIC_CASES, 0));
}

fn print(one: &Catch) {
    let (name, cases) = (name(one.fault), one.cases);
    println!("== {name}: found after {cases} cases; shortest: {}\n{}", table::size(&one.case), one.report);
}

/// The faults of the maps are found by the map campaign, too: soon, and in few operations.
#[test]
fn faults_of_the_maps_are_found_by_operations_alone() {
    let Some(()) = need::kernel("faults_of_the_maps_are_found_by_operations_alone") else { return };
    let share = Share { nested: 0, devices: 0 };
    for (name, fault) in MapMutations::all().iter_names() {
        let model = MapTable::with_mutations(fault);
        let what = MapCampaign { share, model, ..MapCampaign::new(OPERATIONS, seed()) };
        let found = match map_campaign(&what, &mut |_| ()) {
            Err(MapFailure::Difference(found)) => found,
            other => panic!("{name} was not found: {other:?}"),
        };
        println!("== {name}: {found}\n");
        assert!(found.operations < OPERATIONS / 10, "{name}: {found}");
        assert!(found.steps.len() < 12, "{name}: {found}");
        let (last, agreed) = found.steps.split_last().expect("a difference has steps");
        assert_ne!(last.model, last.kernel, "{name}");
        assert!(agreed.iter().all(|step| step.model == step.kernel), "{name}");
    }
}

#[test]
fn every_fault_of_the_maps_is_one_of_the_models() {
    let all: BTreeSet<&str> = Mutations::all().iter_names().map(|(name, _)| name).collect();
    let of_maps: BTreeSet<&str> = MapMutations::all().iter_names().map(|(name, _)| name).collect();
    assert!(of_maps.is_subset(&all), "{of_maps:?}");
}

/// What the tables say of faults names each once, and things that exist.
#[test]
fn the_lists_are_in_order() {
    let named: BTreeSet<String> = NAMED.iter().map(|one| name(one.0)).collect();
    assert_eq!((NAMED.len(), named.len()), (20, 20));
    assert!(NAMED.iter().all(|one| !out_of_reach().contains(one.0)));
    assert_eq!(OUT_OF_REACH.len(), out_of_reach().iter().count(), "a fault is listed twice");
    let checks = ["generic", "multicast", "queues", "targets"]
        .map(|file| faults::read(&format!("sim-core/tests/mutations/{file}.rs")))
        .concat();
    for one in OUT_OF_REACH {
        let (fault, check) = (name(one.fault), one.caught_by);
        let row = format!("(Mutations::{fault}, {check})");
        assert!(checks.contains(&row), "{row} is no check of the core's");
    }
    let all: BTreeSet<String> = Mutations::all().iter_names().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(words().into_keys().collect::<BTreeSet<_>>(), all, "their doc lines");
}
