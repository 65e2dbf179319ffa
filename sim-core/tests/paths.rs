//! The two ways through step 2 give the same result: whole runs of frames at once, and frame by frame.
//!
//! Random worlds, compared in everything that can be seen: deliveries with their bytes and times, events
//! with their fields, the books with examples and skips, redirect info, veth counters, failed changes.

use crate::common;
use crate::worlds;
use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use worlds::tape::{Feed, Play, Way};
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::strategies::World;
use xdpsim_core::{
    Ctx, Effects, Errno, FrameMut, MapId, MapKind, Mutations, Path, PathCounts, RedirectFlags, Skip,
    XdpAction, XdpProgram,
};

const CASES: u32 = 3000;

/// By runs, frame by frame, and as one domain that assigns frames itself, also in batches of 7.
fn same_both_ways(world: &World) -> Result<PathCounts, String> {
    let (auto, paths) = world.run(Way::AUTO);
    let ways = [
        ("frame by frame", Way::FRAMES),
        ("fed whole", Way { feed: Feed::Whole, ..Way::AUTO }),
        ("in batches", Way { feed: Feed::Whole, batch: 7, ..Way::AUTO }),
    ];
    for (name, way) in ways {
        let (other, _) = world.run(way);
        if let Some(difference) = auto.difference(&other) {
            return Err(format!("by runs and {name}: {difference}"));
        }
    }
    Ok(paths)
}

/// The same cases every time, so that what they reach can be asserted.
fn runner(cases: u32, shrink: u32) -> TestRunner {
    let config = Config { cases, max_shrink_iters: shrink, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

#[test]
fn both_ways_give_the_same_and_both_are_taken() {
    let taken = Cell::new(PathCounts::default());
    let outcome = runner(CASES, 4096).run(&World::any(), |world| {
        let paths = same_both_ways(&world).map_err(TestCaseError::fail)?;
        taken.set(taken.get().plus(paths));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let taken = taken.get();
    let enough = u64::from(CASES);
    assert!(taken.frames > enough, "{taken:?}");
    assert!(taken.unicast_runs > enough, "{taken:?}");
    assert!(taken.broadcast_runs > enough, "{taken:?}");
}

/// Without any one of its conditions the fast path is wrong, and random worlds show it.
#[test]
fn every_condition_of_the_fast_path_is_needed() {
    let conditions = [
        Mutations::FAST_IGNORES_DUPLICATES,
        Mutations::FAST_IGNORES_LENGTH,
        Mutations::FAST_IGNORES_EFFECTS,
        Mutations::FAST_KEEPS_GROUPS,
        Mutations::FAST_WHOLE_RUNS,
    ];
    for mutation in conditions {
        let outcome = runner(CASES, 0).run(&World::any(), |mut world| {
            world.scenario.profile.mutations = mutation;
            same_both_ways(&world).map(drop).map_err(TestCaseError::fail)
        });
        assert!(outcome.is_err(), "{CASES} worlds do not need what {mutation:?} leaves out");
    }
}

/// Sends frames to one of two ports, by lot; on an entry it writes a number that it draws.
#[derive(Clone)]
struct Lottery {
    map: Option<MapId>,
}

impl XdpProgram for Lottery {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let drawn = ctx.prandom_u32();
        match self.map {
            Some(map) => ctx.redirect_map(map, u64::from(drawn % 2), 0),
            None => {
                frame.data_mut()[0] = drawn as u8;
                XdpAction::PASS
            }
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }

    fn effects(&self) -> Effects {
        Effects { redirects: self.map.is_some() }
    }
}

/// A devmap program draws in the middle of a poll frame by frame, and at its end in whole runs.
#[test]
fn programs_draw_the_same_numbers_both_ways() {
    let map = MapSpec::new("map", MapKind::Devmap, 2);
    let map = map.with_program(0, "b", "on_entry").with_program(1, "c", "on_entry");
    let mut scenario = Scenario { maps: vec![map], ..Scenario::default() };
    scenario.ports = ["a", "b", "c"].map(PortSpec::ideal).to_vec();
    scenario.ports[0].xdp = Some("on_port".into());
    let verdict = ProgramKind::Verdict(XdpAction::PASS);
    scenario.programs =
        vec![ProgramSpec::xdp("on_port", verdict.clone()), ProgramSpec::devmap("on_entry", verdict)];
    let run = |path| {
        let mut scenario = scenario.clone();
        scenario.profile.path = path;
        let own = |map| Box::new(Lottery { map }) as Box<dyn XdpProgram>;
        let programs = [("on_port", own(Some(MapId(1)))), ("on_entry", own(None))];
        let programs: BTreeMap<String, _> =
            programs.into_iter().map(|(name, own)| (name.into(), own)).collect();
        let mut lab = Lab::with_programs(&scenario, programs).expect("a scenario");
        (0..60).for_each(|_| _ = lab.send("a", &[0; 60]));
        lab.run()
    };
    let (auto, frames) = (run(Path::Auto), run(Path::FrameByFrame));
    assert!(auto.numbers("b").len() > 16 && auto.numbers("c").len() > 16, "partial flushes on both");
    assert_eq!(auto.deliveries(), frames.deliveries());
}

/// What an earlier port left armed is used up by the first frame of a program that only says REDIRECT, so
/// its frames are not all alike.
///
/// Rule: HLP-19.c, HLP-22.a
#[test]
fn a_bare_redirect_uses_up_what_was_armed_once() {
    for path in [Path::Auto, Path::FrameByFrame] {
        let mut scenario = common::ideal(&["a", "b", "c"]);
        scenario.profile.path = path;
        common::script(&mut scenario, "a", vec![vec![common::call_ifindex(2), common::PASS]]);
        common::attach(&mut scenario, "c", ProgramKind::Verdict(XdpAction::REDIRECT));
        let mut lab = common::lab(&scenario);
        lab.send("a", &common::frame(0));
        (1..4).for_each(|mark| _ = lab.send("c", &common::frame(mark)));
        let run = lab.run();
        assert_eq!(run.numbers("b"), [1], "{path:?}");
        assert_eq!(common::errors(&run), [None, Some(Errno::EBADRQC), Some(Errno::EBADRQC)], "{path:?}");
    }
}

/// A target is checked before it is excluded: an excluded one that a frame is too long for is skipped for
/// that.
///
/// Rule: BRD-05.d
#[test]
fn an_excluded_target_is_checked_first() {
    for path in [Path::Auto, Path::FrameByFrame] {
        let mut scenario = common::ideal(&["a", "b"]);
        scenario.profile.path = path;
        scenario.ports[0].mtu = Some(100);
        scenario.maps = vec![MapSpec::new("map", MapKind::Devmap, 2).with(0, "a").with(1, "b")];
        let flags = RedirectFlags::EXCLUDE_INGRESS;
        common::attach(&mut scenario, "a", ProgramKind::Broadcast { map: "map".into(), flags });
        let mut lab = common::lab(&scenario);
        lab.send("a", &[0; 118]).send("a", &[0; 119]);
        let run = lab.run();
        assert_eq!(run.numbers("b"), [0, 1], "{path:?}");
        let skips: Vec<(Skip, u64)> =
            run.report.skips.iter().map(|(key, &frames)| (key.skip, frames)).collect();
        assert_eq!(skips, [(Skip::TooLong, 1), (Skip::Ingress, 1)], "{path:?}");
    }
}
