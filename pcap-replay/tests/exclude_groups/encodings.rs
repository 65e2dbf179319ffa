//! Encodings of groups in the form in which a kernel carries them, on the real data path.
//!
//! An encoding says itself which maps that takes and which call answers a question ([`KernelPlan`], [`KernelCall`]). Filters
//! run as the programs of `examples/exclude-groups`, broadcasts as a program that looks its call up by the frame's type.

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_devmap::groups::encoding::{
    Carriage, Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, MapForm, Member,
    Membership, NotCarried, Order, PlannedGroup, PlannedSets, Query, Refusal, Side,
};
use xdpsim_devmap::{IfIndex, MapKey};
use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::bpf::asm::{Asm, Cond, Helper, R0, R1, R2, R3, R6, R10, Size};
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, map_type};
use xdpsim_oracle::need;
use xdpsim_oracle::object::KernelObject;

use crate::cases::{FORMS, Form, Left, POLL, PORTS, Random, Round, copies, frame_type, ifindex};
use crate::kernel::numbers;
use crate::object;

/// Forward groups, as many as the object's array has, and exclude groups; the last of each is never made.
const FORWARD: u32 = 3;
const EXCLUDE: u32 = 5;
/// More than a port has repeats.
const SLOTS: u32 = 32;
/// Longest list of the object.
const LONGEST: usize = 64;

fn create(design: Design, form: MapForm) -> Box<dyn Encoding> {
    // Mainline has no exclude groups.
    let exclude = if design == Design::MainlineFlags { 0 } else { EXCLUDE };
    let limits = Limits::new(16, FORWARD, exclude).with_form(form).with_slots(SLOTS);
    design.create(&limits).unwrap_or_else(|error| panic!("{design}: {error}"))
}

/// Random groups; with repeats, where the design has them.
fn define(encoding: &mut dyn Encoding, random: &mut Random) {
    let repeats = encoding.order() != Order::Ascending;
    let sides = [(Side::Forward, FORWARD), (Side::Exclude, encoding.limits().exclude)];
    for (side, groups) in sides {
        for group in (1..groups).map(GroupId) {
            let mut members: Vec<Member> = (0..PORTS)
                .filter(|_| random.below(8) < 4)
                .map(|port| Member::of(IfIndex(ifindex(port))))
                .collect();
            for _ in 0..if repeats && side == Side::Forward { random.below(6) } else { 0 } {
                let key = random.below((SLOTS - 16) as usize) as u32 + 16;
                members.push(Member::at(MapKey(key), IfIndex(ifindex(random.below(PORTS)))));
            }
            let defined = encoding.define(side, group, &members);
            defined.unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
        }
    }
}

/// A question for each frame of a poll.
fn questions(encoding: &dyn Encoding, ingress: usize, random: &mut Random) -> Vec<Query> {
    let question = |random: &mut Random| {
        let exclude = match random.below(8) {
            0 => Exclude::Nothing,
            _ if encoding.limits().exclude == 0 => Exclude::IngressAndUppers,
            _ => Exclude::Group(GroupId(random.below(EXCLUDE as usize) as u32 + 1)),
        };
        let forward = GroupId(random.below(FORWARD as usize) as u32 + 1);
        Query { forward, exclude, ingress: IfIndex(ifindex(ingress)) }
    };
    (0..POLL).map(|_| question(random)).collect()
}

fn delivered(encoding: &dyn Encoding, questions: &[Query]) -> Left {
    let mut left = vec![Vec::new(); PORTS];
    let mut ports = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        let answered = encoding.deliver(question, &mut ports);
        answered.unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
        ports.iter().for_each(|port| left[(port.0 - ifindex(0)) as usize].push(number));
    }
    left
}

/// Writes the plan's groups; their maps, in case somebody asks for their size.
fn install(plan: &KernelPlan, containing: &Map, filter: Option<&Prog>, switch: &Switch) -> Vec<Map> {
    let group = |planned: &PlannedGroup| {
        let map = MapCreate::new(plan.group.number(), 4, 8, plan.slots, "group");
        let map = Map::create(&map).expect("a group");
        let entry = |member: &Member| (member.key.0, (member.port.0 - ifindex(0)) as usize);
        let entries: Vec<(u32, usize)> = planned.members.iter().map(entry).collect();
        switch.fill(&map, &entries, filter.filter(|_| planned.filtered)).expect("ports that are there");
        for key in &planned.keys {
            containing.set_fd(key.0, map.as_fd()).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
        map
    };
    plan.groups.iter().map(group).collect()
}

/// A filter, as the example's programs have it.
fn filter(
    form: &Form,
    plan: &KernelPlan,
    by: Membership,
    calls: &[KernelCall],
    switch: &mut Switch,
) -> (KernelObject, Vec<Map>) {
    let entry = match by {
        Membership::Group => "by_note_egress",
        Membership::Mask => "by_mask_egress",
        Membership::List => "by_list_egress",
    };
    let port = if by == Membership::Mask { "by_mask" } else { "by_note" };
    let object = KernelObject::load(&object(form.name), &[("groups", plan.max_entries)]).unwrap();
    let map = |name| object.map(name).unwrap();
    let groups = install(plan, map("groups"), Some(object.program(entry).unwrap()), switch);
    match &plan.sets {
        PlannedSets::None => {}
        PlannedSets::Masks(masks) => {
            for port in (0..PORTS).map(ifindex) {
                map("bit_of").update(&port.to_ne_bytes(), &(1_u64 << (port - 1)).to_ne_bytes(), 0).unwrap();
            }
            for (key, mask) in masks {
                map("masks").update(&key.0.to_ne_bytes(), &mask.to_ne_bytes(), 0).unwrap();
            }
        }
        PlannedSets::Lists(lists) => {
            for (key, ports) in lists {
                let mut list = vec![ports.len() as u32];
                list.extend(ports.iter().map(|port| port.0));
                list.resize(1 + LONGEST, 0);
                let bytes: Vec<u8> = list.into_iter().flat_map(u32::to_ne_bytes).collect();
                map("lists").update(&key.0.to_ne_bytes(), &bytes, 0).unwrap();
            }
        }
    }
    for (number, call) in calls.iter().enumerate() {
        for ingress in (0..PORTS).map(ifindex) {
            let arrival = [ingress, frame_type(number).into()].map(u32::to_ne_bytes).concat();
            map("index_of").update(&arrival, &(call.key.0 | call.note.0).to_ne_bytes(), 0).unwrap();
        }
    }
    switch.attach(object.program(port).unwrap()).unwrap();
    (object, groups)
}

/// A broadcast, by a program that finds the frame's call by its type.
fn broadcast(plan: &KernelPlan, calls: &[KernelCall], switch: &mut Switch) -> (Map, Vec<Map>) {
    let template = Map::create(&MapCreate::new(plan.group.number(), 4, 8, 1, "group")).expect("a template");
    let containing = MapCreate::new(plan.containing.number(), 4, 4, plan.max_entries, "groups");
    let containing = MapCreate { inner_map_fd: template.as_raw_fd(), ..containing };
    let containing = Map::create(&containing).expect("a map of maps");
    let groups = install(plan, &containing, None, switch);
    let known = Map::create(&MapCreate::new(map_type::HASH, 4, 16, POLL as u32, "calls")).expect("a hash");
    for (number, call) in calls.iter().enumerate() {
        let keys = [call.key, call.otherwise.unwrap_or(call.key)].map(|key| key.0.to_ne_bytes()).concat();
        let value = [keys, call.flags.bits().to_ne_bytes().to_vec()].concat();
        // The program reads the type as it lies in the frame.
        known.update(&u32::from(frame_type(number).to_be()).to_ne_bytes(), &value, 0).expect("room for all");
    }
    switch.attach(&by_type(&known, &containing)).expect("ports that are there");
    (containing, groups)
}

fn by_type(calls: &Map, groups: &Map) -> Prog {
    let mut asm = Asm::new();
    let (none, found) = (asm.label(), asm.label());
    // R2 = data, R3 = its end.
    asm.load(Size::W, R2, R1, 0).load(Size::W, R3, R1, 4).mov_reg(R0, R2).add(R0, 14);
    asm.jump_if(Cond::Gt, R0, R3, none).load(Size::H, R0, R2, 12).store(Size::W, R10, -4, R0);
    asm.mov_reg(R2, R10).add(R2, -4).map(R1, calls.as_fd()).call(Helper::MapLookupElem);
    asm.jump_if_imm(Cond::Eq, R0, 0, none).mov_reg(R6, R0);
    for at in [0, 4] {
        asm.mov_reg(R2, R6).add(R2, at).map(R1, groups.as_fd()).call(Helper::MapLookupElem);
        asm.jump_if_imm(Cond::Ne, R0, 0, found);
    }
    asm.bind(none).ret(1);
    asm.bind(found).mov_reg(R1, R0).mov(R2, 0).load(Size::Dw, R3, R6, 8).call(Helper::RedirectMap).exit();
    let insns = asm.finish().expect("its labels are bound");
    Prog::load(&ProgLoad::xdp("by_type", &insns)).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a poll of questions, all copies included.
fn play(ingress: usize, expected: &Left, switch: &mut Switch) -> Left {
    let round = Round { groups: Default::default(), ingress, indexes: vec![0; POLL] };
    let frames = round.frames();
    let mut left = numbers(&frames, &switch.poll(ingress, &frames, 0).unwrap());
    let late = copies(expected).saturating_sub(copies(&left));
    let rest = numbers(&frames, &switch.wake(late).unwrap());
    left.iter_mut().zip(rest).for_each(|(left, rest)| left.extend(rest));
    left
}

/// A poll for the design in each form of maps: in the kernel as the encoding says, and as large.
fn compare(design: Design, switch: &mut Switch) {
    let (mut sent, mut maps, mut random) = (0, 0, Random(design as u64));
    for (map_form, form) in MapForm::ALL.into_iter().zip(&FORMS) {
        let mut encoding = create(design, map_form);
        define(&mut *encoding, &mut random);
        let refused = |error: Refusal| -> ! { panic!("{design}, {map_form:?}: {error}") };
        let plan = encoding.kernel_plan().unwrap_or_else(|error| refused(error));
        let ingress = random.below(PORTS);
        let questions = questions(&*encoding, ingress, &mut random);
        let call = |question| encoding.kernel_call(question).unwrap_or_else(|error| refused(error));
        let calls: Vec<KernelCall> = questions.iter().map(call).collect();
        let expected = delivered(&*encoding, &questions);
        let bytes = |maps: &[Map]| maps.iter().map(|map| map.memlock().expect("/proc")).sum::<u64>();
        let (left, taken, groups) = match plan.carriage {
            Carriage::Filter(by) => {
                let (object, groups) = filter(form, &plan, by, &calls, switch);
                let containing = object.map("groups").unwrap().memlock().expect("/proc");
                (play(ingress, &expected, switch), containing + bytes(&groups), groups.len())
            }
            Carriage::Broadcast => {
                let (containing, groups) = broadcast(&plan, &calls, switch);
                (play(ingress, &expected, switch), bytes(&[containing]) + bytes(&groups), groups.len())
            }
            Carriage::No(why) => panic!("{design}: {why}"),
        };
        assert_eq!(left, expected, "{design}, {map_form:?}, left the kernel: {plan:?}, {questions:?}");
        if crate::formula_is_known() {
            assert_eq!(taken, plan.map_bytes(), "{design}, {map_form:?}, left the kernel: {plan:?}");
        }
        (sent, maps) = (sent + copies(&left), maps + 1 + groups);
    }
    let (frames, mode) = (FORMS.len() * POLL, switch.mode());
    need::compared(&format!(
        "{design} in the kernel, {mode:?}: {frames} questions, {sent} copies, {maps} maps as it says"
    ));
}

/// Rule: MCAST-P29, MCAST-P32, MCAST-K11.a, MCAST-K13.a, MCAST-K05.a, MCAST-51.a
#[test]
fn encodings_deliver_what_they_say() {
    let Some(()) = need::kernel("encodings_deliver_what_they_say") else { return };
    for mode in [Mode::Native, Mode::Generic] {
        let mut switch = Switch::new(PORTS, mode).unwrap_or_else(|error| panic!("{error}"));
        for design in Design::ALL {
            let carriage = design.carriage();
            if mode == Mode::Native && carriage.since().is_some() || carriage.same_in_generic_mode() {
                compare(design, &mut switch);
            }
        }
    }
}

/// Rule: MCAST-P29
#[test]
fn two_designs_are_carried_by_no_kernel() {
    let carriage = |design: Design| matches!(design.carriage(), Carriage::No(_)).then_some(design);
    let none: Vec<Design> = Design::ALL.into_iter().filter_map(carriage).collect();
    assert_eq!(none, [Design::Compressed, Design::PruningIds]);
    for design in none {
        let refusal = create(design, MapForm::HashOfDevmapHash).kernel_plan().unwrap_err();
        assert!(
            matches!(refusal, Refusal::NotCarried(NotCarried::UserSpace | NotCarried::Chip)),
            "{refusal}"
        );
    }
}
