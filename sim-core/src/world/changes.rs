//! Names in timed changes and faults are resolved once, before the run.

use xdpsim_devmap::{DevId, MapKey};

use super::maps::resolve_update;
use super::{BuildError, device_named, map, program, unknown};
use crate::driver::ptr_ring::VETH_RING_SIZE;
use crate::engine::changes::{Act, Changes, Moment};
use crate::engine::env::World;
use crate::engine::faults::{Fault, Faults};
use crate::scenario::{Action, At, FaultKind, FaultSpec, Scenario};

pub(super) fn resolve_changes(world: &World, scenario: &Scenario) -> Result<Changes, BuildError> {
    let mut changes = Changes::default();
    for (index, change) in scenario.changes.iter().enumerate() {
        let act = resolve_action(world, &change.action)?;
        match change.at {
            At::Frame(no) => changes.by_frame.push((no, index, act)),
            At::Time(time) => changes.by_time.push((time, index, act)),
            At::BeforeEnqueue(frame) => {
                changes.in_polls.push((frame, Moment::BeforeEnqueue, index, map_only(act)?))
            }
            At::InWalk { frame, entries } => {
                changes.in_polls.push((frame, Moment::InWalk(entries), index, map_only(act)?));
            }
        }
    }
    changes.by_frame.sort_by_key(|&(at, index, _)| std::cmp::Reverse((at, index)));
    changes.by_time.sort_by_key(|&(at, index, _)| std::cmp::Reverse((at, index)));
    changes.in_polls.sort_by_key(|&(frame, moment, index, _)| std::cmp::Reverse((frame, moment, index)));
    Ok(changes)
}

/// In the middle of a poll only maps can change: what the kernel does to devices waits for polls to end.
fn map_only(act: Act) -> Result<Act, BuildError> {
    match act {
        Act::UpdateDev { .. } | Act::UpdateInner { .. } | Act::DeleteEntry { .. } => Ok(act),
        _ => Err(BuildError::Range {
            what: "change",
            name: "in the middle of a poll".to_owned(),
            problem: "only update_entry and delete_entry are possible there; use a frame or a time"
                .to_owned(),
        }),
    }
}

pub(super) fn resolve_action(world: &World, action: &Action) -> Result<Act, BuildError> {
    let dev = |name: &str| device_named(world, name);
    Ok(match action {
        Action::SetUp { port, up } => Act::SetUp(dev(port)?, *up),
        Action::SetMtu { port, mtu } => Act::SetMtu(dev(port)?, *mtu),
        Action::SetGro { port, on } => Act::SetGro(dev(port)?, *on),
        Action::AddUpper { port, upper } => Act::AddUpper(dev(port)?, dev(upper)?),
        Action::RemoveUpper { port, upper } => Act::RemoveUpper(dev(port)?, dev(upper)?),
        Action::SetNetns { port, netns } => {
            let name = netns.as_deref();
            let netns = world.netns(name).ok_or_else(|| unknown("namespace", name.unwrap_or("init")))?;
            Act::SetNetns(dev(port)?, netns)
        }
        Action::Unregister { port } => Act::Unregister(dev(port)?),
        Action::SetXdp { port, program: name } => {
            let prog = name.as_deref().map(|name| program(world, name)).transpose()?;
            Act::SetXdp(dev(port)?, prog)
        }
        Action::UpdateEntry { map: name, key, value, flags } => {
            resolve_update(world, map(world, name)?, *key, value, *flags)?
        }
        Action::DeleteEntry { map: name, key } => {
            Act::DeleteEntry { map: map(world, name)?, key: MapKey(*key) }
        }
    })
}

pub(super) fn resolve_faults(world: &World, scenario: &Scenario) -> Result<Faults, BuildError> {
    let fault = |spec: &FaultSpec| {
        let dev = device_named(world, &spec.port)?;
        Ok(Fault { dev, kind: spec.kind, nth: spec.nth, seen: 0 })
    };
    check_rings(world, scenario)?;
    // The size of a ring is no operation that fails: it is looked up when the rings are made.
    let operations = scenario.faults.iter().filter(|spec| !matches!(spec.kind, FaultKind::Ring(_)));
    operations.map(fault).collect::<Result<_, _>>().map(Faults)
}

fn check_rings(world: &World, scenario: &Scenario) -> Result<(), BuildError> {
    for spec in &scenario.faults {
        let FaultKind::Ring(size) = spec.kind else { continue };
        let refused = |problem: String| BuildError::Range { what: "ring", name: spec.port.clone(), problem };
        if world.devices.get(device_named(world, &spec.port)?).peer().is_none() {
            return Err(refused("only a veth fills a ring of its peer".to_owned()));
        }
        if size == 0 || usize::from(size) > VETH_RING_SIZE {
            return Err(refused(format!("1 to {VETH_RING_SIZE} slots are possible")));
        }
    }
    Ok(())
}

/// Slots of the rings of a veth end, which its peer fills (DRV-06).
pub(super) fn ring_slots(world: &World, scenario: &Scenario, end: DevId) -> usize {
    let filled_by = world.devices.get(end).peer();
    let size = scenario.faults.iter().find_map(|spec| match spec.kind {
        FaultKind::Ring(size) if world.devices.by_name(&spec.port) == filled_by => Some(usize::from(size)),
        _ => None,
    });
    size.unwrap_or(VETH_RING_SIZE)
}
