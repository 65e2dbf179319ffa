//! Linking, maps by name, words and coverage on programs of a few instructions, without a compiler.

mod in_turn;

use xdpsim_devmap::{CpuId, Errno, IfIndex};

use super::coverage::{Coverage, Hits};
use super::{BuildError, Machine};
use crate::engine::Engine;
use crate::helpers::World;
use crate::insn::Insn;
use crate::load::{Attach, Function, Initial, MapDef, MapIndex, MapSpec, Object, Program, Reference};
use crate::memory::MapIdx;

struct Nowhere;

impl World for Nowhere {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        0
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        4
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        4
    }
}

const EXIT: Insn = Insn { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 };

fn mov(dst: u8, imm: i32) -> Insn {
    Insn { code: 0xb7, dst, imm, ..Insn::default() }
}

fn call(helper: i32) -> Insn {
    Insn { code: 0x85, imm: helper, ..Insn::default() }
}

/// `r2 = map`
fn map_to(dst: u8, map: i32) -> [Insn; 2] {
    [Insn { code: 0x18, dst, src: 1, imm: map, ..Insn::default() }, Insn::default()]
}

/// `r0 = *(u32 *)(rX + off)`
fn load(src: u8, off: i16) -> Insn {
    Insn { code: 0x61, dst: 0, src, off, ..Insn::default() }
}

fn program(name: &str, insns: Vec<Insn>) -> Program {
    let functions = vec![Function { name: name.into(), start: 0 }];
    let section = "xdp".into();
    Program {
        name: name.into(),
        section,
        attach: Attach::Interface,
        frags: false,
        insns,
        functions,
        lines: vec![],
    }
}

fn spec(map_type: u32, key_size: u32, value_size: u32, max_entries: u32) -> MapSpec {
    MapSpec { map_type, key_size, value_size, max_entries, ..MapSpec::default() }
}

fn map(name: &str, spec: MapSpec) -> MapDef {
    let (inner, pinned, initial) = (None, false, Initial::Empty);
    let (key, value) = Default::default();
    MapDef { name: name.into(), spec, inner, pinned, initial, key, value, lock: None }
}

fn pinned(map: MapDef) -> MapDef {
    MapDef { pinned: true, ..map }
}

fn object(name: &str, programs: Vec<Program>, maps: Vec<MapDef>) -> Object {
    let (globals, files, ignored) = Default::default();
    Object { name: name.into(), programs, maps, globals, files, ignored, btf: Default::default() }
}

fn run(machine: &mut Machine, name: &str) -> Result<u32, String> {
    let program = machine.program(name).expect("there is one");
    machine.memory_mut().packet_in(&[0; 60], 256, 0);
    machine.run(program, Default::default(), &mut Nowhere).map_err(|fault| machine.story(&fault).headline())
}

/// Reads the first value of its object's map 1.
fn reader(name: &str) -> Program {
    let lookup = [
        vec![Insn { code: 0x7a, dst: 10, off: -8, ..Insn::default() }],
        vec![Insn { code: 0xbf, dst: 2, src: 10, ..Insn::default() }],
        vec![Insn { code: 0x07, dst: 2, imm: -8, ..Insn::default() }],
        map_to(1, 1).to_vec(),
        vec![call(1), Insn { code: 0x61, dst: 0, src: 0, ..Insn::default() }, EXIT],
    ];
    program(name, lookup.concat())
}

fn two_objects() -> (Object, Object) {
    let counters = || pinned(map("counters", spec(2, 4, 4, 1)));
    let one = object("one.o", vec![reader("read")], vec![map("own", spec(1, 4, 8, 4)), counters()]);
    let other =
        object("two.o", vec![reader("read"), reader("more")], vec![map("own", spec(1, 4, 8, 4)), counters()]);
    (one, other)
}

#[test]
fn pinned_maps_are_shared_and_others_are_not() {
    let (one, other) = two_objects();
    for &engine in Engine::ALL {
        let builder = Machine::builder().object(one.clone()).object(other.clone()).engine(engine);
        let mut machine = builder.build().unwrap();
        assert_eq!(machine.map_names().count(), 3);
        let counters = machine.map("counters").unwrap();
        machine.update(counters, &[0; 4], &7_u32.to_le_bytes(), 0).unwrap();
        let before = machine.clone();
        for name in ["one.o:read", "two.o:read", "more"] {
            assert_eq!(run(&mut machine, name), Ok(7), "{engine}");
        }
        let [first, second] = ["one.o:own", "two.o:own"].map(|name| machine.map(name).unwrap());
        machine.update(first, &[1; 4], &[1; 8], 0).unwrap();
        assert_eq!(machine.lookup(second, &[1; 4]), Err(Errno::ENOENT));
        let mut before = before;
        assert_eq!(before.lookup(first, &[1; 4]), Err(Errno::ENOENT), "a clone has maps of its own");
    }
}

#[test]
fn names_that_do_not_say_which_are_refused_with_all_that_there_are() {
    let (one, other) = two_objects();
    let machine = Machine::builder().object(one).object(other).build().unwrap();
    insta::assert_snapshot!(machine.map("own").unwrap_err(), @"2 maps have the name `own`: put the object in front (`OBJECT:own`); there are one.o:own, counters, two.o:own");
    insta::assert_snapshot!(machine.program("red").unwrap_err(), @"there is no program `red`; there are one.o:read, two.o:read, more");
}

#[test]
fn pinned_maps_that_differ_are_refused() {
    let first = object(
        "one.o",
        vec![reader("a")],
        vec![pinned(map("t", spec(1, 4, 8, 64))), map("u", spec(2, 4, 4, 1))],
    );
    let second = object(
        "two.o",
        vec![reader("b")],
        vec![pinned(map("t", spec(1, 4, 8, 65))), map("u", spec(2, 4, 4, 1))],
    );
    let error = Machine::builder().object(first).object(second).build().unwrap_err();
    insta::assert_snapshot!(error, @"map `t` is pinned by name, so one.o and two.o share it, but the first declares HASH, keys of 4 bytes, values of 8, 64 entries, flags 0x0, the second HASH, keys of 4 bytes, values of 8, 65 entries, flags 0x0; give both the same definition, or names of their own");
}

#[test]
fn a_program_that_cannot_be_executed_is_named() {
    let broken = program("broken", vec![mov(0, 2)]);
    let error = Machine::builder().object(object("one.o", vec![broken], vec![])).build().unwrap_err();
    assert!(matches!(error, BuildError::Program { .. }));
    insta::assert_snapshot!(error, @"one.o, program `broken`: instruction 0: last instruction of its function, but neither exit nor jump");
}

/// Each object's program array leads to its own programs; from outside it can lead to another object's.
#[test]
fn tail_calls_lead_to_the_programs_of_the_run() {
    let jumper = |name: &str| {
        let tail_call = [map_to(2, 0).to_vec(), vec![mov(3, 0), call(12), mov(0, 1), EXIT]].concat();
        program(name, tail_call)
    };
    let array = |target: &str| {
        let initial = Initial::References(vec![(0, Reference::Program(target.into()))]);
        MapDef { initial, ..map("jumps", spec(3, 4, 4, 2)) }
    };
    let end = |name: &str, verdict| program(name, vec![mov(0, verdict), EXIT]);
    let one = object("one.o", vec![jumper("first"), end("ten", 10)], vec![array("ten")]);
    let two = object("two.o", vec![end("twenty", 20), jumper("second")], vec![array("twenty")]);
    let mut machine = Machine::builder().object(one).object(two).build().unwrap();
    assert_eq!((run(&mut machine, "first"), run(&mut machine, "second")), (Ok(10), Ok(20)));
    let jumps = machine.map("one.o:jumps").unwrap();
    let twenty = machine.program("twenty").unwrap();
    machine.set_program(jumps, &[0; 4], twenty).unwrap();
    assert_eq!(run(&mut machine, "first"), Ok(20));
    assert_eq!(machine.update(jumps, &[0; 4], &[0; 4], 0), Err(Errno::EBADF));
    machine.delete(jumps, &[0; 4]).unwrap();
    assert_eq!(run(&mut machine, "first"), Ok(1));
}

#[test]
fn inner_maps_must_be_like_the_template() {
    let inner = spec(1, 4, 4, 8);
    let outer = MapDef { inner: Some(inner), ..map("outer", spec(13, 4, 4, 8)) };
    let static_one = MapDef {
        inner: Some(inner),
        initial: Initial::References(vec![(1, Reference::Map(MapIndex(2)))]),
        ..map("static", spec(12, 4, 4, 8))
    };
    let maps = vec![outer, static_one, map("like", inner), map("other", spec(1, 4, 8, 8))];
    let one = object("one.o", vec![program("p", vec![mov(0, 2), EXIT])], maps);
    let builder = Machine::builder().object(one);
    let error = builder.clone().inner("made", "like").build().unwrap_err();
    insta::assert_snapshot!(error, @"map `like` is no map of maps: `made` cannot be made after its template");
    let mut machine = builder.inner("made", "outer").build().unwrap();
    let [outer, fixed, like, other, made] =
        ["outer", "static", "like", "other", "made"].map(|name| machine.map(name).unwrap());
    assert_eq!(machine.set_inner(outer, &[5; 4], made, 0), Ok(()));
    assert_eq!(machine.set_inner(outer, &[5; 4], other, 0), Err(Errno::EINVAL));
    assert_eq!(machine.elements(outer).unwrap(), [(vec![5; 4], made.0.to_le_bytes().to_vec())]);
    assert_eq!(machine.elements(fixed).unwrap(), [(vec![1, 0, 0, 0], like.0.to_le_bytes().to_vec())]);
}

#[test]
fn maps_answer_from_outside_as_the_kernel_does() {
    let maps = vec![
        map("table", spec(1, 4, 8, 2)),
        map("percpu", spec(6, 4, 4, 1)),
        map("stack", spec(23, 0, 4, 2)),
    ];
    let one = object("one.o", vec![program("p", vec![mov(0, 2), EXIT])], maps);
    let mut machine = Machine::builder().object(one).cpus(2).build().unwrap();
    let [table, percpu, stack] = ["table", "percpu", "stack"].map(|name| machine.map(name).unwrap());
    assert_eq!(machine.lookup(table, &[0; 4]), Err(Errno::ENOENT));
    assert_eq!(machine.lookup(table, &[0; 5]), Err(Errno::EINVAL));
    assert_eq!(machine.update(table, &[0; 4], &[0; 7], 0), Err(Errno::EINVAL));
    assert_eq!(machine.update(table, &[0; 4], &[1; 8], 2), Err(Errno::ENOENT));
    assert_eq!(machine.update(table, &[0; 4], &[1; 8], 1), Ok(()));
    assert_eq!(machine.next_key(table, None), Ok(vec![0; 4]));
    assert_eq!(machine.next_key(table, Some(&[0; 4])), Err(Errno::ENOENT));
    assert_eq!(machine.take(table, &[0; 4]), Ok(vec![1; 8]));
    assert_eq!(machine.delete(table, &[0; 4]), Err(Errno::ENOENT));
    assert_eq!(machine.value_len(percpu), 16);
    assert_eq!(machine.elements(percpu), Ok(vec![(vec![0; 4], vec![0; 16])]));
    machine.update(stack, &[], &[1; 4], 0).unwrap();
    machine.update(stack, &[], &[2; 4], 0).unwrap();
    assert_eq!(machine.elements(stack), Ok(vec![(vec![], vec![2; 4]), (vec![], vec![1; 4])]));
    assert_eq!(machine.take(stack, &[]), Ok(vec![2; 4]));
    assert_eq!(machine.lookup(MapIdx(9), &[]), Err(Errno::EBADF));
}

#[test]
fn a_fault_names_maps_and_places() {
    let maps = || vec![map("other", spec(2, 4, 4, 1)), map("table", spec(2, 4, 4, 2))];
    let beyond = |insns: Vec<Insn>| object("one.o", vec![program("p", insns)], maps());
    let headline = |insns: Vec<Insn>| {
        let mut machine = Machine::builder().object(beyond(insns)).build().unwrap();
        run(&mut machine, "p").unwrap_err()
    };
    let value = |off| {
        let address = Insn { code: 0x18, dst: 6, src: 2, imm: 1, ..Insn::default() };
        vec![address, Insn::default(), load(6, off), EXIT]
    };
    insta::assert_snapshot!(headline(value(2)), @"one.o, p(), instruction 2: read of 4 bytes at offset 2 of value 0 of map `table`, which has 4");
    insta::assert_snapshot!(headline([map_to(6, 1).to_vec(), vec![load(6, 0), EXIT]].concat()), @"one.o, p(), instruction 2: read of 4 bytes of map `table`, which is no memory");
    insta::assert_snapshot!(headline(vec![load(10, -516), EXIT]), @"one.o, p(), instruction 0: read of 4 bytes below the stack, at r10-516");
    insta::assert_snapshot!(headline(vec![load(10, 0), EXIT]), @"one.o, p(), instruction 0: read of 4 bytes at offset 512 of the stack, which has 512");
    insta::assert_snapshot!(headline(vec![mov(6, 0), load(6, 8), EXIT]), @"one.o, p(), instruction 1: read of 4 bytes at 0x8: a null pointer");
    let packet = Insn { code: 0x61, dst: 6, src: 1, ..Insn::default() };
    insta::assert_snapshot!(headline(vec![packet, load(6, 58), EXIT]), @"one.o, p(), instruction 1: read of 4 bytes at offset 58 of the packet, which has 60");
    let store = Insn { code: 0x62, dst: 1, off: 4, ..Insn::default() };
    insta::assert_snapshot!(headline(vec![store, EXIT]), @"one.o, p(), instruction 0: write of 4 bytes at offset 4 of the context, which may only be read");
}

#[test]
fn a_whole_story_has_registers_with_what_they_point_to() {
    let maps = vec![map("other", spec(2, 4, 4, 1)), map("table", spec(2, 4, 4, 2))];
    let packet = Insn { code: 0x61, dst: 6, src: 1, ..Insn::default() };
    let end = Insn { code: 0x61, dst: 7, src: 1, off: 4, ..Insn::default() };
    let insns = [vec![packet, end], map_to(8, 1).to_vec(), vec![mov(0, 5), load(7, -2), EXIT]].concat();
    let one = object("one.o", vec![program("p", insns)], maps);
    let mut machine = Machine::builder().object(one).build().unwrap();
    machine.memory_mut().packet_in(&[0; 60], 256, 0);
    let program = machine.program("p").unwrap();
    let fault = machine.run(program, Default::default(), &mut Nowhere).unwrap_err();
    insta::assert_snapshot!(machine.story(&fault), @r"
    fault: read of 4 bytes at offset 58 of the packet, which has 60
      in one.o, program `p`, instruction 5
      memory: the packet, 60 bytes (0x10100 to 0x1013c)
      help: compare with ctx->data_end before every access, again after a helper that moves the packet
      registers:
        r0  0x5
        r1  0x200010000 (context)
        r2  0x0
        r3  0x0
        r4  0x0
        r5  0x0
        r6  0x10100 (packet)
        r7  0x1013c (packet end)
        r8  0x300010001 (map `table`)
        r9  0x0
        r10 0x100010a00 (stack)
    ");
}

#[test]
fn executed_instructions_are_counted() {
    let branch = Insn { code: 0x15, dst: 0, off: 1, imm: 2, ..Insn::default() };
    let one = object("one.o", vec![program("p", vec![mov(0, 2), branch, mov(0, 1), EXIT])], vec![]);
    let mut machine = Machine::builder().object(one).build().unwrap();
    let program = machine.program("p").unwrap();
    let mut hits = Hits::new(&machine);
    for _ in 0..3 {
        machine.memory_mut().packet_in(&[0; 60], 256, 0);
        let observe = |program, slot| hits.count(program, slot);
        machine.run_observed(program, Default::default(), &mut Nowhere, observe).unwrap();
    }
    assert_eq!(hits.of(program), [3, 3, 0, 3]);
    let other = hits.clone();
    hits.add(&other);
    assert_eq!(hits.of(program), [6, 6, 0, 6]);
    assert_eq!(Coverage::of(&machine, &hits).totals(), (0, 0), "the object has no lines");
}
