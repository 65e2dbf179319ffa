//! Random cases build, stay within what a kernel can be asked, and reach what they should; both carriers of
//! a set difference deliver it. No kernel is needed for any of this.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use xdpsim_core::scenario::{At, Op, ProgramKind};
use xdpsim_core::{KernelVersion, Path};
use xdpsim_oracle::case::{Case, House, Inject};
use xdpsim_oracle::cases::{Carrier, ETHERTYPE, HouseMix, Mix, cases_in, differences_in, houses};
use xdpsim_oracle::model::{self, Options};

fn options() -> Options {
    Options::of(KernelVersion { major: 6, minor: 18 })
}

fn runner(seed: u8) -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).expect("strategies reject nothing").current()
}

/// So many houses, and so many cases in each.
fn each_case(houses_n: usize, cases: usize, mut with: impl FnMut(&House, &Case)) {
    let mut runner = runner(3);
    for _ in 0..houses_n {
        let house = draw(&mut runner, &houses(HouseMix::default()));
        let strategy = cases_in(&house, Mix { device_changes: 0.1, ..Mix::default() });
        for _ in 0..cases {
            with(&house, &draw(&mut runner, &strategy));
        }
    }
}

#[test]
fn every_case_builds_and_is_played_the_same_both_ways() {
    each_case(30, 40, |house, case| {
        assert_eq!(&case.house(), house);
        let play = |path| model::play(case, &Options { path, ..options() });
        let auto = play(Path::Auto).unwrap_or_else(|error| panic!("{error}: {case:#?}"));
        assert_eq!(Ok(auto), play(Path::FrameByFrame));
    });
}

#[test]
fn the_story_changes_nothing() {
    each_case(10, 20, |_, case| {
        let told = model::tell(case, &options()).expect("it builds");
        assert!(!told.story.is_empty());
        assert_eq!(Ok(told.transcript), model::play(case, &options()));
    });
}

/// Frames fit the port on which they come in, are told apart, and come in where there is a program.
#[test]
fn bursts_are_what_a_kernel_can_be_given() {
    each_case(20, 40, |house, case| {
        let mut seen = BTreeSet::new();
        for burst in &case.bursts {
            let port = &house.ports[burst.port];
            assert!(port.up && port.xdp.is_some() && port.mtu == Some(1500), "{port:?}");
            assert!((1..=64).contains(&burst.frames.len()));
            for frame in &burst.frames {
                assert!((14..=1518).contains(&frame.len()), "{}", frame.len());
                assert_eq!(frame[12..14], ETHERTYPE);
                assert!(frame.len() < 20 || seen.insert(frame[14..16].to_vec()), "a number is there twice");
            }
        }
    });
}

/// Changes fall between bursts: a change in the middle of one could not be made on a kernel.
#[test]
fn changes_come_before_a_burst() {
    let mut changes = 0;
    each_case(20, 40, |_, case| {
        let mut firsts = BTreeSet::from([0]);
        let mut no = 0;
        for burst in &case.bursts {
            firsts.insert(no);
            no += burst.frames.len() as u64;
        }
        firsts.remove(&no);
        for change in &case.scenario.changes {
            let At::Frame(at) = change.at else { panic!("{change:?}") };
            assert!(firsts.contains(&at.0), "{change:?}");
            changes += 1;
        }
    });
    assert!(changes > 300, "{changes}");
}

fn ops(kind: &ProgramKind) -> impl Iterator<Item = &Op> {
    let scripts = if let ProgramKind::Script(scripts) = kind { scripts.as_slice() } else { &[] };
    scripts.iter().flatten()
}

/// The buffer behind a frame that came in as an skb has any size, so its tail may not grow.
#[test]
fn tails_grow_only_where_all_frames_are_polled_together() {
    let mut grown = 0;
    each_case(20, 40, |_, case| {
        let grows = |op: &Op| matches!(op, Op::AdjustTail(1..));
        if case.scenario.programs.iter().any(|program| ops(&program.kind).any(grows)) {
            grown += 1;
            assert!(case.bursts.iter().all(|burst| burst.how == Inject::Poll));
        }
    });
    assert!(grown > 20, "{grown}");
}

/// Nobody goes round for ever in a house with a pair (HLP-18).
#[test]
fn no_frame_makes_many_hops() {
    each_case(30, 40, |_, case| {
        let mut limited = case.clone();
        limited.scenario.hops_max = 20;
        let played = model::play_fully(&limited, &options()).expect("it builds");
        assert_eq!(played.report.count(xdpsim_core::Fate::HopLimit), 0);
    });
}

/// Rule: BRD-01.a, BRD-11.a, DVP-02.c
#[test]
fn both_carriers_deliver_the_reference_difference() {
    let (mut runner, mut delivered) = (runner(5), 0);
    for _ in 0..30 {
        let house = draw(&mut runner, &houses(HouseMix::default()));
        let strategy = differences_in(&house);
        for _ in 0..40 {
            let difference = draw(&mut runner, &strategy);
            let expected = difference.expected(&house);
            for carrier in Carrier::ALL {
                let transcript =
                    model::play(&difference.case(&house, carrier), &options()).expect("it builds");
                assert_eq!(transcript.deliveries, expected, "{carrier:?}: {difference:#?}");
            }
            delivered += expected.values().map(Vec::len).sum::<usize>();
        }
    }
    assert!(delivered > 10_000, "{delivered}");
}

/// A failing case shrinks to something small: here the condition is that a frame leaves somewhere.
#[test]
fn cases_shrink() {
    let mut runner = runner(9);
    let house = draw(&mut runner, &houses(HouseMix::default()));
    let strategy = cases_in(&house, Mix::default());
    let fails = |case: &Case| !model::play(case, &options()).expect("it builds").deliveries.is_empty();
    let mut tree =
        (0..).map(|_| strategy.new_tree(&mut runner).expect("a case")).find(|tree| fails(&tree.current()));
    let tree = tree.as_mut().expect("some case delivers");
    while tree.simplify() {
        while !fails(&tree.current()) && tree.complicate() {}
    }
    let small = tree.current();
    assert!(fails(&small));
    assert_eq!(small.bursts.len(), 1, "{small:#?}");
    assert!(small.bursts[0].frames.len() <= 2, "{small:#?}");
    assert!(small.scenario.changes.is_empty(), "{small:#?}");
}
