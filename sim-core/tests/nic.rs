//! The `nic` port: a TX ring that a line drains in virtual time.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::scenario::{MapSpec, PortKind, PortSpec, ProgramKind, Scenario};
use xdpsim_core::{
    Batch, BitRate, Delivery, Desc, Fate, FrameNo, Ingress, MapKind, Nanos, Plan, Sink, Timing, XdpAction,
};

/// A frame of 60 bytes takes 84 on the wire: 672 ns at 1 Gbit/s.
const GIGABIT: Option<BitRate> = Some(BitRate(1_000_000_000));
const WIRE: u64 = 672;

/// a (ideal) redirects to n (ifindex 2), a `nic` like this.
fn to_nic(rate: Option<BitRate>, tx_ring: u32) -> Scenario {
    let mut scenario = ideal(&["a"]);
    scenario.ports.push(PortSpec::new("n", PortKind::Nic { rate, tx_ring }));
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    scenario
}

/// Notes when frames leave.
#[derive(Default)]
struct Departures(Vec<(u64, u64, u64)>);

impl Sink for Departures {
    const DELIVERIES: bool = true;

    fn delivered(&mut self, delivery: Delivery<'_>) {
        self.0.push((delivery.frame.0, delivery.arrival.0, delivery.departure.0));
    }
}

/// (frame, arrival, departure) of frames of 60 bytes that arrive on a at these times, fed in batches of
/// this size.
fn departures(scenario: &Scenario, times: &[u64], size: usize) -> Vec<(u64, u64, u64)> {
    let plan = Plan::new(scenario).unwrap();
    let mut domain = plan.domain(0, Timing::Capture, true, Departures::default());
    for (i, times) in times.chunks(size).enumerate() {
        let first = FrameNo((i * size) as u64);
        let frames: Vec<Desc> =
            (0..times.len()).map(|j| Desc::arrived(0, 60, FrameNo(first.0 + j as u64))).collect();
        let stamps: Vec<Nanos> = times.iter().map(|&time| Nanos(time)).collect();
        let ingress = Ingress::One(plan.port("a").unwrap());
        domain.feed(&Batch { first, bytes: &[0; 60], frames: &frames, stamps: &stamps, ingress });
    }
    domain.finish();
    domain.into_sink().0
}

/// Rule: FLU-04.e
#[test]
fn a_ring_of_n_descriptors_takes_n_minus_one_frames() {
    let run = burst(&to_nic(GIGABIT, 8), "a", 12);
    assert_eq!(xmits(&run), [(1, 2, 7, 5, None)]);
    assert_eq!((run.numbers("n"), run.count(Fate::TxRingFull)), ((0..7).collect(), 5));
}

/// Rule: FLU-04.e
#[test]
fn a_line_without_a_rate_drains_between_bulks() {
    let run = burst(&to_nic(None, 8), "a", 32);
    assert_eq!(xmits(&run), [(1, 2, 7, 9, None), (1, 2, 7, 9, None)]);
    assert_eq!(xmits(&burst(&to_nic(None, 17), "a", 32)), [(1, 2, 16, 0, None); 2]);
    assert_eq!(xmits(&burst(&to_nic(None, 0), "a", 1)), [(1, 2, 0, 1, None)]);
}

#[test]
fn frames_leave_one_after_the_other() {
    let all: Vec<_> = (0..5).map(|no| (no, 100, 100 + WIRE * (no + 1))).collect();
    assert_eq!(departures(&to_nic(GIGABIT, 64), &[100; 5], 9), all);
    // The line waits for nobody and nobody for a free line.
    let spaced = departures(&to_nic(GIGABIT, 64), &[100, 200, 5000], 9);
    assert_eq!(spaced, [(0, 100, 100 + WIRE), (1, 200, 100 + 2 * WIRE), (2, 5000, 5000 + WIRE)]);
    assert_eq!(departures(&to_nic(None, 64), &[100, 200], 9), [(0, 100, 100), (1, 200, 200)]);
}

#[test]
fn the_ring_has_room_when_the_line_has_sent() {
    // A ring of three frames: two wait behind the one on the wire.
    let scenario = to_nic(GIGABIT, 4);
    let times = [0, 0, 0, 0, WIRE - 1, WIRE, WIRE, 2 * WIRE];
    let expected =
        [(0, 0, WIRE), (1, 0, 2 * WIRE), (2, 0, 3 * WIRE), (5, WIRE, 4 * WIRE), (7, 2 * WIRE, 5 * WIRE)];
    assert_eq!(departures(&scenario, &times, 9), expected);
}

#[test]
fn departures_do_not_depend_on_batches() {
    let scenario = to_nic(GIGABIT, 16);
    let times: Vec<u64> = (0..200).map(|i| i / 3 * 700).collect();
    let whole = departures(&scenario, &times, 200);
    assert!(whole.len() < 200, "the ring overflows");
    for size in [1, 3, 64] {
        assert_eq!(departures(&scenario, &times, size), whole, "{size}");
    }
}

#[test]
fn all_ways_into_a_nic_share_one_ring() {
    // Two ports, a program on the map's entry, and the nic's own XDP_TX.
    let mut scenario = to_nic(GIGABIT, 4);
    scenario.ports.push(PortSpec::ideal("b"));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "n", "entry")];
    script(&mut scenario, "b", vec![to_key("ports", 0, 0)]);
    attach(&mut scenario, "n", ProgramKind::Verdict(XdpAction::TX));
    entry_program(&mut scenario, "entry", ProgramKind::Verdict(XdpAction::PASS));
    let mut lab = lab(&scenario);
    for port in ["a", "b", "n", "a", "b", "n"] {
        lab.send(port, &frame(0));
    }
    let run = settled(&mut lab);
    assert_eq!((run.numbers("n"), run.count(Fate::TxRingFull)), (vec![0, 3, 1], 3));
    assert_eq!(bulk_txs(&run), [], "the event is veth's");
}

/// Rule: RSS-11.c
#[test]
fn back_to_back_frames_take_the_time_of_their_line() {
    let mut scenario = to_nic(GIGABIT, 4096);
    scenario.ports.push(PortSpec::new("m", PortKind::Nic { rate: GIGABIT, tx_ring: 64 }));
    script(&mut scenario, "n", vec![to_ifindex(3)]);
    let mut lab = lab(&scenario);
    lab.timing(Timing::Asap);
    for _ in 0..640 {
        lab.send("n", &frame(0));
    }
    // In at the line's rate, out at the line's rate: the ring of 63 never holds more than a poll.
    let run = settled(&mut lab);
    assert_eq!(run.report.delivered("m").0 + run.count(Fate::TxRingFull), 640);
    assert_eq!(run.count(Fate::TxRingFull), 10, "the last frame of each poll");
}
