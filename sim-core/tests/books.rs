//! Tallies, ledgers and reports: what they count, and that they add up in any order.

use proptest::prelude::*;
use xdpsim_core::ledger::{EXAMPLES, Ledger, Tally};
use xdpsim_core::report::{EndKey, SkipKey};
use xdpsim_core::{DevId, Errno, Fate, FrameNo, Report, Skip};

/// A tally of these frames, a byte each.
fn tally(frames: &[u64]) -> Tally {
    let mut ledger = Ledger::new(1, true);
    let n = frames.len() as u64;
    ledger.end(DevId(0), None, Fate::Passed, n, n, |i| FrameNo(frames[i]));
    ledger.ends().map(|(.., tally)| *tally).next().unwrap_or_default()
}

fn merged(parts: &[Tally]) -> Tally {
    let mut sum = Tally::default();
    for part in parts {
        sum.merge(part);
    }
    sum
}

fn numbers(tally: &Tally) -> Vec<u64> {
    tally.examples().iter().map(|no| no.0).collect()
}

#[test]
fn a_tally_keeps_its_first_frames() {
    assert_eq!(EXAMPLES, 4);
    for n in 0..7 {
        let frames: Vec<u64> = (10..10 + n).collect();
        let one = tally(&frames);
        assert_eq!((one.frames, one.bytes), (n, n));
        assert_eq!(numbers(&one), frames[..frames.len().min(4)]);
    }
}

#[test]
fn a_tally_grows_bulk_by_bulk() {
    let mut ledger = Ledger::new(1, true);
    for (first, n) in [(5, 1), (8, 2), (20, 3)] {
        ledger.end(DevId(0), None, Fate::Dropped, n, 60 * n, |i| FrameNo(first + i as u64));
    }
    let (.., tally) = ledger.ends().next().expect("one row");
    assert_eq!((tally.frames, tally.bytes, numbers(tally)), (6, 360, vec![5, 8, 9, 20]));
}

#[test]
fn merged_tallies_keep_the_lowest_numbers() {
    let sum = merged(&[tally(&[9, 30]), tally(&[2, 7, 8, 40, 41])]);
    assert_eq!((sum.frames, sum.bytes, numbers(&sum)), (7, 7, vec![2, 7, 8, 9]));
    assert_eq!(numbers(&merged(&[tally(&[3]), tally(&[1])])), [1, 3]);
}

/// (ingress, egress, fate, errno, frames).
type Row = (u32, Option<u32>, Fate, Option<Errno>, u64);

fn rows(ledger: &Ledger) -> Vec<Row> {
    ledger
        .ends()
        .map(|(from, to, fate, errno, tally)| (from.0, to.map(|to| to.0), fate, errno, tally.frames))
        .collect()
}

/// A ledger with one row of each sort.
fn filled(on: bool) -> Ledger {
    let mut ledger = Ledger::new(3, on);
    ledger.arrived(4, 240);
    ledger.arrived(3, 180);
    ledger.clones = 2;
    let number = |i: usize| FrameNo(i as u64);
    ledger.end(DevId(1), Some(DevId(2)), Fate::Delivered, 3, 180, number);
    ledger.end(DevId(1), Some(DevId(0)), Fate::Down, 1, 60, number);
    ledger.end(DevId(0), None, Fate::Passed, 2, 120, number);
    ledger.end(DevId(1), Some(DevId(2)), Fate::Delivered, 1, 60, number);
    ledger.end(DevId(1), None, Fate::Nobody, 0, 0, number);
    ledger.driver_fault(DevId(2), DevId(1), Errno::EIO, 2, 120, number);
    ledger.skipped(DevId(0), DevId(2), Skip::Down, 5);
    ledger.skipped(DevId(0), DevId(2), Skip::Down, 1);
    ledger.skipped(DevId(0), DevId(1), Skip::Upper, 0);
    ledger.hopped(DevId(1), 2, 120);
    ledger.hopped(DevId(2), 0, 0);
    ledger.hopped(DevId(1), 1, 64);
    ledger
}

#[test]
fn a_ledger_lists_its_rows_in_order() {
    let ledger = filled(true);
    let expected = [
        (0, None, Fate::Passed, None, 2),
        (1, Some(0), Fate::Down, Some(Errno::ENETDOWN), 1),
        (1, Some(2), Fate::Delivered, None, 4),
        (2, Some(1), Fate::DriverFault, Some(Errno::EIO), 2),
    ];
    assert_eq!(rows(&ledger), expected);
    assert_eq!((ledger.arrivals, ledger.arrival_bytes), (7, 420));
    assert_eq!(ledger.ended(), 9);
    assert_eq!(ledger.skips().collect::<Vec<_>>(), [(DevId(0), DevId(2), Skip::Down, 6)]);
    assert_eq!(ledger.hops().collect::<Vec<_>>(), [(DevId(1), 3, 184)]);
    let bytes: u64 = ledger.ends().map(|(.., tally)| tally.bytes).sum();
    assert_eq!(bytes, 540);
}

#[test]
fn a_ledger_that_is_off_counts_arrivals_only() {
    let ledger = filled(false);
    assert_eq!((ledger.ended(), ledger.skips().count(), ledger.arrivals), (0, 0, 7));
}

fn end_key(ingress: &str, egress: Option<&str>, fate: Fate) -> EndKey {
    EndKey { ingress: ingress.into(), egress: egress.map(Into::into), fate, errno: fate.errno() }
}

#[test]
fn a_report_answers_by_fate_and_by_port() {
    let mut report = Report { arrivals: 9, clones: 2, ..Report::default() };
    let delivered = |ingress, egress| end_key(ingress, Some(egress), Fate::Delivered);
    report.ends.insert(delivered("a", "b"), tally(&[1, 2]));
    report.ends.insert(delivered("c", "b"), tally(&[2, 3, 5]));
    report.ends.insert(delivered("a", "c"), tally(&[1]));
    report.ends.insert(end_key("a", Some("b"), Fate::Down), tally(&[4, 6]));
    report.ends.insert(end_key("a", None, Fate::Passed), tally(&[7, 8, 9]));
    assert!(report.is_balanced());
    assert_eq!(
        (report.count(Fate::Delivered), report.count(Fate::Down), report.count(Fate::TooLong)),
        (6, 2, 0)
    );
    assert_eq!(
        [report.delivered("b"), report.delivered("c"), report.delivered("x")],
        [(5, 5), (1, 1), (0, 0)]
    );
    let examples = report.examples(Fate::Delivered);
    assert_eq!(examples.iter().map(|no| no.0).collect::<Vec<_>>(), [1, 2, 3, 5]);
    assert!(report.examples(Fate::TooLong).is_empty());
}

fn any_tally() -> impl Strategy<Value = Tally> {
    // Frames in the order in which a CPU saw them: not always rising.
    prop::collection::vec(0..50u64, 0..7).prop_map(|frames| tally(&frames))
}

fn any_report() -> impl Strategy<Value = Report> {
    let port = prop::sample::select(vec!["a", "b", "c"]);
    let fate = prop::sample::select(vec![Fate::Delivered, Fate::Down, Fate::Passed]);
    let end = ((port.clone(), prop::option::of(port.clone()), fate), any_tally())
        .prop_map(|((ingress, egress, fate), tally)| (end_key(ingress, egress, fate), tally));
    let skip = prop::sample::select(Skip::ALL.to_vec());
    let skip = ((port.clone(), port, skip), 1..9u64).prop_map(|((ingress, target, skip), frames)| {
        (SkipKey { ingress: ingress.into(), target: target.into(), skip }, frames)
    });
    let counters = prop::array::uniform3(0..1000u64);
    let hops = (prop::sample::select(vec!["a", "b", "c"]), (1..9u64, 60..600u64));
    let hops = prop::collection::btree_map(hops.0.prop_map(str::to_owned), hops.1, 0..3);
    ((counters, hops), prop::collection::vec(end, 0..6), prop::collection::vec(skip, 0..4)).prop_map(
        |((counters, hops_by_port), ends, skips)| {
            let [arrivals, arrival_bytes, clones] = counters;
            let hops = hops_by_port.values().map(|hops| hops.0).sum();
            let (ends, skips) = (ends.into_iter().collect(), skips.into_iter().collect());
            Report { arrivals, arrival_bytes, clones, hops, hops_by_port, ends, skips }
        },
    )
}

fn sum(parts: &[&Report]) -> Report {
    let mut sum = Report::default();
    for part in parts {
        sum.merge(part);
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tallies_add_up_in_any_order(a in any_tally(), b in any_tally(), c in any_tally()) {
        prop_assert_eq!(merged(&[a, b, c]), merged(&[c, a, b]));
        prop_assert_eq!(merged(&[a, b]), merged(&[b, a]));
        prop_assert_eq!(merged(&[merged(&[a, b]), c]), merged(&[a, merged(&[b, c])]));
        let sum = merged(&[a, b, c]);
        prop_assert_eq!(sum.frames, a.frames + b.frames + c.frames);
        prop_assert_eq!(sum.bytes, a.bytes + b.bytes + c.bytes);
        let mut lowest: Vec<u64> = [a, b, c].iter().flat_map(numbers).collect();
        lowest.sort_unstable();
        lowest.truncate(EXAMPLES);
        prop_assert_eq!(numbers(&sum), lowest);
    }

    #[test]
    fn reports_add_up_in_any_order(a in any_report(), b in any_report(), c in any_report()) {
        let all = sum(&[&a, &b, &c]);
        prop_assert_eq!(&all, &sum(&[&c, &a, &b]));
        prop_assert_eq!(&all, &sum(&[&sum(&[&a, &b]), &c]));
        prop_assert_eq!(&all, &sum(&[&a, &sum(&[&b, &c])]));
        prop_assert_eq!(all.arrivals, a.arrivals + b.arrivals + c.arrivals);
        prop_assert_eq!(all.arrival_bytes, a.arrival_bytes + b.arrival_bytes + c.arrival_bytes);
        prop_assert_eq!((all.clones, all.hops), (a.clones + b.clones + c.clones, a.hops + b.hops + c.hops));
        prop_assert_eq!(all.hops, all.hops_by_port.values().map(|hops| hops.0).sum::<u64>());
        let hop_bytes = |report: &Report| report.hops_by_port.values().map(|hops| hops.1).sum::<u64>();
        prop_assert_eq!(hop_bytes(&all), hop_bytes(&a) + hop_bytes(&b) + hop_bytes(&c));
        for fate in [Fate::Delivered, Fate::Down, Fate::Passed] {
            prop_assert_eq!(all.count(fate), a.count(fate) + b.count(fate) + c.count(fate));
        }
        let skipped = |report: &Report| report.skips.values().sum::<u64>();
        prop_assert_eq!(skipped(&all), skipped(&a) + skipped(&b) + skipped(&c));
    }
}
