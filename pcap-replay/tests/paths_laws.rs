//! What holds of paths in random worlds: every frame gets through, is on one path, and ends as the books say.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use xdpsim::paths::{Groups, Leg};
use xdpsim::runner::{self, MemorySource, RunProgress, Settings};
use xdpsim_core::report::EndKey;
use xdpsim_core::strategies::World;
use xdpsim_core::{Fate, Nanos, Plan, StoryBook, Timing};

/// All frames of a world as a classic pcap with nanoseconds.
fn pcap(world: &World) -> Vec<u8> {
    let head = [0xa1b2_3c4du32, 0x0004_0002, 0, 0, 262_144, 1];
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (no, arrival) in world.arrivals.iter().enumerate() {
        let (Nanos(at), frame) = (arrival.at, arrival.bytes(no));
        let len = frame.len() as u32;
        let record = [(at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32, len, len];
        bytes.extend(record.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(frame);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_is_on_one_path_and_ends_as_the_books_say(
        world in World::any(),
        window in 100usize..4_000,
        asap in any::<bool>(),
    ) {
        let plan = Plan::new(&world.scenario).expect("every world builds");
        let ingress = world.arrivals.first().and_then(|arrival| plan.port(&world.port_of(arrival)));
        let Some(ingress) = ingress else { return Ok(()) };
        let bytes = pcap(&world);
        let mut source = MemorySource::new(&bytes, window).expect("a capture");
        let mut groups = Groups::new(plan.domains());
        let mut collect = |books: Vec<StoryBook>, _: RunProgress| -> Result<(), Infallible> {
            for (domain, book) in books.into_iter().enumerate() {
                groups.take(domain, book.steps, |_| true);
            }
            Ok(())
        };
        let timing = if asap { Timing::Asap } else { Timing::Capture };
        let settings = Settings { timing, ..Settings::default() };
        let make_sink = |_: usize| StoryBook::default();
        let Ok(finished) =
            runner::run(&plan, ingress, &mut source, &settings, &make_sink, &mut collect);
        prop_assert_eq!(groups.next_capture(), 0, "frames whose story has no end");
        let (groups, others) = groups.finish();
        let frames: u64 = groups.iter().map(|group| group.tally.frames).sum();
        prop_assert_eq!((frames, others.frames), (finished.report.arrivals, 0));
        let mut ended: BTreeMap<(Fate, Option<String>), u64> = BTreeMap::new();
        for group in &groups {
            group.path.walk(&mut |leg| {
                if let Leg::End(end) = leg {
                    let egress = end.egress.map(|port| plan.device(port).name.clone());
                    *ended.entry((end.fate, egress)).or_default() += group.tally.frames;
                }
            });
        }
        let mut booked: BTreeMap<(Fate, Option<String>), u64> = BTreeMap::new();
        for (EndKey { fate, egress, .. }, tally) in &finished.report.ends {
            *booked.entry((*fate, egress.clone())).or_default() += tally.frames;
        }
        prop_assert_eq!(ended, booked);
    }
}
