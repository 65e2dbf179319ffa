//! What maps hold at the end, on both sides, each CPU's values by themselves.

use xdpsim_oracle::bpf::{Map as KernelMap, map_type};
use xdpsim_vm::MapIdx;
use xdpsim_vm::load::{MapDef, Object};
use xdpsim_vm::machine::Machine;

type Elements = Vec<(Vec<u8>, Vec<u8>)>;

const KEYED: [u32; 8] = [
    map_type::HASH,
    map_type::ARRAY,
    map_type::PERCPU_HASH,
    map_type::PERCPU_ARRAY,
    map_type::LRU_HASH,
    map_type::LRU_PERCPU_HASH,
    map_type::LPM_TRIE,
    map_type::QUEUE,
];

/// How many elements of the kernel's maps are the same in every machine.
pub fn compare(object: &Object, kernel: &[KernelMap], machines: &mut [Machine], but: &[&str]) -> usize {
    let mut compared = 0;
    for (at, (def, map)) in (0..).map(MapIdx).zip(object.maps.iter().zip(kernel)) {
        let keyless = [map_type::QUEUE, map_type::STACK].contains(&def.spec.map_type);
        if but.contains(&def.name.as_str()) || !(keyless || KEYED.contains(&def.spec.map_type)) {
            continue;
        }
        let there = if keyless { queued(def, map) } else { keyed(map, machines[0].value_len(at)) };
        let there = sorted(there, keyless);
        for machine in &mut *machines {
            let here = machine.elements(at).unwrap_or_else(|errno| panic!("{}: {errno}", def.name));
            let here = sorted(here, keyless);
            let name = (&object.name, &def.name, machine.engine());
            assert!(
                here == there,
                "{name:?}: left the machine, right the kernel: {}",
                difference(&here, &there)
            );
        }
        compared += there.len();
    }
    compared
}

/// Sorted by key, unless the order is what was asked for.
fn sorted(mut elements: Elements, keyless: bool) -> Elements {
    if !keyless {
        elements.sort();
    }
    elements
}

/// The first elements that differ.
fn difference(here: &Elements, there: &Elements) -> String {
    let at =
        here.iter().zip(there).position(|(here, there)| here != there).unwrap_or(here.len().min(there.len()));
    format!("{:02x?}, {:02x?} (of {}, {})", here.get(at), there.get(at), here.len(), there.len())
}

fn keyed(map: &KernelMap, value_len: usize) -> Elements {
    let key_size = map.facts().unwrap().key_size as usize;
    let mut all: Elements = Vec::new();
    let (mut next, mut value) = (vec![0; key_size], vec![0; value_len]);
    while map.next_key(all.last().map(|(key, _)| key.as_slice()), &mut next).is_ok() {
        map.lookup(&next, &mut value).unwrap();
        all.push((next.clone(), value.clone()));
    }
    all
}

/// What comes out of a queue or stack.
fn queued(def: &MapDef, map: &KernelMap) -> Elements {
    let mut all: Elements = Vec::new();
    let mut value = vec![0; def.spec.value_size as usize];
    while map.take(&mut value).is_ok() {
        all.push((vec![], value.clone()));
    }
    all
}
