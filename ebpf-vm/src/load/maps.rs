//! The maps and variables of an object, from what `aya-obj` and the symbols say.

use aya_obj::maps::PinningType;

use super::TypeId;
use super::btf::{Btf, Kind, Member};
use super::elf::{Elf, Role, Section};
use super::map::{Global, Initial, MapDef, MapIndex, MapSpec};
use super::values::variable;

/// All maps, in the order of sections, then addresses.
pub(super) fn maps(elf: &Elf<'_>, btf: &Btf, object: &aya_obj::Object) -> Vec<MapDef> {
    let mut found: Vec<_> = object
        .maps
        .iter()
        .filter(|(_, map)| map.value_size() > 0 || map.symbol_index().is_some())
        .map(|(name, map)| {
            let at =
                map.symbol_index().and_then(|index| elf.symbol(index)).map_or(0, |symbol| symbol.address);
            ((map.section_index(), at, name), map)
        })
        .collect();
    found.sort_by_key(|(key, _)| *key);
    found
        .into_iter()
        .map(|((section, _, name), map)| definition(elf, btf, elf.section(section), name, map))
        .collect()
}

fn definition(
    elf: &Elf<'_>,
    btf: &Btf,
    section: Option<&Section<'_>>,
    name: &str,
    map: &aya_obj::Map,
) -> MapDef {
    let data = section.filter(|section| section.role == Role::Data);
    let initial = data.map_or(Initial::Empty, |section| Initial::Bytes(contents(section)));
    let (key, value) = match data {
        None => types(elf, btf, name),
        Some(section) => (TypeId(0), section_type(btf, section.name)),
    };
    let mut own = spec(map);
    // A map with `values` holds descriptors; for programs `aya-obj` was not shown them.
    if own.value_size == 0 && has_values(elf, btf, name) {
        own.value_size = 4;
    }
    let pinned = map.pinning() == PinningType::ByName;
    MapDef {
        name: name.to_owned(),
        spec: own,
        inner: map.inner().as_ref().map(spec),
        pinned,
        initial,
        key,
        value,
        lock: lock(btf, value),
    }
}

/// Where in a value its spin lock is: a member of the struct itself, as the kernel looks for it.
fn lock(btf: &Btf, value: TypeId) -> Option<u32> {
    let size = btf.size_of(value)?;
    let member = btf.members(value)?.iter().find(|member| {
        let named = btf.resolve(member.ty).filter(|(_, ty)| matches!(ty.kind, Kind::Struct { .. }));
        named.is_some_and(|(_, ty)| ty.name == "bpf_spin_lock")
    })?;
    let offset = member.bit_offset / 8;
    let inside = offset.is_multiple_of(4) && u64::from(offset) + 4 <= size;
    inside.then_some(offset)
}

fn spec(map: &aya_obj::Map) -> MapSpec {
    MapSpec {
        map_type: map.map_type(),
        key_size: map.key_size(),
        value_size: map.value_size(),
        max_entries: map.max_entries(),
        flags: map.map_flags(),
        extra: map.map_extra(),
    }
}

/// A section's bytes; those of `.bss` are not in the file.
fn contents(section: &Section<'_>) -> Vec<u8> {
    let mut bytes = section.data.to_vec();
    bytes.resize(section.size as usize, 0);
    bytes
}

/// What the struct that declares a map has.
fn members<'a>(elf: &Elf<'_>, btf: &'a Btf, map: &str) -> Option<&'a [Member]> {
    elf.sections
        .iter()
        .filter(|section| section.role == Role::Maps)
        .find_map(|section| btf.members(variable(btf, section.name, map)?))
}

fn has_values(elf: &Elf<'_>, btf: &Btf, map: &str) -> bool {
    members(elf, btf, map).is_some_and(|all| all.iter().any(|member| member.name == "values"))
}

/// The types that `__type(key, …)` and `__type(value, …)` name.
fn types(elf: &Elf<'_>, btf: &Btf, map: &str) -> (TypeId, TypeId) {
    let declared = members(elf, btf, map);
    let pointed_to = |name: &str| {
        let member = declared?.iter().find(|member| member.name == name)?;
        match btf.resolve(member.ty)?.1.kind {
            Kind::Ptr(to) => Some(to),
            _ => None,
        }
    };
    (pointed_to("key").unwrap_or_default(), pointed_to("value").unwrap_or_default())
}

fn section_type(btf: &Btf, name: &str) -> TypeId {
    let found = btf.iter().find(|(_, ty)| ty.name == name && matches!(ty.kind, Kind::Section(_)));
    found.map(|(id, _)| id).unwrap_or_default()
}

/// The variables of all data sections, by map, then offset.
pub(super) fn globals(elf: &Elf<'_>, btf: &Btf, maps: &[MapDef]) -> Vec<Global> {
    let mut all = Vec::new();
    for (at, map) in maps.iter().enumerate() {
        let Some(section) = elf.section_named(&map.name).filter(|section| section.role == Role::Data) else {
            continue;
        };
        for symbol in
            elf.symbols_in(section.index).filter(|symbol| symbol.size > 0 && !symbol.name.is_empty())
        {
            all.push(Global {
                name: symbol.name.to_owned(),
                map: MapIndex(at as u32),
                offset: symbol.address as u32,
                size: symbol.size as u32,
                ty: variable(btf, section.name, symbol.name).unwrap_or_default(),
            });
        }
    }
    all.sort_by(|a, b| (a.map, a.offset, &a.name).cmp(&(b.map, b.offset, &b.name)));
    all
}
