//! The two ways through step 2 give the same result: whole runs of frames at once, and frame by frame.
//!
//! Random worlds, compared in everything that can be seen: deliveries with their bytes and times, events
//! with their fields, the books with examples and skips, redirect info, veth counters.

#[path = "common/worlds/mod.rs"]
mod worlds;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use worlds::World;
use worlds::tape::{Feed, Way};
use xdpsim_core::PathCounts;

const CASES: u32 = 2000;

/// Auto, then frame by frame, then as one domain that assigns frames itself, in batches of 7.
fn same_both_ways(world: &World) -> Result<PathCounts, String> {
    let (auto, paths) = world.run(Way::AUTO);
    let (reference, _) = world.run(Way::FRAMES);
    let (whole, _) = world.run(Way { feed: Feed::Whole, ..Way::AUTO });
    let (batches, _) = world.run(Way { feed: Feed::Whole, batch: 7, ..Way::AUTO });
    for (name, other) in [("frame by frame", &reference), ("fed whole", &whole), ("in batches", &batches)] {
        if let Some(difference) = auto.difference(other) {
            return Err(format!("by runs and {name}: {difference}"));
        }
    }
    Ok(paths)
}

#[test]
fn both_ways_give_the_same_and_both_are_taken() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let taken = std::cell::Cell::new(PathCounts::default());
    let outcome = TestRunner::new_with_rng(config, rng).run(&World::any(), |world| {
        let paths = same_both_ways(&world).map_err(proptest::test_runner::TestCaseError::fail)?;
        taken.set(taken.get().plus(paths));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let taken = taken.get();
    eprintln!("{taken:?}");
    let enough = u64::from(CASES);
    assert!(taken.frames > enough, "{taken:?}");
    assert!(taken.unicast_runs > enough, "{taken:?}");
    assert!(taken.broadcast_runs > enough, "{taken:?}");
}
