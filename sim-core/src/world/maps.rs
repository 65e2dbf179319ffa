//! Maps are created and filled, as the scenario's author would do it with `bpf(2)`.
//!
//! Rules: MAP-02, MAP-12.

use xdpsim_devmap::{
    DevId, DevmapValue, Errno, IfIndex, MapAttr, MapId, MapKey, MapValue, NetnsId, ProgFd, ProgInfo,
    UpdateEnv, UpdateFlags,
};

use super::{BuildError, Program, device_named, map, program};
use crate::engine::changes::Act;
use crate::engine::env::World;
use crate::netdev::DeviceTable;
use crate::redirect::is_devmap;
use crate::scenario::{EntryValue, Scenario};

pub(super) fn create_maps(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for spec in &scenario.maps {
        if world.maps.by_name(&spec.name).is_some() {
            return Err(BuildError::Duplicate { what: "map", name: spec.name.clone() });
        }
        let mut attr = MapAttr::devmap(&spec.name, spec.max_entries);
        attr.kind = spec.kind;
        attr.value_size = if is_devmap(spec.kind) { spec.value_size } else { 4 };
        attr.inner = spec.entries.iter().find_map(|entry| match &entry.value {
            EntryValue::Map(name) => world.maps.by_name(name),
            EntryValue::Port { .. } => None,
        });
        let refused = |errno| BuildError::Refused { what: format!("creating map `{}`", spec.name), errno };
        world.maps.create(&attr).map_err(refused)?;
    }
    Ok(())
}

pub(super) fn fill_maps(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for spec in &scenario.maps {
        let id = map(world, &spec.name)?;
        for entry in &spec.entries {
            let update = resolve_update(world, id, entry.key, &entry.value, UpdateFlags::ANY)?;
            let refused = |errno| {
                let what = format!("writing key {} of map `{}`", entry.key, spec.name);
                BuildError::Refused { what, errno }
            };
            apply_update(world, update).map_err(refused)?;
        }
    }
    Ok(())
}

pub(super) fn resolve_update(
    world: &World,
    map_id: MapId,
    key: u32,
    value: &EntryValue,
    flags: UpdateFlags,
) -> Result<Act, BuildError> {
    let key = MapKey(key);
    Ok(match value {
        EntryValue::Map(name) => Act::UpdateInner { map: map_id, key, inner: map(world, name)?, flags },
        EntryValue::Port { port, program: name } => {
            let prog = name.as_deref().map(|name| program(world, name)).transpose()?;
            Act::UpdateDev { map: map_id, key, port: device_named(world, port)?, prog, flags }
        }
    })
}

/// `bpf_map_update_elem()` as the scenario's author would call it: in the port's own namespace.
pub(crate) fn apply_update(world: &mut World, update: Act) -> Result<(), Errno> {
    match update {
        Act::UpdateDev { map, key, port, prog, flags } => {
            let device = world.devices.get(port);
            let caller = Caller { devices: &world.devices, netns: device.netns, programs: &world.programs };
            let prog_fd = prog.map(|id| ProgFd(id.0 as i32));
            let value = MapValue::Dev(DevmapValue { ifindex: device.ifindex, prog_fd });
            world.maps.update(map, key, value, flags, &caller)
        }
        Act::UpdateInner { map, key, inner, flags } => {
            let caller = Caller { devices: &world.devices, netns: NetnsId::INIT, programs: &world.programs };
            world.maps.update(map, key, MapValue::Inner(inner), flags, &caller)
        }
        _ => Ok(()),
    }
}

/// The task that updates a map.
struct Caller<'a> {
    devices: &'a DeviceTable,
    netns: NetnsId,
    programs: &'a [Program],
}

impl UpdateEnv for Caller<'_> {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        self.devices.by_index(self.netns, ifindex)
    }

    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo> {
        let index = usize::try_from(fd.0).ok()?.checked_sub(1)?;
        self.programs.get(index).map(|program| program.info)
    }
}
