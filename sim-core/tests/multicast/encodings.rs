//! Encodings of groups in the form in which a kernel carries them, through the whole pipeline: two native programs and the
//! maps of the plan, with different exclude groups inside one poll.

use std::collections::BTreeMap;

use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{EntrySpec, EntryValue, MapSpec, ProgramKind};
use xdpsim_core::{Ctx, FrameMut, IfIndex, MapId, MapKey, Scenario, XdpAction, XdpProgram};
use xdpsim_devmap::groups::encoding::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, MapForm, Member, PlannedSets, Query,
    Side,
};

use super::{PASS, PORTS, PROGRAM_OF_ENTRIES, entry_program, frame, ideal, script};

/// What the program for a port does, by the frame's first byte.
#[derive(Clone)]
struct Carrier {
    containing: MapId,
    calls: Vec<KernelCall>,
}

impl XdpProgram for Carrier {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let call = self.calls[usize::from(frame.byte(0).expect("60 bytes"))];
        let found = ctx.inner_map(self.containing, call.key);
        let otherwise = call.otherwise.and_then(|key| ctx.inner_map(self.containing, key));
        let Some(group) = found.or(otherwise) else { return XdpAction::DROP };
        if frame.adjust_meta(-4).is_err() {
            return XdpAction::ABORTED;
        }
        frame.meta_mut().copy_from_slice(&call.note.0.to_ne_bytes());
        ctx.redirect_map(group, 0, call.flags.bits())
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

/// What the program of an entry does.
#[derive(Clone)]
struct Filter {
    containing: MapId,
    sets: PlannedSets,
}

impl XdpProgram for Filter {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let note = MapKey(u32::from_ne_bytes(frame.meta().try_into().expect("a note of 4 bytes")));
        let port = ctx.egress_ifindex.expect("a program of an entry");
        let excluded = match &self.sets {
            PlannedSets::None => ctx
                .inner_map(self.containing, note)
                .is_some_and(|group| ctx.lookup(group, MapKey(port.0)).is_some()),
            PlannedSets::Masks(masks) => {
                masks.iter().any(|(key, mask)| *key == note && mask >> (port.0 - 1) & 1 == 1)
            }
            PlannedSets::Lists(lists) => {
                lists.iter().any(|(key, list)| *key == note && list.binary_search(&port).is_ok())
            }
        };
        if excluded { XdpAction::DROP } else { XdpAction::PASS }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

/// The scenario with a plan's maps; the containing map is the last.
fn scenario(plan: &KernelPlan) -> Scenario {
    let mut scenario = ideal(&PORTS);
    let mut containing = MapSpec::new("containing", plan.containing, plan.max_entries);
    for (number, group) in plan.groups.iter().enumerate() {
        let name = format!("group {number}");
        let port = |member: &Member| PORTS[member.port.0 as usize - 1];
        let map = group.members.iter().fold(MapSpec::new(&name, plan.group, plan.slots), |map, member| {
            if group.filtered {
                map.with_program(member.key.0, port(member), PROGRAM_OF_ENTRIES)
            } else {
                map.with(member.key.0, port(member))
            }
        });
        scenario.maps.push(map);
        let inner = |key: &MapKey| EntrySpec { key: key.0, value: EntryValue::Map(name.clone()) };
        containing.entries.extend(group.keys.iter().map(inner));
    }
    scenario.maps.push(containing);
    script(&mut scenario, PORTS[0], vec![vec![PASS]]);
    entry_program(&mut scenario, PROGRAM_OF_ENTRIES, ProgramKind::Verdict(XdpAction::PASS));
    scenario
}

/// Runs one frame for each call in one poll; who got which, in order.
fn carried(plan: &KernelPlan, calls: Vec<KernelCall>) -> Vec<Vec<u8>> {
    let scenario = scenario(plan);
    let containing = MapId(scenario.maps.len() as u32);
    let frames = calls.len() as u8;
    let carrier: Box<dyn XdpProgram> = Box::new(Carrier { containing, calls });
    let filter: Box<dyn XdpProgram> = Box::new(Filter { containing, sets: plan.sets.clone() });
    let own =
        BTreeMap::from([(format!("on_{}", PORTS[0]), carrier), (PROGRAM_OF_ENTRIES.to_owned(), filter)]);
    let mut lab = Lab::with_programs(&scenario, own).unwrap_or_else(|error| panic!("{error}"));
    (0..frames).for_each(|mark| _ = lab.send(PORTS[0], &frame(mark)));
    let run = lab.run();
    PORTS.iter().map(|port| run.frames(port).iter().map(|bytes| bytes[0]).collect()).collect()
}

/// The ports whose bits are set.
fn members(bits: u32) -> Vec<Member> {
    (1..=PORTS.len() as u32)
        .filter(|port| bits >> port & 1 == 1)
        .map(|port| Member::of(IfIndex(port)))
        .collect()
}

/// Defines groups by bits of a number.
fn define(encoding: &mut dyn Encoding, bits: u32) {
    for (number, side) in [Side::Forward, Side::Forward, Side::Exclude, Side::Exclude].into_iter().enumerate()
    {
        let group = GroupId(number as u32 % 2 + 1);
        if group.0 <= encoding.limits().groups(side) {
            // At least one port forward: a containing map needs a group.
            let own = bits >> (number * 7) | u32::from(side == Side::Forward) << 6;
            encoding.define(side, group, &members(own)).unwrap_or_else(|refusal| panic!("{refusal}"));
        }
    }
}

/// Rule: MCAST-P29, MCAST-P30, MCAST-K05.a, MCAST-K11.a, MCAST-K13.a
#[test]
fn encodings_deliver_through_the_pipeline_what_they_say() {
    let (mut plans, mut copies) = (0, 0);
    for design in Design::ALL {
        let forms: &[MapForm] = if design.has_maps() { &MapForm::ALL } else { &MapForm::ALL[..1] };
        for (form, round) in forms.iter().flat_map(|form| (0..6_u32).map(move |round| (form, round))) {
            let exclude = if design == Design::MainlineFlags { 0 } else { 2 };
            let limits = Limits::new(PORTS.len() as u32, 2, exclude).with_form(*form).with_ingress();
            let mut encoding = design.create(&limits).unwrap_or_else(|refusal| panic!("{design}: {refusal}"));
            define(&mut *encoding, round.wrapping_add(1).wrapping_mul(0x9e37_79b9));
            let Ok(plan) = encoding.kernel_plan() else {
                assert!(matches!(design, Design::Compressed | Design::PruningIds), "{design}");
                continue;
            };
            let asked = [
                Exclude::Nothing,
                Exclude::Group(GroupId(1)),
                Exclude::Group(GroupId(2)),
                Exclude::Ingress,
                Exclude::IngressAndUppers,
            ];
            let queries = (0..20).map(|number| Query {
                forward: GroupId(number % 2 + 1),
                exclude: asked[number as usize / 2 % asked.len()],
                ingress: IfIndex(1),
            });
            let (queries, calls): (Vec<Query>, Vec<KernelCall>) =
                queries.filter_map(|query| Some((query, encoding.kernel_call(&query).ok()?))).unzip();
            let mut expected = vec![Vec::new(); PORTS.len()];
            let mut left = Vec::new();
            for (mark, query) in (0..).zip(&queries) {
                encoding.deliver(query, &mut left).unwrap_or_else(|refusal| panic!("{design}: {refusal}"));
                left.iter().for_each(|port| expected[port.0 as usize - 1].push(mark));
                copies += left.len();
            }
            assert_eq!(carried(&plan, calls), expected, "{design}, {form:?}, round {round}: {queries:?}");
            plans += 1;
        }
    }
    assert!(plans >= 6 * (5 * 4 + 4) && copies > 1_000, "{plans} plans, {copies} copies");
}
