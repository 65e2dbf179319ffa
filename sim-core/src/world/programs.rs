//! Programs are loaded and attached.
//!
//! Rules: MAP-06, MAP-07, MAP-16, DRV-11.

use std::collections::BTreeMap;
use std::sync::Arc;

use xdpsim_devmap::{AttachType, DevId, Errno, ProgId, ProgInfo, ProgType};

use super::{BuildError, Program, program, unknown};
use crate::engine::env::World;
use crate::program::XdpProgram;
use crate::scenario::{ProgramKind, Scenario};

pub(super) fn load_programs(
    world: &mut World,
    scenario: &Scenario,
    mut own: BTreeMap<String, Box<dyn XdpProgram>>,
) -> Result<(), BuildError> {
    let mut programs: Vec<Program> = Vec::new();
    for spec in &scenario.programs {
        if programs.iter().any(|known| known.name == spec.name) {
            return Err(BuildError::Duplicate { what: "program", name: spec.name.clone() });
        }
        let mut used = Vec::new();
        let maps = &world.maps;
        let code = crate::programs::build(&spec.kind, &mut |name: &str| {
            let map = maps.by_name(name)?;
            used.push(map);
            Some(map)
        });
        let code = code.map_err(|error| unknown("map", &error.0))?;
        let code = match (own.remove(&spec.name), &spec.kind) {
            (Some(own), _) => own,
            (None, ProgramKind::Object { .. }) => return Err(unknown("code of an object", &spec.name)),
            (None, _) => code,
        };
        let info = ProgInfo {
            id: ProgId(programs.len() as u32 + 1),
            prog_type: ProgType::Xdp,
            attach_type: spec.attach,
            frags: spec.frags,
            jited: true,
            device_bound: false,
        };
        let refused = |errno| BuildError::Refused { what: format!("loading program `{}`", spec.name), errno };
        world.maps.load_program(&info, &used).map_err(refused)?;
        let (sharing, effects) = (code.sharing(), code.effects());
        programs.push(Program { name: spec.name.clone(), info, code, sharing, effects });
    }
    world.programs = Arc::new(programs);
    Ok(())
}

pub(super) fn attach_programs(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for (id, port) in scenario.ports.iter().enumerate() {
        let Some(name) = &port.xdp else { continue };
        let prog = program(world, name)?;
        let refused = |errno| {
            let what = format!("attaching program `{name}` to port `{}`", port.name);
            BuildError::Refused { what, errno }
        };
        let info = world.program(prog).info;
        if info.attach_type != AttachType::Xdp {
            return Err(refused(Errno::EINVAL));
        }
        let page_size = world.profile.page_size;
        let attached = world.devices.attach(DevId(id as u32), Some((prog, info.frags)), page_size);
        attached.map_err(|refusal| refused(refusal.errno))?;
    }
    Ok(())
}
