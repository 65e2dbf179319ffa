//! Faults that are planted in the maps.

use xdpsim_core::scenario::{Action, At, Change, EntryValue, MapSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{Errno, FrameNo, MapKind, Mutations, Profile, UpdateFlags, XdpAction};

use super::common::*;
use super::{Row, Verdict, bench, expect, run_on_a};

pub const ROWS: &[Row] = &[
    (Mutations::HASH_ASCENDING, a_hash_map_is_walked_by_bucket),
    (Mutations::HASH_UPDATE_STAYS, an_update_moves_an_entry_to_the_front),
    (Mutations::HASH_EXIST_NEEDS_KEY, exist_creates_an_absent_key),
    (Mutations::OWNER_NOT_STICKY, an_empty_map_keeps_its_owner),
];

/// Buckets of 8: keys 1, 9 and 2 are b, c and d.
fn hashed(profile: Profile) -> Scenario {
    let map = MapSpec::new("map", MapKind::DevmapHash, 8).with(1, "b").with(9, "c").with(2, "d");
    Scenario { maps: vec![map], ..bench(profile) }
}

/// Before the first frame comes.
fn update(key: u32, port: &str, program: Option<&str>, flags: UpdateFlags) -> Change {
    let value = EntryValue::Port { port: port.into(), program: program.map(str::to_owned) };
    let action = Action::UpdateEntry { map: "map".into(), key, value, flags };
    Change { at: At::Frame(FrameNo(0)), action }
}

/// Devices in the order in which a broadcast is flushed: the walk backwards.
fn flushed(scenario: Scenario) -> Vec<u32> {
    xmits(&run_on_a(scenario, vec![to_key("map", 0, BROADCAST)])).iter().map(|xmit| xmit.1).collect()
}

/// BRD-03: bucket 1 holds c before b.
fn a_hash_map_is_walked_by_bucket(profile: Profile) -> Verdict {
    expect(flushed(hashed(profile)), vec![4, 2, 3])
}

/// BRD-03.
fn an_update_moves_an_entry_to_the_front(profile: Profile) -> Verdict {
    let mut scenario = hashed(profile);
    scenario.changes = vec![update(1, "b", None, UpdateFlags::ANY)];
    expect(flushed(scenario), vec![4, 3, 2])
}

/// The changes that the kernel refuses, with one frame sent.
fn refused(scenario: Scenario) -> Vec<Errno> {
    run_on_a(scenario, vec![vec![PASS]]).changes_failed.iter().map(|failed| failed.errno).collect()
}

/// MAP-04.
fn exist_creates_an_absent_key(profile: Profile) -> Verdict {
    let mut scenario = hashed(profile);
    scenario.changes = vec![update(3, "b", None, UpdateFlags::EXIST)];
    expect(refused(scenario), vec![])
}

/// MAP-07.
fn an_empty_map_keeps_its_owner(profile: Profile) -> Verdict {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        let mut scenario = bench(profile);
        let pass = ProgramKind::Verdict(XdpAction::PASS);
        entry_program(&mut scenario, "frags", pass.clone());
        scenario.programs.push(ProgramSpec::devmap("linear", pass));
        scenario.maps = vec![MapSpec::new("map", kind, 8).with_program(0, "b", "frags")];
        let delete = Action::DeleteEntry { map: "map".into(), key: 0 };
        let delete = Change { at: At::Frame(FrameNo(0)), action: delete };
        scenario.changes = vec![delete, update(0, "b", Some("linear"), UpdateFlags::ANY)];
        expect(refused(scenario), vec![Errno::EINVAL])?;
    }
    Ok(())
}
