//! Helpers that run a function of the program, and spin locks: the kernel wants types (BTF) for both.

use super::Counts;
use super::code::{Arg, Code, insn};
use super::pair::{Made, Pair, spec};
use super::vm_draw::Random;
use std::os::fd::AsRawFd;
use xdpsim_oracle::bpf::{Btf, MapTypes, Types, map_type, possible_cpus};
use xdpsim_vm::Insn;

/// Programs of each kind.
const PROGRAMS: usize = 130;

const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;
const SPIN_LOCK: i32 = 93;
const SPIN_UNLOCK: i32 = 94;
const FOR_EACH: i32 = 164;
const LOOP: i32 = 181;

/// The map under test.
const MAP: u32 = 1;
/// Where callbacks add up what they see.
const SUMS: i32 = 128;

pub fn play(counts: &mut Counts) {
    let random = &mut Random(41);
    loops(random, counts);
    walks(random, counts);
    locks(random, counts);
}

/// Types of a program and its callback.
fn functions() -> (Btf, [u32; 2]) {
    let mut types = Types::new();
    let int = types.int("long", 8);
    let all = [types.function("main", int), types.function("callback", int)];
    (Btf::load(&types.bytes()).unwrap(), all)
}

/// `page[SUMS + at] += r5`; R4 is lost.
fn add_up(at: i32) -> [Insn; 5] {
    [
        insn(0x18, 4, 2, 0, 0),
        insn(0, 0, 0, 0, SUMS + at),
        insn(0x79, 0, 4, 0, 0),
        insn(0x0f, 0, 5, 0, 0),
        insn(0x7b, 4, 0, 0, 0),
    ]
}

fn loops(random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::new(&[]);
    pair.btf = Some(functions());
    for _ in 0..PROGRAMS * 4 {
        pair.fill(&[]);
        let count = random.pick(&[0, 1, 2, 5, 100, 1000, 1 << 32, (8 << 20) + 1, 0xffff_ffff, -1]);
        let flags = random.pick(&[0, 0, 0, 0, 1, 1 << 40]);
        let stop = random.pick(&[0, 1, 4, 99, 5000]);
        // Adds up the numbers of iterations, and returns 1 at one of them.
        let mut callback = vec![insn(0xbf, 6, 1, 0, 0), insn(0xbf, 5, 1, 0, 0)];
        callback.extend(add_up(0));
        callback.extend([
            insn(0xb7, 0, 0, 0, 0),
            insn(0x55, 6, 0, 1, stop),
            insn(0xb7, 0, 0, 0, 1),
            insn(0x95, 0, 0, 0, 0),
        ]);
        let args = [Arg::Num(count), Arg::Callback, Arg::Num(0), Arg::Num(flags)];
        let insns = Code::new().call(LOOP, &args).keep().end_with(&callback);
        let loaded = pair.load(&insns).unwrap_or_else(|error| panic!("{error}"));
        let said = pair.run_loaded(&loaded, &insns, &[0; 64]);
        // The loop becomes part of the program, and its errno a number of 32 bits.
        counts.add(&[LOOP], &said.results(1), |result| result < 0 || result == 0xffff_fff9);
    }
}

/// What a walk's callback does besides adding up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Nothing,
    Deletes,
    DeletesOdd,
    Writes,
    Updates,
    /// Ends the walk: at the first element of a hash, at some index of an array.
    Stops(i32),
}

/// Adds key and value up, then does something; R1 is the map, R2 the key, R3 the value.
fn visitor(does: Does) -> Vec<Insn> {
    let mut all = vec![insn(0xbf, 7, 2, 0, 0), insn(0xbf, 8, 3, 0, 0), insn(0xbf, 9, 1, 0, 0)];
    if !matches!(does, Does::Stops(-1)) {
        all.push(insn(0x71, 5, 7, 0, 0));
        all.extend(add_up(0));
        all.push(insn(0x61, 5, 8, 0, 0));
        all.extend(add_up(8));
    }
    let delete = [insn(0xbf, 1, 9, 0, 0), insn(0xbf, 2, 7, 0, 0), insn(0x85, 0, 0, 0, DELETE)];
    match does {
        Does::Nothing | Does::Stops(-1) => {}
        Does::Deletes => all.extend(delete),
        Does::DeletesOdd => {
            all.extend([insn(0x71, 5, 7, 0, 0), insn(0x57, 5, 0, 0, 1), insn(0x15, 5, 0, 3, 0)]);
            all.extend(delete);
        }
        Does::Writes => all.extend([insn(0x61, 5, 8, 0, 0), insn(0x07, 5, 0, 0, 3), insn(0x63, 8, 5, 0, 0)]),
        // Replaces the element by one with its value plus 1, then adds up the old value once more.
        Does::Updates => {
            all.extend([
                insn(0x61, 5, 8, 0, 0),
                insn(0x07, 5, 0, 0, 1),
                insn(0x7b, 10, 5, -8, 0),
                insn(0xbf, 1, 9, 0, 0),
                insn(0xbf, 2, 7, 0, 0),
                insn(0xbf, 3, 10, 0, 0),
                insn(0x07, 3, 0, 0, -8),
                insn(0xb7, 4, 0, 0, 2),
                insn(0x85, 0, 0, 0, UPDATE),
            ]);
        }
        Does::Stops(at) => all.extend([
            insn(0x61, 5, 7, 0, 0),
            insn(0xb7, 0, 0, 0, 1),
            insn(0x15, 5, 0, 1, at),
            insn(0xb7, 0, 0, 0, 0),
            insn(0x95, 0, 0, 0, 0),
        ]),
    }
    if matches!(does, Does::Stops(0..)) {
        return all;
    }
    all.extend([insn(0xb7, 0, 0, 0, i32::from(does == Does::Stops(-1))), insn(0x95, 0, 0, 0, 0)]);
    all
}

fn walks(random: &mut Random, counts: &mut Counts) {
    use Does::{Deletes, DeletesOdd, Nothing, Stops, Updates, Writes};
    let arrays = [map_type::ARRAY, map_type::PERCPU_ARRAY];
    for map_type in [
        map_type::ARRAY,
        map_type::PERCPU_ARRAY,
        map_type::HASH,
        map_type::PERCPU_HASH,
        map_type::LRU_HASH,
        map_type::LRU_PERCPU_HASH,
    ] {
        let entries =
            if map_type == map_type::LRU_HASH || map_type == map_type::LRU_PERCPU_HASH { 512 } else { 16 };
        let array = arrays.contains(&map_type);
        let made = Made::from(spec(map_type, 4, 8, entries, 0));
        let mut pair = Pair::new(&[made]);
        pair.btf = Some(functions());
        for _ in 0..PROGRAMS {
            pair.fill(&[]);
            for _ in 0..random.below(8) {
                let key = (random.below(12) as u32).to_le_bytes();
                // The same on each CPU, so that it does not matter where the program runs.
                let value: Vec<u8> = (random.next() as u8 as u64).to_le_bytes().to_vec();
                let percpu = attributes_len(map_type);
                let _ = pair.try_update(MAP as usize, &key, &value.repeat(percpu), 0);
            }
            let does = if array {
                random.pick(&[Nothing, Writes, Deletes, Stops(-1), Stops(0), Stops(3), Stops(15)])
            } else {
                random.pick(&[Nothing, Writes, Deletes, DeletesOdd, Updates, Stops(-1)])
            };
            let flags = Arg::Num(random.pick(&[0, 0, 0, 1, 1 << 33]));
            let args = [Arg::Map(MAP), Arg::Callback, Arg::Num(0), flags];
            let insns = Code::new().call(FOR_EACH, &args).keep().end_with(&visitor(does));
            let loaded = pair.load(&insns).unwrap_or_else(|error| panic!("{error}"));
            let said = pair.run_loaded(&loaded, &insns, &[0; 64]);
            counts.add(&[FOR_EACH], &said.results(1), |result| result < 0);
        }
    }
}

/// Values of an element as bpf(2) has them.
fn attributes_len(map_type: u32) -> usize {
    let percpu = [map_type::PERCPU_ARRAY, map_type::PERCPU_HASH, map_type::LRU_PERCPU_HASH];
    if percpu.contains(&map_type) { possible_cpus() } else { 1 }
}

/// `struct { u32 a; struct bpf_spin_lock lock; u64 b; }`
fn locked_value() -> (Btf, u32, u32) {
    let mut types = Types::new();
    let (key, wide) = (types.int("unsigned int", 4), types.int("unsigned long long", 8));
    let lock = types.structure("bpf_spin_lock", 4, &[("val", key, 0)]);
    let value = types.structure("value", 16, &[("a", key, 0), ("lock", lock, 4), ("b", wide, 8)]);
    (Btf::load(&types.bytes()).unwrap(), key, value)
}

fn locks(random: &mut Random, counts: &mut Counts) {
    let (btf, key, value) = locked_value();
    let types = MapTypes { btf: btf.as_raw_fd(), key, value };
    for map_type in [map_type::HASH, map_type::ARRAY] {
        let made = Made { spec: spec(map_type, 4, 16, 4, 0), lock: Some((4, types)) };
        let mut pair = Pair::new(&[made]);
        for _ in 0..PROGRAMS * 4 {
            let mut page = vec![0; 64];
            page[0] = random.below(6) as u8;
            page.extend((0..64).map(|_| random.next() as u8));
            pair.fill(&page);
            let flags = Arg::Num(random.pick(&[0, 4, 4, 5, 6, 7, 1, 2, 8]));
            let mut code = Code::new();
            // Writes an element, with or without its lock; then adds to one under its lock.
            code.call(UPDATE, &[Arg::Map(MAP), Arg::Page(0), Arg::Page(64), flags]).keep();
            code.call(LOOKUP, &[Arg::Map(MAP), Arg::Page(0)]);
            code.insns.extend([
                insn(0xbf, 8, 0, 0, 0),
                insn(0xb7, 0, 0, 0, 0),
                insn(0x15, 8, 0, 12, 0),
                insn(0xbf, 1, 8, 0, 0),
                insn(0x07, 1, 0, 0, 4),
                insn(0x85, 0, 0, 0, SPIN_LOCK),
                insn(0x79, 9, 8, 8, 0),
                insn(0x07, 9, 0, 0, 5),
                insn(0x7b, 8, 9, 8, 0),
                insn(0x62, 8, 0, 0, 77),
                insn(0xbf, 1, 8, 0, 0),
                insn(0x07, 1, 0, 0, 4),
                insn(0x85, 0, 0, 0, SPIN_UNLOCK),
                insn(0xb7, 0, 0, 0, 1),
                insn(0x05, 0, 0, 0, 0),
            ]);
            let insns = code.keep().end();
            let loaded = pair.load(&insns).unwrap_or_else(|error| panic!("{error}"));
            let said = pair.run_loaded(&loaded, &insns, &[0; 64]);
            let results = said.results(2);
            if results[1] == 1 {
                counts.add(&[SPIN_LOCK, SPIN_UNLOCK], &[0, 0], |_| false);
            }
            let key = (random.below(6) as u32).to_le_bytes();
            let value: Vec<u8> = (0..16).map(|_| random.next() as u8).collect();
            let _ = pair.try_update(MAP as usize, &key, &value, random.pick(&[0, 1, 2, 3, 4, 5, 6, 8]));
        }
    }
}
