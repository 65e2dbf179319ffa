//! Generic (skb) mode: the programs of entries, and copies; rules GEN-06, GEN-07 and GEN-10.

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::netdev::XdpMode;
use xdpsim_core::scenario::{MapSpec, Op, PeerSpec, PortKind, PortSpec, ProgramKind, Rss, Scenario};
use xdpsim_core::{Fate, IfIndex, MapKind, QueueId, XdpAction};

use super::bench::*;
use super::common::probe::{Note, exceptions, names};
use super::common::*;
use super::generic::in_generic_mode;

/// Entries 0, 1 and 2 are b without a program, with one that writes 7, and with one that writes 8.
fn three_entries() -> Scenario {
    let mut scenario = bench();
    for (name, value) in [("p", 7), ("q", 8)] {
        entry_program(&mut scenario, name, ProgramKind::Script(vec![vec![Op::SetByte { offset: 1, value }]]));
    }
    let map = MapSpec::new("map", MapKind::Devmap, 8).with(0, "b");
    scenario.maps = vec![map.with_program(1, "b", "p").with_program(2, "b", "q")];
    in_generic_mode(&mut scenario, "a");
    scenario
}

fn second_bytes(run: &Run, port: &str) -> Vec<u8> {
    run.frames(port).iter().map(|frame| frame[1]).collect()
}

/// Rule: GEN-06.a
#[test]
fn every_entrys_own_program_runs() {
    let mut scenario = three_entries();
    script(&mut scenario, "a", (0..3).map(|key| to_key("map", key, 0)).collect());
    assert_eq!(second_bytes(&burst(&scenario, "a", 3), "b"), [0, 7, 8]);
    script(&mut scenario, "a", vec![to_key("map", 9, BROADCAST)]);
    assert_eq!(second_bytes(&burst(&scenario, "a", 1), "b"), [0, 7, 8]);
}

/// Rule: GEN-06.b
#[test]
fn what_a_devmap_program_does_not_pass_was_redirected_all_the_same() {
    let verdicts = [
        (1, Fate::EntryDropped),
        (0, Fate::EntryAborted),
        (3, Fate::EntryUnsupported),
        (9, Fate::EntryUnsupported),
    ];
    for (verdict, fate) in verdicts {
        let mut scenario = three_entries();
        scenario.programs.clear();
        entry_program(&mut scenario, "p", ProgramKind::Verdict(XdpAction(verdict)));
        entry_program(&mut scenario, "q", ProgramKind::Verdict(XdpAction::PASS));
        script(&mut scenario, "a", vec![to_key("map", 9, BROADCAST)]);
        let run = burst(&scenario, "a", 1);
        assert_eq!((errors(&run), run.numbers("b").len(), run.count(fate)), (vec![None], 2, 1));
        let silent = verdict == XdpAction::DROP.0;
        // The program's id and the ifindex of the target.
        assert_eq!(exceptions(&run), if silent { vec![] } else { vec![(1, verdict, 2)] });
        assert!(run.report.is_balanced());
    }
}

/// Port a has two queues; a veth does not record the queue.
///
/// Rule: GEN-06.c
#[test]
fn a_devmap_program_sees_the_queue_on_which_the_packet_came() {
    let queues = |kind: PortKind, mode: XdpMode| {
        let mut scenario = three_entries();
        scenario.ports[0] = PortSpec { queues: 2, rss: Rss::RoundRobin, mode, ..PortSpec::new("a", kind) };
        script(&mut scenario, "a", vec![to_key("map", 1, 0)]);
        let (notes, own) = Note::called("p");
        let mut lab = Lab::with_programs(&scenario, own).expect("builds");
        assert!(lab.send("a", &frame(0)).send("a", &frame(1)).run().report.is_balanced());
        let notes = notes.lock().expect("nobody panicked");
        assert!(notes.iter().all(|seen| (seen.ingress, seen.egress) == (IfIndex(1), Some(IfIndex(2)))));
        notes.iter().map(|seen| seen.queue).collect::<Vec<_>>()
    };
    assert_eq!(queues(PortKind::Ideal, XdpMode::Generic), [QueueId(0), QueueId(1)]);
    assert_eq!(queues(PortKind::Ideal, XdpMode::Native), [QueueId(0), QueueId(0)]);
    let veth = PortKind::Veth { peer: PeerSpec::default(), gro: true };
    assert_eq!(queues(veth, XdpMode::Generic), [QueueId(0), QueueId(0)]);
}

/// Metadata of the port's program does not get there (so an exclude group's number in it is not seen).
///
/// Rule: GEN-06.d
#[test]
fn a_devmap_program_sees_no_metadata() {
    for (mode, len) in [(XdpMode::Native, 8), (XdpMode::Generic, 0)] {
        let mut scenario = three_entries();
        scenario.ports[0].mode = mode;
        script(&mut scenario, "a", vec![vec![Op::AdjustMeta(-8), call("map", 1, 0), Op::ReturnHelper]]);
        let (notes, own) = Note::called("p");
        assert!(
            Lab::with_programs(&scenario, own)
                .expect("builds")
                .send("a", &frame(0))
                .run()
                .report
                .is_balanced()
        );
        assert_eq!(notes.lock().expect("nobody panicked")[0].meta.len(), len, "{mode:?}");
    }
}

/// The program on the second of two entries, or on the first, changes its own copy only.
///
/// Rule: GEN-07.a
#[test]
fn what_a_program_writes_stays_in_its_copy() {
    for (entries, expected) in [([0, 1], [0, 7]), ([1, 0], [7, 0]), ([1, 2], [7, 8])] {
        let mut scenario = three_entries();
        let program = |entry: u32| [None, Some("p"), Some("q")][entry as usize];
        let map = MapSpec::new("map", MapKind::Devmap, 8);
        scenario.maps = vec![(0..2).fold(map, |map, key| match program(entries[key as usize]) {
            Some(program) => map.with_program(key, ["b", "c"][key as usize], program),
            None => map.with(key, ["b", "c"][key as usize]),
        })];
        // Written once already, so that the bytes are where a program could write in place.
        let ops = vec![Op::SetByte { offset: 2, value: 9 }, call("map", 9, BROADCAST), Op::ReturnHelper];
        script(&mut scenario, "a", vec![ops]);
        let run = burst(&scenario, "a", 1);
        assert_eq!([second_bytes(&run, "b"), second_bytes(&run, "c")], expected.map(|byte| vec![byte]));
        assert_eq!(run.report.clones, 1);
    }
}

/// The entry's program aborts, which is an event of its own at the moment when it runs.
///
/// Rule: GEN-10.a
#[test]
fn a_map_redirect_is_told_after_the_transmit() {
    let mut scenario = three_entries();
    scenario.programs.clear();
    entry_program(&mut scenario, "p", ProgramKind::Verdict(XdpAction::ABORTED));
    entry_program(&mut scenario, "q", ProgramKind::Verdict(XdpAction::PASS));
    script(&mut scenario, "a", vec![to_key("map", 1, 0)]);
    assert_eq!(names(&burst(&scenario, "a", 1)), ["xdp_exception", "xdp_redirect"]);
}
