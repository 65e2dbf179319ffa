//! Who is polled after whom in a softirq: rules DRV-07.c and DRV-07.d.

use crate::common;
use common::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{PortSpec, ProgramKind, Scenario};
use xdpsim_core::{Event, KernelVersion, XdpAction};

fn kernel(scenario: &Scenario, minor: u16) -> Lab {
    let mut scenario = scenario.clone();
    scenario.profile.kernel = KernelVersion { major: 6, minor };
    lab(&scenario)
}

/// The ports of all redirects by ifindex, as often as they take turns.
fn turns(run: &Run) -> Vec<u32> {
    let redirect = |event: &Event| match *event {
        Event::Redirect { ifindex, .. } => Some(ifindex.0),
        _ => None,
    };
    let mut turns: Vec<u32> = run.events.iter().filter_map(redirect).collect();
    turns.dedup();
    turns
}

/// Rule: DRV-07.c
#[test]
fn a_veth_queues_itself_behind_the_peer_that_its_tx_woke() {
    // Of two frames on v (1), one goes to w (2), its other end, by XDP_TX, and one comes back to v itself by a
    // redirect to w.
    let mut scenario = Scenario { ports: pair("v", "w", false).to_vec(), ..Scenario::default() };
    scenario.ports.push(PortSpec::ideal("z"));
    script(&mut scenario, "v", vec![vec![TX], to_ifindex(2), to_ifindex(3)]);
    script(&mut scenario, "w", vec![to_ifindex(3)]);
    let turns = |minor| {
        let mut lab = kernel(&scenario, minor);
        lab.send("v", &frame(0)).send("v", &frame(1));
        turns(&lab.run())
    };
    assert_eq!((turns(12), turns(18)), (vec![1, 2, 1], vec![1, 2, 1]));
    assert_eq!((turns(1), turns(11)), (vec![1, 2], vec![1, 2]), "v at once again, w last");
}

/// Four ports (1 to 4) leave 48 of the 300 frames of a softirq's budget. Half of their frames go to w1 (6), half to
/// w2 (8), which are not done after one poll; w1's go on to x1 (10), w2's to x2 (12), and from there to z.
fn two_long_branches() -> Scenario {
    let mut scenario = ideal(&["a", "b", "c", "d"]);
    for (one, other) in [("v1", "w1"), ("v2", "w2"), ("y1", "x1"), ("y2", "x2")] {
        scenario.ports.extend(pair(one, other, false));
    }
    scenario.ports.push(PortSpec::ideal("z"));
    for port in ["a", "b", "c", "d"] {
        script(&mut scenario, port, vec![to_ifindex(5), to_ifindex(7)]);
    }
    for (port, to) in [("w1", 9), ("w2", 11), ("x1", 13), ("x2", 13)] {
        script(&mut scenario, port, vec![to_ifindex(to)]);
    }
    for port in ["v1", "v2", "y1", "y2"] {
        attach(&mut scenario, port, ProgramKind::Verdict(XdpAction::PASS));
    }
    scenario
}

/// Rule: DRV-07.d
#[test]
fn who_is_woken_is_polled_with_what_is_left_of_the_budget() {
    let turns = |minor| {
        let mut lab = kernel(&two_long_branches(), minor);
        for port in ["a", "b", "c", "d"] {
            for mark in 0..63 {
                lab.send(port, &frame(mark));
            }
        }
        turns(&lab.run())
    };
    // The last queue is flushed first, so w2 is woken first. It uses up the budget; w1 comes a run later, after
    // which it is w2's turn again, and x1 waits.
    assert_eq!(turns(4)[..9], [1, 2, 3, 4, 8, 6, 12, 8, 10]);
    // A run of their own: w2 and w1 are polled in it, and wake x2 and x1 for the next one.
    assert_eq!(turns(3)[..9], [1, 2, 3, 4, 8, 6, 12, 10, 8]);
}
