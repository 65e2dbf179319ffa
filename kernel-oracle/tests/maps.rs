//! The map campaign: no difference between model and kernel, and every clause shown. That it finds faults is
//! shown among the catches.

use std::time::Instant;

use xdpsim_devmap::MapKind;
use xdpsim_oracle::maps::op::{CreateOp, InnerRef};
use xdpsim_oracle::maps::{
    Answer, Clause, MapCampaign, MapDifference, MapOp, MapReport, Share, Step, campaign,
};
use xdpsim_oracle::need;

/// Operations of the whole campaign.
const OPERATIONS: u64 = 500_000;
/// How often each clause has to be shown.
const TWENTY: u64 = 20;

fn play(what: &MapCampaign) -> MapReport {
    let mut heard = 0;
    let report =
        campaign(what, &mut |operations| heard = operations).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(heard, report.operations);
    report
}

/// Half a million operations, answer for answer.
///
/// Rule: HLP-16.a
/// Rule: MAP-01.a, MAP-01.b, MAP-01.c, MAP-01.d, MAP-01.e, MAP-01.f
/// Rule: MAP-02.a, MAP-02.b, MAP-02.c
/// Rule: MAP-03.a, MAP-03.b, MAP-03.c, MAP-03.d, MAP-03.e, MAP-03.f, MAP-03.g, MAP-03.h, MAP-03.i
/// Rule: MAP-04.a, MAP-04.b, MAP-04.c, MAP-04.d, MAP-04.e, MAP-04.f, MAP-04.g, MAP-04.h
/// Rule: MAP-05.a
/// Rule: MAP-06.a, MAP-06.b, MAP-06.c, MAP-06.d
/// Rule: MAP-07.a, MAP-07.b, MAP-07.c, MAP-07.d, MAP-07.e
/// Rule: MAP-08.a, MAP-08.b
/// Rule: MAP-09.a, MAP-09.b, MAP-09.c
/// Rule: MAP-10.a, MAP-10.b, MAP-10.c
/// Rule: MAP-11.a, MAP-11.b
/// Rule: MAP-12.a
/// Rule: MAP-13.a, MAP-13.b, MAP-13.d
/// Rule: BRD-03.a, BRD-03.b, BRD-03.c
#[test]
fn the_kernels_maps_answer_as_the_models() {
    let Some(()) = need::kernel("the_kernels_maps_answer_as_the_models") else { return };
    let begin = Instant::now();
    let report = play(&MapCampaign::new(OPERATIONS, 1));
    let rate = report.operations as f64 / begin.elapsed().as_secs_f64();
    println!("{} operations in {} sequences, {rate:.0} a second", report.operations, report.sequences);
    println!("{}", report.exercised);
    assert!(report.operations >= OPERATIONS);
    let rare: Vec<&str> = report
        .exercised
        .counts()
        .filter(|(_, count)| *count < TWENTY)
        .map(|(clause, _)| clause.id())
        .collect();
    assert!(rare.is_empty(), "shown fewer than {TWENTY} times: {rare:?}");
}

/// A seed stands for its sequences.
#[test]
fn the_same_seed_gives_the_same_campaign() {
    let Some(()) = need::kernel("the_same_seed_gives_the_same_campaign") else { return };
    let quick = MapCampaign { share: Share { nested: 0, devices: 0 }, ..MapCampaign::new(3000, 7) };
    let (first, second) = (play(&quick), play(&quick));
    assert_eq!(first, second);
    assert_eq!(first.exercised.count(Clause::Map13a), 0);
    assert_ne!(first.exercised, play(&MapCampaign { seed: 8, ..quick }).exercised);
}

/// What a difference looks like.
#[test]
fn a_difference_prints_its_sequence() {
    let create = CreateOp {
        kind: MapKind::Devmap,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: 8,
        inner: InnerRef::Closed,
    };
    let step = |kernel| Step { op: MapOp::Create(create), model: Answer::Created(0x80), kernel };
    let steps = vec![step(Answer::Created(0x80)), step(Answer::Refused(22))];
    let text = MapDifference { steps, operations: 7, seed: 3 }.to_string();
    assert!(text.starts_with("model and kernel differ after 7 map operations (seed 3)"), "{text}");
    assert!(text.contains("both: created, flags 0x80"), "{text}");
    assert!(text.ends_with("model:  created, flags 0x80\n       kernel: EINVAL (22)"), "{text}");
}
