//! The same elements on both sides, drawn by type: a `__be32` is an address, 6 bytes are a MAC address, and so on.

use xdpsim_oracle::bpf::{Map as KernelMap, map_type, possible_cpus};
use xdpsim_vm::MapIdx;
use xdpsim_vm::load::btf::{Btf, Kind, TypeId};
use xdpsim_vm::load::{Initial, MapDef, Object};
use xdpsim_vm::machine::Machine;

use crate::vm_draw::Random;
use crate::vm_draw::words::{ADDRESSES, PORTS, address6, mac};

/// Elements of a map, unless it has room for fewer.
const ELEMENTS: u32 = 100;
const FILLED: [u32; 8] = [
    map_type::HASH,
    map_type::ARRAY,
    map_type::PERCPU_HASH,
    map_type::PERCPU_ARRAY,
    map_type::LRU_HASH,
    map_type::LRU_PERCPU_HASH,
    map_type::LPM_TRIE,
    map_type::QUEUE,
];
const ARRAYS: [u32; 2] = [map_type::ARRAY, map_type::PERCPU_ARRAY];
const PERCPU: [u32; 3] = [map_type::PERCPU_HASH, map_type::PERCPU_ARRAY, map_type::LRU_PERCPU_HASH];

/// Fills all maps of values that the object leaves empty, but for those named.
pub fn fill(object: &Object, kernel: &[KernelMap], machines: &mut [Machine], but: &[&str]) {
    let random = &mut Random(7);
    for (at, (def, map)) in (0..).map(MapIdx).zip(object.maps.iter().zip(kernel)) {
        let left_out = but.contains(&def.name.as_str()) || !FILLED.contains(&def.spec.map_type);
        if def.initial != Initial::Empty || left_out {
            continue;
        }
        for _ in 0..def.spec.max_entries.min(ELEMENTS) {
            let (key, value) = element(&object.btf, def, random);
            let there = map.update(&key, &value, 0).map_err(|error| error.number);
            for machine in &mut *machines {
                let here = machine.update(at, &key, &value, 0).map_err(|errno| errno.number());
                assert_eq!(here, there, "{}: an update, left the machine", def.name);
            }
        }
    }
}

fn element(btf: &Btf, def: &MapDef, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![0; def.spec.key_size as usize];
    let mut value = vec![0; def.spec.value_size as usize];
    if ARRAYS.contains(&def.spec.map_type) {
        key = (random.below(def.spec.max_entries.into()) as u32).to_le_bytes().to_vec();
    } else {
        draw(btf, def.key, "", &mut key, random);
    }
    if def.spec.map_type == map_type::LPM_TRIE {
        let bits = (def.spec.key_size - 4) * 8;
        let len = random.pick(&[0, 8, 16, 24, 31, 32, 48, 64, 120, 128]).min(bits);
        key[..4].copy_from_slice(&len.to_le_bytes());
    }
    draw(btf, def.value, "", &mut value, random);
    if PERCPU.contains(&def.spec.map_type) {
        value.resize(value.len().next_multiple_of(8), 0);
        value = value.repeat(possible_cpus());
    }
    (key, value)
}

/// Draws a value of a type; what has no type stays small numbers. Names that say so stay 0.
fn draw(btf: &Btf, ty: TypeId, name: &str, out: &mut [u8], random: &mut Random) {
    if ["unused", "pad", "reserved", "lock"].contains(&name) {
        return;
    }
    match (btf.describe(ty).as_str(), out.len()) {
        ("__be32", 4) => return out.copy_from_slice(&random.pick(&ADDRESSES)),
        ("__be16", 2) => return out.copy_from_slice(&random.pick(&PORTS).to_be_bytes()),
        _ => {}
    }
    match btf.resolve(ty).map(|(_, ty)| &ty.kind) {
        Some(Kind::Struct { members, .. }) => {
            for member in members {
                let at = member.bit_offset as usize / 8;
                match member.bit_field {
                    Some(_) => out[at] |= random.next() as u8,
                    None => {
                        let size = btf.size_of(member.ty).unwrap_or(0) as usize;
                        draw(btf, member.ty, &member.name, &mut out[at..at + size], random);
                    }
                }
            }
        }
        Some(Kind::Enum { values, .. }) => {
            let (_, value) = &values[random.below(values.len() as u64) as usize];
            let len = out.len();
            out.copy_from_slice(&value.to_le_bytes()[..len]);
        }
        Some(Kind::Array { element, len }) if btf.size_of(*element) > Some(1) => {
            let each = out.len() / (*len).max(1) as usize;
            out.chunks_mut(each.max(1)).for_each(|out| draw(btf, *element, "", out, random));
        }
        _ => number(out, random),
    }
}

/// What the length says: addresses, or a number that is often small.
fn number(out: &mut [u8], random: &mut Random) {
    match out.len() {
        1 => out[0] = random.pick(&[0, 1, 2, 3, 5, 64, 200]),
        2 => out.copy_from_slice(&random.pick(&[0_u16, 1, 5, 6, 7, 17, 100, 443, 1400, 9000]).to_le_bytes()),
        4 if random.below(3) == 0 => out.copy_from_slice(&random.pick(&ADDRESSES)),
        4 => out.copy_from_slice(&random.pick(&[0_u32, 1, 2, 3, 4, 7, 17, 255]).to_le_bytes()),
        6 => out.copy_from_slice(&mac(random)),
        16 if random.below(2) == 0 => out.copy_from_slice(&address6(random)),
        16 => {
            out[10..12].copy_from_slice(&[0xff, 0xff]);
            out[12..].copy_from_slice(&random.pick(&ADDRESSES));
        }
        _ => {
            if let Some(first) = out.first_mut() {
                *first = random.below(6) as u8;
            }
        }
    }
}
