//! Groups of ports under the rules of the multicast patches: maps, calls, and what to see.

use std::collections::BTreeMap;

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::netdev::XdpMode;
use xdpsim_core::rules::{Rules, TwoMapsVersion};
use xdpsim_core::scenario::{EntrySpec, EntryValue, MapSpec, Scenario};
use xdpsim_core::story::Step;
use xdpsim_core::{Ctx, Event, FrameMut, MapId, MapKind, Skip, XdpAction, XdpProgram};

/// RFC v1 as it was meant.
pub const RFC: Rules = Rules::RfcV1 { literal: false };
/// RFC v1 as it was posted.
pub const LITERAL: Rules = Rules::RfcV1 { literal: true };

/// Version `number` of the series with two maps.
pub fn multi(number: u8) -> Rules {
    Rules::TwoMaps { version: TwoMapsVersion::new(number).expect("2 to 20") }
}

/// A group: these ports under the keys 0, 1, 2 …, in maps of up to 64.
pub fn group(name: &str, kind: MapKind, ports: &[&str]) -> MapSpec {
    let map = MapSpec::new(name, kind, 64);
    ports.iter().enumerate().fold(map, |map, (key, port)| map.with(key as u32, port))
}

/// A containing map called `c`; an array has room for forward group 4.
pub fn containing(kind: MapKind, groups: &[(u32, &str)]) -> MapSpec {
    let inner = |&(key, name): &(u32, &str)| EntrySpec { key, value: EntryValue::Map(name.to_owned()) };
    MapSpec { entries: groups.iter().map(inner).collect(), ..MapSpec::new("c", kind, 0x4_0001) }
}

/// Under these rules: what comes in on the first port goes to forward group 1 (these ports) and not to exclude
/// group 1 (those), by the index 0x00010001.
pub fn index_split(rules: Rules, ports: &[&str], forward: &[&str], exclude: &[&str]) -> Scenario {
    let mut scenario = super::ideal(ports);
    scenario.profile.rules = rules;
    scenario.maps = vec![
        group("f", MapKind::Devmap, forward),
        group("x", MapKind::Devmap, exclude),
        containing(MapKind::HashOfMaps, &[(0x1_0000, "f"), (1, "x")]),
    ];
    super::script(&mut scenario, ports[0], vec![super::to_key("c", 0x1_0001, 0)]);
    scenario
}

/// `return bpf_redirect_map_multi(&map, &ex_map, flags)`.
#[derive(Clone)]
pub struct Multi {
    pub map: MapId,
    pub ex_map: Option<MapId>,
    pub flags: u64,
}

impl XdpProgram for Multi {
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect_map_multi(self.map, self.ex_map, self.flags)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

/// Under these rules: a forward map `f` and, if there is one, an exclude map `x`.
pub fn two_maps(rules: Rules, ports: &[&str], forward: MapSpec, exclude: Option<MapSpec>) -> Scenario {
    let mut scenario = super::ideal(ports);
    scenario.profile.rules = rules;
    scenario.maps = std::iter::once(forward).chain(exclude).collect();
    super::script(&mut scenario, ports[0], vec![vec![super::PASS]]);
    scenario
}

/// A bench whose first port calls the helper with the scenario's first two maps and these flags.
pub fn multi_lab(scenario: &Scenario, flags: u64) -> Lab {
    let port = &scenario.ports[0].name;
    let ex_map = (scenario.maps.len() > 1).then_some(MapId(2));
    let program: Box<dyn XdpProgram> = Box::new(Multi { map: MapId(1), ex_map, flags });
    let own = BTreeMap::from([(format!("on_{port}"), program)]);
    Lab::with_programs(scenario, own).unwrap_or_else(|error| panic!("{error}"))
}

/// Sends frames, marked 0, 1, 2 …, to the first port at once and runs.
pub fn multi_burst(scenario: &Scenario, flags: u64, frames: u8) -> Run {
    let mut lab = multi_lab(scenario, flags);
    (0..frames).for_each(|mark| _ = lab.send(&scenario.ports[0].name, &super::frame(mark)));
    lab.run()
}

/// A port's programs run in generic mode from now on.
pub fn in_generic_mode(scenario: &mut Scenario, port: &str) {
    let port = scenario.ports.iter_mut().find(|one| one.name == port).expect("a port of the scenario");
    port.mode = XdpMode::Generic;
}

/// The ports that frame 0 was queued for, in order, each with "is it a clone?".
pub fn queued(lab: &Lab) -> Vec<(String, bool)> {
    let ports: Vec<String> = lab.plan().ports().map(|(_, device)| device.name.clone()).collect();
    let enqueued = |step: Step| match step {
        Step::Enqueued { dev, clone, .. } => Some((ports[dev.0 as usize].clone(), clone)),
        _ => None,
    };
    lab.story(0).into_iter().filter_map(enqueued).collect()
}

/// The ports that got frames, as often as they did, in order of the scenario.
pub fn receivers(run: &Run, scenario: &Scenario) -> Vec<String> {
    let copies = |name: &String| vec![name.clone(); run.frames(name).len()];
    scenario.ports.iter().flat_map(|port| copies(&port.name)).collect()
}

/// Event name and rule of every bug that was told, in order.
pub fn bugs(run: &Run) -> Vec<(&'static str, &'static str)> {
    let bug = |event: &Event| match event {
        Event::Bug { bug, .. } => Some((event.name(), bug.rule().name())),
        _ => None,
    };
    run.events.iter().filter_map(bug).collect()
}

/// Who was left out, why, and by how many frames.
pub fn skips(run: &Run) -> Vec<(&str, Skip, u64)> {
    run.report.skips.iter().map(|(key, &frames)| (&*key.target, key.skip, frames)).collect()
}
