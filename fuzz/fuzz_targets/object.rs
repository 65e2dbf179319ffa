//! Any bytes as an object: it is refused, or its maps are created and its programs run on a frame, to an end or a
//! fault, in bounded memory and time, and all engines do the same.
//!
//! Seeds are the corpus's objects, which the fuzzer damages.
#![no_main]

mod vm;

use std::panic;

use libfuzzer_sys::fuzz_target;
use vm::{LIMITS, Shown, Surroundings, shown};
use xdpsim_vm::load::{LoadOptions, MapDef, Object};
use xdpsim_vm::machine::Machine;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Engine, ProgIdx};

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

/// Every program of the object on a frame: nothing to tell if the machine cannot be built.
fn run(object: &Object, engine: Engine) -> Vec<Shown> {
    let builder = Machine::builder().object(object.clone()).cpus(CPUS).engine(engine).limits(LIMITS);
    let Ok(mut machine) = builder.build() else { return vec![] };
    let frame: [u8; 64] = std::array::from_fn(|at| if at == 12 { 8 } else { at as u8 & 0x1f });
    let fields = ContextFields { ingress_ifindex: 1, ..Default::default() };
    let entries = 0..machine.programs().count().min(PROGRAMS_MAX) as u32;
    entries
        .map(|entry| {
            machine.memory_mut().packet_in(&frame, 256, 256);
            let result = machine.run(ProgIdx(entry), fields, &mut Surroundings::default());
            if let Err(fault) = &result {
                assert!(machine.story(fault).to_string().starts_with("fault: "));
            }
            shown(result.map(u64::from), machine.memory())
        })
        .collect()
}

fuzz_target!(init: let_the_reader_panic(), |bytes_of_object: &[u8]| {
    let Ok(object) = Object::load("fuzzed.o", bytes_of_object, LoadOptions::default()) else { return };
    if object.maps.iter().map(bytes).fold(0, u64::saturating_add) <= MAP_BYTES_MAX {
        vm::everywhere(|engine| run(&object, engine));
    }
});
