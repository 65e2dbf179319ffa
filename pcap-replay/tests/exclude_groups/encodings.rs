//! Encodings of groups in the form in which a kernel can carry them, on the real data path.
//!
//! The groups of D1, D2 and D9 run as those of D15: exclude numbers as notes. The sets of D5, D6, D7 and D10 become masks.
//! D3 is a flag of the broadcast, D4 a map for each pair. No kernel has D8.

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_devmap::groups::encoding::{
    Design, Encoding, Exclude, GroupId, Limits, Member, Order, Query, Side,
};
use xdpsim_devmap::{IfIndex, MapKey};
use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::bpf::asm::{Asm, Cond, Helper, R0, R1, R2, R3, R10, Size};
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, map_type};
use xdpsim_oracle::need;

use crate::cases::{
    EXCLUDES, FORMS, Form, Group, Left, PORTS, Random, Round, bit, copies, frame_type, ifindex,
};
use crate::kernel::{Kernel, numbers};
use crate::{Programs, object};

/// A hash of DEVMAPs, without a group 0: encodings have none.
const FORM: &Form = &FORMS[2];
/// Polls for each encoding.
const ROUNDS: usize = 3;
/// Frames of a poll where each frame has a map of its own in a map of maps: an update waits for a grace period.
const FEW_FRAMES: usize = 16;
const BROADCAST: i32 = 8;
const EXCLUDE_INGRESS: i32 = 16;

/// One more forward group than the kernel gets: all ports.
fn limits() -> Limits {
    Limits::new(16, FORM.forward.len() as u32 + 1, EXCLUDES.len() as u32).with_slots(64)
}

/// A group's number, from 1.
fn id(all: &[u32], key: u32) -> Option<GroupId> {
    Some(GroupId(all.iter().position(|known| *known == key)? as u32 + 1))
}

/// Groups without repeats, for designs that have none.
fn plain(round: Round) -> Round {
    let own = |group: Group| group.into_values().map(|port| (ifindex(port), port)).collect();
    Round { groups: round.groups.into_iter().map(|(key, group)| (key, own(group))).collect(), ..round }
}

fn draw(encoding: &dyn Encoding, random: &mut Random) -> Round {
    let round = Round::draw(FORM, random);
    if encoding.order() == Order::Ascending { plain(round) } else { round }
}

fn define(encoding: &mut dyn Encoding, round: &Round) {
    for (key, group) in &round.groups {
        let members: Vec<Member> =
            group.iter().map(|(key, port)| Member::at(MapKey(*key), IfIndex(ifindex(*port)))).collect();
        let (side, id) = match id(FORM.forward, *key) {
            Some(id) => (Side::Forward, id),
            None => (Side::Exclude, id(&EXCLUDES, *key).expect("one of both")),
        };
        encoding.define(side, id, &members).unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
    }
}

/// What the encoding delivers; frames whose forward group does not exist are not asked for.
fn delivered(encoding: &dyn Encoding, round: &Round, exclude: impl Fn(u32) -> Exclude) -> Left {
    let mut left = vec![Vec::new(); PORTS];
    let mut ports = Vec::new();
    for (number, index) in round.indexes.iter().enumerate() {
        let Some(forward) = id(FORM.forward, index & 0xffff_0000) else { continue };
        let query = Query { forward, exclude: exclude(*index), ingress: IfIndex(ifindex(round.ingress)) };
        encoding.deliver(&query, &mut ports).unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
        ports.iter().for_each(|port| left[port.0 as usize - 2].push(number));
    }
    left
}

fn by_group(index: u32) -> Exclude {
    id(&EXCLUDES, index & 0xffff).map_or(Exclude::Nothing, Exclude::Group)
}

fn create(design: Design, limits: &Limits) -> Box<dyn Encoding> {
    design.create(limits).unwrap_or_else(|error| panic!("{design}: {error}"))
}

/// Rule: MCAST-P29, MCAST-K11.a, MCAST-K13.a
#[test]
fn encodings_as_notes_and_masks_deliver_what_they_say() {
    use Design::*;
    let Some(()) = need::kernel("encodings_as_notes_and_masks_deliver_what_they_say") else { return };
    let mut switch = Switch::new(PORTS, Mode::Native).unwrap_or_else(|error| panic!("{error}"));
    let notes = [IndexSplit, TwoMaps, Replication, DevmapFilter];
    let masks = [DenseBitmap, Compressed, SortedArrays, BitStrings];
    for (programs, designs) in [(Programs::Note, notes), (Programs::Mask, masks)] {
        let mut kernel = Kernel::new(FORM, &object(FORM.name), programs, &mut switch).unwrap();
        for design in designs {
            let mut encoding = create(design, &limits());
            let (mut frames, mut sent, mut random) = (0, 0, Random(design as u64));
            for number in 0..ROUNDS {
                let round = draw(&*encoding, &mut random);
                define(&mut *encoding, &round);
                kernel.set(&round, &switch).unwrap();
                if programs == Programs::Mask {
                    write_masks(&mut *encoding, &kernel);
                }
                let expected = delivered(&*encoding, &round, by_group);
                let left = kernel.play_all(&round, &expected, &mut switch).unwrap();
                assert_eq!(left, expected, "{design}, round {number}: {round:?}");
                (frames, sent) = (frames + round.indexes.len(), sent + copies(&left));
            }
            need::compared(&format!(
                "{design} as {programs:?} in the kernel: {frames} frames, {sent} copies as it says"
            ));
        }
    }
}

/// Writes the exclude groups as the encoding has them: the ports that each leaves out of all.
fn write_masks(encoding: &mut dyn Encoding, kernel: &Kernel) {
    let masks = kernel.object().map("masks").unwrap();
    let all = GroupId(limits().forward);
    let everyone: Vec<Member> = (0..PORTS).map(|port| Member::of(IfIndex(ifindex(port)))).collect();
    encoding.define(Side::Forward, all, &everyone).unwrap_or_else(|error| panic!("{error}"));
    let mut left = Vec::new();
    for number in EXCLUDES {
        let query = Query { forward: all, exclude: by_group(number), ingress: IfIndex(1) };
        encoding.deliver(&query, &mut left).unwrap_or_else(|error| panic!("{error}"));
        let out = (0..PORTS).filter(|port| !left.contains(&IfIndex(ifindex(*port))));
        let mask: u64 = out.map(bit).sum();
        masks.update(&number.to_ne_bytes(), &mask.to_ne_bytes(), 0).expect("room for all masks");
    }
}

/// Broadcasts to the map that stands for the frame's type.
fn by_type(groups: &Map, flags: i32) -> Prog {
    let mut asm = Asm::new();
    let none = asm.label();
    // R2 = data, R3 = end.
    asm.load(Size::W, R2, R1, 0).load(Size::W, R3, R1, 4).mov_reg(R0, R2).add(R0, 14);
    asm.jump_if(Cond::Gt, R0, R3, none).load(Size::H, R0, R2, 12).store(Size::W, R10, -4, R0);
    asm.mov_reg(R2, R10).add(R2, -4).map(R1, groups.as_fd()).call(Helper::MapLookupElem);
    asm.jump_if_imm(Cond::Eq, R0, 0, none);
    asm.mov_reg(R1, R0).mov(R2, 0).mov(R3, flags).call(Helper::RedirectMap).exit();
    asm.bind(none).ret(1);
    let insns = asm.finish().expect("its label is bound");
    Prog::load(&ProgLoad::xdp("by_type", &insns)).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a round in which frame n is broadcast to the n-th group.
fn play_maps(round: &Round, groups: &[Group], flags: i32, switch: &mut Switch, expected: &Left) -> Left {
    let group = || Map::create(&MapCreate::new(map_type::DEVMAP_HASH, 4, 8, 64, "group")).expect("a group");
    let outer = MapCreate::new(map_type::HASH_OF_MAPS, 4, 4, 64, "groups");
    let template = group();
    let outer =
        Map::create(&MapCreate { inner_map_fd: template.as_raw_fd(), ..outer }).expect("a map of maps");
    for (number, members) in groups.iter().enumerate() {
        let map = group();
        let entries: Vec<(u32, usize)> = members.iter().map(|(key, port)| (*key, *port)).collect();
        switch.fill(&map, &entries, None).unwrap();
        outer.set_fd(frame_type(number).to_be().into(), map.as_fd()).expect("like the template");
    }
    switch.attach(&by_type(&outer, flags)).unwrap();
    let frames = round.frames();
    let left = switch.poll(round.ingress, &frames, copies(expected)).unwrap();
    numbers(&frames, &left)
}

/// The groups of the frames, empty where the forward group does not exist.
fn forward(round: &Round) -> Vec<Group> {
    let group = |index: &u32| round.groups.get(&(index & 0xffff_0000)).cloned().unwrap_or_default();
    round.indexes.iter().map(group).collect()
}

/// Rule: MCAST-P29, MCAST-51
#[test]
fn mainline_flags_deliver_what_they_say() {
    let Some(()) = need::kernel("mainline_flags_deliver_what_they_say") else { return };
    for mode in [Mode::Native, Mode::Generic] {
        let mut switch = Switch::new(PORTS, mode).unwrap_or_else(|error| panic!("{error}"));
        let mut random = Random(3);
        for flags in [BROADCAST, BROADCAST | EXCLUDE_INGRESS] {
            let mut encoding = create(Design::MainlineFlags, &Limits { exclude: 0, ..limits() });
            let mut round = draw(&*encoding, &mut random);
            round.indexes.truncate(FEW_FRAMES);
            define_forward(&mut *encoding, &round);
            let exclude = if flags == BROADCAST { Exclude::Nothing } else { Exclude::IngressAndUppers };
            let expected = delivered(&*encoding, &round, |_| exclude);
            let left = play_maps(&round, &forward(&round), flags, &mut switch, &expected);
            assert_eq!(left, expected, "{mode:?}, {exclude}: {round:?}");
            let (frames, sent) = (round.indexes.len(), copies(&left));
            need::compared(&format!(
                "{}, {mode:?}, leaving out {exclude}: {frames} frames, {sent} copies as it says",
                Design::MainlineFlags
            ));
        }
    }
}

/// Mainline has no exclude groups.
fn define_forward(encoding: &mut dyn Encoding, round: &Round) {
    let groups = round.groups.iter().filter(|(key, _)| **key > 0xffff);
    let groups = groups.map(|(key, group)| (*key, group.clone())).collect();
    define(encoding, &Round { groups, ..round.clone() });
}

/// The maps are what the design computes: a group for each pair.
///
/// Rule: MCAST-P29, MCAST-K05.a
#[test]
fn precomputed_differences_deliver_what_they_say() {
    let Some(()) = need::kernel("precomputed_differences_deliver_what_they_say") else { return };
    for mode in [Mode::Native, Mode::Generic] {
        let mut switch = Switch::new(PORTS, mode).unwrap_or_else(|error| panic!("{error}"));
        let mut encoding = create(Design::Precomputed, &limits());
        let mut round = draw(&*encoding, &mut Random(4));
        round.indexes.truncate(FEW_FRAMES);
        define(&mut *encoding, &round);
        let expected = delivered(&*encoding, &round, by_group);
        let pairs: Vec<Group> = (0..round.indexes.len()).map(|number| pair(&expected, number)).collect();
        let left = play_maps(&round, &pairs, BROADCAST, &mut switch, &round.expected());
        assert_eq!(left, round.expected(), "{mode:?}: {round:?}");
        let (frames, sent) = (round.indexes.len(), copies(&left));
        need::compared(&format!(
            "{}, {mode:?}: {frames} frames, {sent} copies as it says",
            Design::Precomputed
        ));
    }
}

/// The map for a frame's pair: what the encoding delivers, under keys of its own.
fn pair(delivered: &Left, number: usize) -> Group {
    let each = |port: usize| delivered[port].iter().filter(move |one| **one == number).map(move |_| port);
    (0..).zip((0..PORTS).flat_map(each)).collect()
}
