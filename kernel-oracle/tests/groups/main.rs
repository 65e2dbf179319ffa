//! Groups of groups on the running kernel: what it refuses, what its maps of maps do and take.

#![cfg(target_os = "linux")]

mod containing;
mod data_path;
mod memory;
mod refused;

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_oracle::bpf::asm::{Asm, Cond, Helper, Insn, R0, R1, R2, R3, R10, Size};
use xdpsim_oracle::bpf::{BpfError, Map, MapCreate, map_type};

/// All pairs of a map of maps and its groups.
const FORMS: [(u32, u32); 4] = [
    (map_type::ARRAY_OF_MAPS, map_type::DEVMAP),
    (map_type::ARRAY_OF_MAPS, map_type::DEVMAP_HASH),
    (map_type::HASH_OF_MAPS, map_type::DEVMAP),
    (map_type::HASH_OF_MAPS, map_type::DEVMAP_HASH),
];

/// What a program says that found no group.
const NO_GROUP: u32 = 77;

/// A group with room for so many ports.
fn group(kind: u32, max_entries: u32) -> Map {
    Map::create(&MapCreate::new(kind, 4, 8, max_entries, "group")).expect("a group")
}

/// A map of maps like `template`, with keys of 4 bytes.
fn containing(kind: u32, max_entries: u32, template: &Map) -> Map {
    try_containing(kind, [4, 4], max_entries, template.as_raw_fd()).expect("a map of maps")
}

fn try_containing(kind: u32, [key, value]: [u32; 2], max: u32, template: i32) -> Result<Map, BpfError> {
    let attributes = MapCreate::new(kind, key, value, max, "groups");
    Map::create(&MapCreate { inner_map_fd: template, ..attributes })
}

/// `bpf_redirect_map(map, 0, flags)`.
fn redirect(map: &Map, flags: i32) -> Vec<Insn> {
    let mut asm = Asm::new();
    asm.map(R1, map.as_fd()).mov(R2, 0).mov(R3, flags).call(Helper::RedirectMap).exit();
    asm.finish().expect("no labels")
}

/// Looks a group up and redirects to it; the key of a unicast is 0. Says [`NO_GROUP`] if there is none, or does not
/// look.
fn redirect_to_group(groups: &Map, key: u32, flags: i32, looks: bool) -> Vec<Insn> {
    let mut asm = Asm::new();
    let none = asm.label();
    asm.store_imm(Size::W, R10, -4, key.cast_signed()).mov_reg(R2, R10).add(R2, -4);
    asm.map(R1, groups.as_fd()).call(Helper::MapLookupElem);
    if looks {
        asm.jump_if_imm(Cond::Eq, R0, 0, none);
    }
    asm.mov_reg(R1, R0).mov(R2, 0).mov(R3, flags).call(Helper::RedirectMap).exit();
    if looks {
        asm.bind(none).ret(NO_GROUP);
    }
    asm.finish().expect("its label is bound")
}
