//! Any bytes as an object: it is refused, or its maps are created and its programs run on a frame, to an end or a
//! fault, in bounded memory and time, and all engines do the same.
//!
//! Seeds are the corpus's objects, which the fuzzer damages.
#![no_main]

mod vm;

use std::panic;

use libfuzzer_sys::fuzz_target;
use xdpsim_vm::helpers::MapSet;
use xdpsim_vm::load::{LoadOptions, MapDef, Object, Program as Loaded};
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Memory, ProgIdx, Program};

/// What an object's maps may hold here. More is allowed (a kernel gives it too), but tells nothing and takes time.
const MAP_BYTES_MAX: u64 = 4 << 20;
/// Programs of one object that are run; a damaged symbol table may name many.
const PROGRAMS_MAX: usize = 8;
const CPUS: u32 = 2;

/// The reader of objects beneath the loader panics on some of them, and the loader catches that; the fuzzer's hook
/// would end the process before.
fn let_the_reader_panic() {
    let fuzzers = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or("", panic::Location::file);
        if !place.contains("aya-obj-") {
            fuzzers(info);
        }
    }));
}

fn bytes(def: &MapDef) -> u64 {
    [Some(def.spec), def.inner]
        .into_iter()
        .flatten()
        .map(|spec| {
            let each = u64::from(spec.key_size) + 64 + u64::from(spec.value_size) * u64::from(CPUS);
            each.saturating_mul(u64::from(spec.max_entries))
        })
        .fold(0, u64::saturating_add)
}

fuzz_target!(
    init: let_the_reader_panic(),
    |bytes_of_object: &[u8]| {
        let Ok(object) = Object::load("fuzzed.o", bytes_of_object, LoadOptions::default()) else { return };
        if object.maps.iter().map(bytes).fold(0, u64::saturating_add) > MAP_BYTES_MAX {
            return;
        }
        let mut memory = Memory::new();
        let Ok(maps) = MapSet::create(&object, CPUS, &mut memory) else { return };
        let decode = |program: &Loaded| Program::decode(&program.insns, object.maps.len() as u32);
        let Ok(programs) = object.programs.iter().map(decode).collect::<Result<Vec<_>, _>>() else { return };
        let frame: [u8; 64] = std::array::from_fn(|at| if at == 12 { 8 } else { at as u8 & 0x1f });
        for entry in (0..programs.len().min(PROGRAMS_MAX) as u32).map(ProgIdx) {
            memory.packet_in(&frame, 256, 256);
            memory.set_context(ContextFields { ingress_ifindex: 1, ..Default::default() });
            let (result, ..) = vm::with_helpers(&programs, entry, &memory, &maps);
            if let Err(fault) = result {
                let program = &object.programs[fault.prog.0 as usize];
                let line = program.line_at(fault.pc).map(|line| object.source(line));
                assert!(!fault.to_string().is_empty() && line.is_none_or(|line| line.len() < 1 << 20));
            }
        }
    }
);
