//! The learning switch: what it learns, and what it does with what it knows.

use xdpsim_devmap::{IfIndex, XdpAction};

use super::{Arrival, Call, FIRST, PORTS, Ran, resolve, run_at};
use crate::program::XdpProgram;
use crate::programs::{LearningSwitch, build};
use crate::scenario::ProgramKind;

const A: u8 = 0x0a;
const B: u8 = 0x0b;
const C: u8 = 0x0c;
/// Its first byte is 0xff.
const EVERYBODY: u8 = 0xff;
const FLOOD: Call = Call::Map(PORTS, 0, 8 | 16);

/// The address of a host: its first byte is even, unless it is [`EVERYBODY`].
fn mac(host: u8) -> [u8; 6] {
    if host == EVERYBODY { [0xff; 6] } else { [0x02, 0, 0, 0, 0, host] }
}

/// A frame from address to address that comes in on a port.
fn frame(program: &mut dyn XdpProgram, port: u32, source: [u8; 6], destination: [u8; 6]) -> Ran {
    let bytes = [&destination[..], &source, &[0x08, 0x00]].concat();
    run_at(Arrival { ifindex: IfIndex(port), ..FIRST }, program, &bytes)
}

/// As [`frame`], between hosts; the only helper call, if any.
fn send(program: &mut dyn XdpProgram, port: u32, source: u8, destination: u8) -> Option<Call> {
    let ran = frame(program, port, mac(source), mac(destination));
    assert!(ran.calls.len() <= 1 && !ran.copied, "{ran:?}");
    let expected = if ran.calls.is_empty() { XdpAction::DROP } else { XdpAction::REDIRECT };
    assert_eq!(ran.verdict, expected);
    ran.calls.first().copied()
}

fn to(port: u64) -> Option<Call> {
    Some(Call::Map(PORTS, port, 0))
}

#[test]
fn an_unknown_destination_is_flooded_and_a_known_one_is_not() {
    let switch = &mut LearningSwitch::new(PORTS, 100);
    assert_eq!(send(switch, 1, A, B), Some(FLOOD));
    assert_eq!(send(switch, 2, B, A), to(1));
    assert_eq!(send(switch, 1, A, B), to(2));
    assert_eq!(send(switch, 3, C, B), to(2));
    assert_eq!(send(switch, 2, B, C), to(3));
}

#[test]
fn a_destination_on_the_ingress_itself_is_dropped() {
    let switch = &mut LearningSwitch::new(PORTS, 100);
    assert_eq!(send(switch, 1, A, B), Some(FLOOD));
    assert_eq!(send(switch, 1, B, A), None);
    assert_eq!(send(switch, 4, C, C), None, "a frame to its own sender");
}

#[test]
fn group_addresses_are_flooded_and_never_learned() {
    let switch = &mut LearningSwitch::new(PORTS, 100);
    let multicast = [0x01, 0, 0x5e, 0, 0, 1];
    assert_eq!(send(switch, 1, A, EVERYBODY), Some(FLOOD));
    assert_eq!(frame(switch, 1, mac(A), multicast).calls, [FLOOD]);
    assert_eq!(send(switch, 2, EVERYBODY, A), to(1));
    assert_eq!(frame(switch, 2, multicast, mac(A)).calls, [Call::Map(PORTS, 1, 0)]);
    assert_eq!(send(switch, 1, A, EVERYBODY), Some(FLOOD), "not to port 2");
    assert_eq!(frame(switch, 1, mac(A), multicast).calls, [FLOOD], "not to port 2");
}

#[test]
fn a_host_that_moves_is_followed() {
    let switch = &mut LearningSwitch::new(PORTS, 1);
    assert_eq!(send(switch, 1, A, EVERYBODY), Some(FLOOD));
    assert_eq!(send(switch, 2, B, A), to(1));
    assert_eq!(send(switch, 5, A, EVERYBODY), Some(FLOOD), "also when the table is full");
    assert_eq!(send(switch, 2, B, A), to(5));
}

#[test]
fn learning_stops_when_the_table_is_full() {
    let switch = &mut LearningSwitch::new(PORTS, 2);
    for (port, host) in [(1, A), (2, B), (3, C)] {
        assert_eq!(send(switch, port, host, EVERYBODY), Some(FLOOD));
    }
    assert_eq!(send(switch, 4, 0x0d, A), to(1));
    assert_eq!(send(switch, 4, 0x0d, B), to(2));
    assert_eq!(send(switch, 4, 0x0d, C), Some(FLOOD));
    let hub = &mut LearningSwitch::new(PORTS, 0);
    assert_eq!(send(hub, 1, A, EVERYBODY), Some(FLOOD));
    assert_eq!(send(hub, 2, B, A), Some(FLOOD));
}

#[test]
fn less_than_an_ethernet_header_is_dropped() {
    let switch = &mut LearningSwitch::new(PORTS, 100);
    let port = FIRST;
    let bytes = [&mac(B)[..], &mac(A), &[0x08, 0x00]].concat();
    for len in 0..14 {
        assert!(run_at(port, switch, &bytes[..len]).is_only(XdpAction::DROP), "{len} bytes");
    }
    // Nor did it learn from them: A is unknown to another port.
    assert_eq!(send(switch, 2, B, A), Some(FLOOD));
    assert_eq!(run_at(port, switch, &bytes).calls, [Call::Map(PORTS, 2, 0)]);
}

#[test]
fn a_learned_port_without_an_entry_aborts() {
    let switch = &mut LearningSwitch::new(PORTS, 100);
    assert_eq!(send(switch, 12, A, EVERYBODY), Some(FLOOD));
    let ran = frame(switch, 2, mac(B), mac(A));
    assert!(ran.is_one_call(XdpAction::ABORTED, Call::Map(PORTS, 12, 0)), "{ran:?}");
}

#[test]
fn a_copy_has_learned_nothing() {
    let kind = ProgramKind::LearningSwitch { map: "ports".into(), table_max: 1 };
    let mut switch = build(&kind, &mut resolve).unwrap();
    assert_eq!(send(&mut *switch, 1, A, EVERYBODY), Some(FLOOD));
    let mut copy = switch.clone_box();
    assert_eq!(send(&mut *copy, 2, B, A), Some(FLOOD));
    assert_eq!(send(&mut *switch, 2, B, A), to(1));
    // The copy has the size of the table, too: it holds B alone.
    assert_eq!(send(&mut *copy, 1, A, B), to(2));
    assert_eq!(send(&mut *copy, 3, C, A), Some(FLOOD));
}
