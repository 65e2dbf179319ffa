//! Random changes under traffic, and operations that fail on purpose.

use proptest::prelude::*;
use xdpsim_devmap::{Errno, UpdateFlags};

use super::{Vocabulary, ports};
use crate::batch::FrameNo;
use crate::scenario::{Action, At, Change, EntryValue, FaultKind, FaultSpec};
use crate::time::Nanos;

/// A change of anything, by frame or by time.
pub fn timed(words: &Vocabulary) -> impl Strategy<Value = Change> + use<> {
    let at = prop_oneof![
        2 => (0..200u64).prop_map(|no| At::Frame(FrameNo(no))),
        1 => (0..3000u64).prop_map(|time| At::Time(Nanos(time))),
    ];
    let action = prop_oneof![
        8 => of_state(words),
        2 => of_existence(words),
        2 => of_program(words),
        5 => of_entry(words, Just(UpdateFlags::ANY)),
    ];
    (at, action).prop_map(|(at, action)| Change { at, action })
}

/// Up, down, mtu, GRO, upper devices: what can be undone.
pub fn of_state(words: &Vocabulary) -> impl Strategy<Value = Action> + use<> {
    let port = words.port();
    prop_oneof![
        3 => (port.clone(), any::<bool>()).prop_map(|(port, up)| Action::SetUp { port, up }),
        2 => (port.clone(), ports::mtu()).prop_map(|(port, mtu)| Action::SetMtu { port, mtu }),
        1 => (port.clone(), any::<bool>()).prop_map(|(port, on)| Action::SetGro { port, on }),
        1 => (port.clone(), port.clone()).prop_map(|(port, upper)| Action::AddUpper { port, upper }),
        1 => (port.clone(), port).prop_map(|(port, upper)| Action::RemoveUpper { port, upper }),
    ]
}

/// A port goes, or moves to another namespace.
pub fn of_existence(words: &Vocabulary) -> impl Strategy<Value = Action> + use<> {
    let places = std::iter::once(None).chain(words.netns.iter().cloned().map(Some)).collect::<Vec<_>>();
    prop_oneof![
        1 => (words.port(), prop::sample::select(places))
            .prop_map(|(port, netns)| Action::SetNetns { port, netns }),
        1 => words.port().prop_map(|port| Action::Unregister { port }),
    ]
}

/// A port's program is attached, replaced or removed.
pub fn of_program(words: &Vocabulary) -> impl Strategy<Value = Action> + use<> {
    let program = prop::option::of(Vocabulary::one_of(&words.port_programs));
    (words.port(), program).prop_map(|(port, program)| Action::SetXdp { port, program })
}

/// An entry is written, with flags of this strategy, or removed.
pub fn of_entry<F: Strategy<Value = UpdateFlags>>(
    words: &Vocabulary,
    flags: F,
) -> impl Strategy<Value = Action> + use<F> {
    let program = prop::option::weighted(0.3, Vocabulary::one_of(&words.entry_programs));
    let value = (words.port(), program).prop_map(|(port, program)| EntryValue::Port { port, program });
    let update = |(map, key, value, flags)| Action::UpdateEntry { map, key, value, flags };
    prop_oneof![
        3 => (words.map(), 0..words.keys, value, flags).prop_map(update),
        2 => (words.map(), 0..words.keys).prop_map(|(map, key)| Action::DeleteEntry { map, key }),
    ]
}

/// An operation that fails on purpose.
pub fn fault(words: &Vocabulary) -> impl Strategy<Value = FaultSpec> + use<> {
    let kind = prop_oneof![
        Just(FaultKind::Clone),
        Just(FaultKind::Convert),
        Just(FaultKind::Xmit(Errno::ENXIO)),
        (0..16u8).prop_map(FaultKind::XmitShort),
    ];
    (words.port(), kind, 1..9u64).prop_map(|(port, kind, nth)| FaultSpec { port, kind, nth })
}
