//! Timestamps as captures really have them.

use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{Fate, IfIndex, Nanos};

fn lab() -> Lab {
    let kind = ProgramKind::Redirect { ifindex: IfIndex(2), flags: 0 };
    let mut ports = vec![PortSpec::ideal("in"), PortSpec::ideal("out")];
    ports[0].xdp = Some("program".to_owned());
    let programs = vec![ProgramSpec::xdp("program", kind)];
    Lab::new(&Scenario { ports, programs, ..Scenario::default() }).expect("builds")
}

/// A broken clock can stamp a frame with the end of time; it is polled all the same.
#[test]
fn a_frame_at_the_end_of_time_is_polled() {
    let mut lab = lab();
    lab.send("in", &[1; 60]).at(Nanos::MAX).send("in", &[2; 60]).send("in", &[3; 60]);
    let run = lab.run();
    assert_eq!(run.numbers("out"), [0, 1, 2]);
    assert!(run.report.is_balanced());
}

/// Rule: RSS-11.b
/// A timestamp that runs backward does not turn time back: the frame arrives now, with its predecessor.
#[test]
fn time_does_not_run_backward() {
    let mut lab = lab();
    lab.at(Nanos(9_000)).send("in", &[1; 60]).at(Nanos(4_000)).send("in", &[2; 60]);
    let run = lab.run();
    assert_eq!(run.count(Fate::Delivered), 2);
    assert_eq!(run.events.len(), 3, "two redirects and one flush: one poll");
}
