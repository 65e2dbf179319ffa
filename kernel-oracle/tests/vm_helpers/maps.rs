//! Helpers of maps: sequences of calls on maps that stay, with keys that meet.

use std::os::fd::AsFd;

use super::Counts;
use super::code::{Arg, Code, insn};
use super::pair::{Made, Pair, spec};
use super::vm_draw::Random;
use xdpsim_oracle::bpf::map_type;
use xdpsim_vm::{MapIdx, Program};

/// Programs for each map, each of up to four calls.
const PROGRAMS: usize = 150;

const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;
const TAIL_CALL: i32 = 12;
const PERF_OUTPUT: i32 = 25;
const REDIRECT_MAP: i32 = 51;
const PUSH: i32 = 87;
const POP: i32 = 88;
const PEEK: i32 = 89;
const RING_OUTPUT: i32 = 130;
const RING_RESERVE: i32 = 131;
const RING_SUBMIT: i32 = 132;
const RING_DISCARD: i32 = 133;
const RING_QUERY: i32 = 134;
const LOOKUP_PERCPU: i32 = 195;

/// The map under test.
const MAP: u32 = 1;
/// Where in the page the key and the value are.
const KEY: u32 = 0;
const VALUE: u32 = 512;

pub fn play(counts: &mut Counts) {
    let random = &mut Random(23);
    for spec in [
        spec(map_type::HASH, 4, 8, 6, 0),
        spec(map_type::HASH, 8, 12, 5, 1),
        spec(map_type::HASH, 16, 4, 5, 0),
        spec(map_type::ARRAY, 4, 8, 5, 0),
        spec(map_type::LRU_HASH, 2, 8, 4096, 0),
        spec(map_type::LPM_TRIE, 8, 4, 6, 1),
        spec(map_type::LPM_TRIE, 5, 4, 6, 1),
        spec(map_type::LPM_TRIE, 20, 4, 6, 1),
    ] {
        keyed(random, counts, spec.into());
    }
    percpu(random, counts);
    for map_type in [map_type::QUEUE, map_type::STACK] {
        queued(random, counts, spec(map_type, 0, 8, 3, 0).into());
    }
    ring(random, counts);
    redirects(random, counts);
    events(random, counts);
    tail_calls(random, counts);
}

/// Keys of few values.
fn key(random: &mut Random, made: &Made) -> Vec<u8> {
    let mut key = vec![0; made.spec.key_size as usize];
    if made.spec.map_type == map_type::LPM_TRIE {
        let bits = (made.spec.key_size - 4) * 8;
        let len = random.below(u64::from(bits) + 3) as u32;
        key[..4].copy_from_slice(&len.to_le_bytes());
        key[4..].fill_with(|| random.pick(&[0, 0, 0x80, 0xff]));
    } else if let Some(first) = key.first_mut() {
        *first = random.below(u64::from(made.spec.max_entries.min(8)) * 3 / 2 + 2) as u8;
    }
    key
}

fn fill(random: &mut Random, pair: &mut Pair, made: &Made) {
    let mut page = vec![0; VALUE as usize];
    for at in 0..4 {
        let key = key(random, made);
        page[at * 64..at * 64 + key.len()].copy_from_slice(&key);
    }
    page.extend((0..256).map(|_| random.next() as u8));
    pair.fill(&page);
}

fn keyed(random: &mut Random, counts: &mut Counts, made: Made) {
    let mut pair = Pair::new(&[made]);
    for _ in 0..PROGRAMS {
        fill(random, &mut pair, &made);
        let (mut code, mut called) = (Code::new(), Vec::new());
        for _ in 0..4 {
            let helper = random.pick(&[LOOKUP, UPDATE, UPDATE, DELETE]);
            let key = Arg::Page(KEY + 64 * random.below(4) as u32);
            let value = Arg::Page(VALUE + random.below(64) as u32);
            let flags = Arg::Num(random.pick(&[0, 0, 0, 1, 2, 3, 4, 5, 1 << 40]));
            match helper {
                LOOKUP => code.call(helper, &[Arg::Map(MAP), key]).read_value().keep(),
                UPDATE => code.call(helper, &[Arg::Map(MAP), key, value, flags]).keep(),
                _ => code.call(helper, &[Arg::Map(MAP), key]).keep(),
            };
            called.push(helper);
        }
        let said = pair.run(&code.end(), &[0; 64]).expect("the verifier takes these calls");
        let results = said.results(4);
        for (helper, result) in called.iter().zip(results) {
            counts.add(
                &[*helper],
                &[result],
                |result| if *helper == LOOKUP { result == 0 } else { result < 0 },
            );
        }
    }
}

/// Values of each CPU: written by the program on its own, read by sum.
fn percpu(random: &mut Random, counts: &mut Counts) {
    for (map_type, entries) in
        [(map_type::PERCPU_ARRAY, 4), (map_type::PERCPU_HASH, 4), (map_type::LRU_PERCPU_HASH, 512)]
    {
        let made = Made::from(spec(map_type, 4, 8, entries, 0));
        let mut pair = Pair::new(&[made]);
        for _ in 0..PROGRAMS * 2 {
            fill(random, &mut pair, &made);
            let key = Arg::Page(KEY);
            let mut code = Code::new();
            // The value of one CPU is written by nobody but the control plane, so it is the same wherever this runs.
            let cpu = Arg::Num(random.pick(&[0, 0, 1, 2, 64, 0xffff_ffff, 1 << 32]));
            code.call(LOOKUP_PERCPU, &[Arg::Map(MAP), key, cpu]).read_value().keep();
            let said = pair.run(&code.end(), &[0; 64]).expect("the verifier takes this call");
            counts.add(&[LOOKUP_PERCPU], &said.results(1), |result| result == 0);
            let len = 8 * xdpsim_oracle::bpf::possible_cpus();
            let value: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            let key = self::key(random, &made);
            let _ = pair.try_update(MAP as usize, &key, &value, 0);
        }
    }
}

fn queued(random: &mut Random, counts: &mut Counts, made: Made) {
    let mut pair = Pair::new(&[made]);
    for _ in 0..PROGRAMS * 2 {
        fill(random, &mut pair, &made);
        let (mut code, mut called) = (Code::new(), Vec::new());
        for at in 0..4 {
            let helper = random.pick(&[PUSH, PUSH, POP, POP, POP, PEEK, PEEK]);
            let flags = Arg::Num(random.pick(&[0, 0, 0, 2, 2, 1, 4]));
            match helper {
                PUSH => code.call(helper, &[Arg::Map(MAP), Arg::Page(VALUE + 8 * at), flags]).keep(),
                _ => code.call(helper, &[Arg::Map(MAP), Arg::Page(VALUE + 64 + 8 * at)]).keep(),
            };
            called.push(helper);
        }
        let said = pair.run(&code.end(), &[0; 64]).expect("the verifier takes these calls");
        counts.add(&called, &said.results(4), |result| result < 0);
    }
}

/// A new ring for some programs each: nobody reads it, so it fills up.
fn ring(random: &mut Random, counts: &mut Counts) {
    let made = Made::from(spec(map_type::RINGBUF, 0, 0, 4096, 0));
    for _ in 0..60 {
        let mut pair = Pair::new(&[made]);
        for _ in 0..12 {
            let (mut code, mut called) = (Code::new(), Vec::new());
            let len = random.pick(&[0, 1, 7, 8, 100, 500, 1000]);
            let output =
                [Arg::Map(MAP), Arg::Page(0), Arg::Num(len), Arg::Num(random.pick(&[0, 1, 2, 3, 4, 8]))];
            code.call(RING_OUTPUT, &output).keep();
            let len = random.pick(&[8, 30, 600, 2000, 5000, 1 << 30]);
            let flags = random.pick(&[0, 0, 0, 0, 1, 2]);
            // r8 = the record; if there is one, it is written and closed.
            let close = random.pick(&[RING_SUBMIT, RING_DISCARD]);
            code.call(RING_RESERVE, &[Arg::Map(MAP), Arg::Num(len), Arg::Num(flags)]);
            code.insns.extend([
                insn(0xbf, 8, 0, 0, 0),
                insn(0xb7, 0, 0, 0, 0),
                insn(0x15, 8, 0, 5, 0),
                insn(0x7a, 8, 0, 0, 7),
                insn(0xbf, 1, 8, 0, 0),
                insn(0xb7, 2, 0, 0, random.pick(&[0, 1, 2])),
                insn(0x85, 0, 0, 0, close),
                insn(0xb7, 0, 0, 0, 1),
            ]);
            code.keep();
            for what in 0..4 {
                let what = Arg::Num(random.pick(&[what, what, what, 9, -1]));
                code.call(RING_QUERY, &[Arg::Map(MAP), what]).keep();
            }
            called.extend([RING_OUTPUT, RING_RESERVE, RING_QUERY, RING_QUERY, RING_QUERY, RING_QUERY]);
            let said = pair.run(&code.end(), &[0; 64]).expect("the verifier takes these calls");
            let results = said.results(6);
            counts.add(&called[..1], &results[..1], |result| result < 0);
            counts.add(&called[1..2], &results[1..2], |result| result == 0);
            counts.add(&called[2..], &results[2..], |_| false);
        }
    }
}

/// CPUMAP with some entries, XSKMAP without any: no socket is there.
fn redirects(random: &mut Random, counts: &mut Counts) {
    for (map_type, value_size) in [(map_type::CPUMAP, 8), (map_type::CPUMAP, 4), (map_type::XSKMAP, 4)] {
        let made = Made::from(spec(map_type, 4, value_size, 4, 0));
        let mut pair = Pair::new(&[made]);
        for round in 0..PROGRAMS {
            if map_type == map_type::CPUMAP && round % 10 == 0 {
                let value = (random.pick(&[0, 64, 192, 16384, 16385]) as u64).to_le_bytes();
                let key = (random.below(6) as u32).to_le_bytes();
                let flags = random.pick(&[0, 0, 1, 2, 3]);
                let _ = pair.try_update(MAP as usize, &key, &value[..value_size as usize], flags);
            }
            let mut code = Code::new();
            for _ in 0..2 {
                let index = Arg::Num(random.pick(&[0, 0, 1, 1, 2, 3, 4, 1 << 32, -1]));
                let flags = Arg::Num(random.pick(&[0, 0, 0, 1, 2, 3, 4, 8, 24, 1 << 33]));
                code.call(REDIRECT_MAP, &[Arg::Map(MAP), index, flags]).keep();
            }
            let said = pair.run(&code.end(), &[0; 64]).expect("the verifier takes these calls");
            counts.add(&[REDIRECT_MAP; 2], &said.results(2), |result| result != 4);
        }
    }
}

/// Nobody listens, so every event is refused, for one reason or another.
fn events(random: &mut Random, counts: &mut Counts) {
    let made = Made::from(spec(map_type::PERF_EVENT_ARRAY, 4, 4, 6, 0));
    let mut pair = Pair::new(&[made]);
    for _ in 0..PROGRAMS * 4 {
        let slot = random.pick(&[0_u64, 1, 5, 6, 7, 0xffff_ffff, 0xffff_fffe]);
        let packet = random.pick(&[0_u64, 0, 1, 63, 64, 65, 0xf_ffff]);
        let other = random.pick(&[0_u64, 0, 0, 0, 1 << 52, 1 << 63]);
        let flags = slot | packet << 32 | other;
        let len = Arg::Num(random.below(64) as i64);
        let args = [Arg::Ctx, Arg::Map(MAP), Arg::Num(flags.cast_signed()), Arg::Page(0), len];
        let insns = Code::new().call(PERF_OUTPUT, &args).keep().end();
        let said = pair.run(&insns, &[0; 64]).expect("the verifier takes this call");
        counts.add(&[PERF_OUTPUT], &said.results(1), |result| result < 0);
    }
}

/// To a program that returns XDP_TX, if it is there.
fn tail_calls(random: &mut Random, counts: &mut Counts) {
    let made = Made::from(spec(map_type::PROG_ARRAY, 4, 4, 4, 0));
    let mut pair = Pair::new(&[made]);
    let target = [insn(0xb7, 0, 0, 0, 3), insn(0x95, 0, 0, 0, 0)];
    let loaded = pair.load(&target).unwrap();
    pair.kernel[MAP as usize].set_fd(2, loaded.as_fd()).unwrap();
    pair.maps.own(MapIdx(MAP)).unwrap().set_reference(&2_u32.to_le_bytes(), 1, 0).unwrap();
    pair.tail = Some(Program::decode(&target, 2).unwrap());
    for _ in 0..PROGRAMS * 4 {
        let index = Arg::Num(random.pick(&[2, 2, 2, 0, 3, 4, -1, 2 | 1 << 32]));
        let insns = Code::new().call(TAIL_CALL, &[Arg::Ctx, Arg::Map(MAP), index]).end();
        let said = pair.run(&insns, &[0; 64]).expect("the verifier takes this call");
        counts.add(&[TAIL_CALL], &[i64::from(said.verdict)], |verdict| verdict == 2);
    }
}
