//! Static `.values` of maps of maps and program arrays, which `aya-obj` leaves out.
//!
//! In C they are initialisers of the map's last member, an array of pointers. In the object they are
//! relocations in `.maps`: the offset says which map and which slot, the symbol what is there.

use super::btf::{Btf, Kind, TypeId};
use super::elf::{Elf, Role, Section, Symbol};
use super::error::{Problem, Result};
use super::limits;
use super::map::{Initial, MapDef, MapIndex, Reference};

/// A pointer in the initialiser.
const POINTER: u64 = 8;

/// Fills [`MapDef::initial`] of the maps that have static values.
pub(super) fn fill(elf: &Elf<'_>, btf: &Btf, maps: &mut [MapDef]) -> Result<()> {
    let mut total = 0;
    for section in elf.sections.iter().filter(|section| section.role == Role::Maps) {
        total += section.relocations.len();
        if total > limits::VALUES {
            return Err(Problem::new(
                format!("more than {} static values", limits::VALUES),
                "fill the maps from outside",
            )
            .section(section.name));
        }
        for &(offset, symbol) in &section.relocations {
            let (map, slot) = owner(elf, btf, section, offset)
                .ok_or_else(|| bad(section, offset, "a static value belongs to no map with `values`"))?;
            let target = elf.symbol(symbol).ok_or_else(|| bad(section, offset, "it names no symbol"))?;
            let value = reference(elf, maps, section, offset, target)?;
            put(maps, map, slot, value).ok_or_else(|| bad(section, offset, "its map was not found"))?;
        }
    }
    Ok(())
}

fn put(maps: &mut [MapDef], name: &str, slot: u32, value: Reference) -> Option<()> {
    let map = maps.iter_mut().find(|map| map.name == name)?;
    match &mut map.initial {
        Initial::References(all) => all.push((slot, value)),
        initial => *initial = Initial::References(vec![(slot, value)]),
    }
    Some(())
}

/// The map that an offset in its section belongs to, and the slot.
fn owner<'a>(elf: &'a Elf<'_>, btf: &Btf, section: &Section<'_>, offset: u64) -> Option<(&'a str, u32)> {
    let map = elf
        .symbols_in(section.index)
        .find(|symbol| symbol.address <= offset && offset - symbol.address < symbol.size)?;
    let ty = variable(btf, section.name, map.name)?;
    let values = btf.members(ty)?.iter().find(|member| member.name == "values")?;
    let into = (offset - map.address).checked_sub(u64::from(values.bit_offset / 8))?;
    let slot = u32::try_from(into / POINTER).ok()?;
    (into % POINTER == 0).then_some((map.name, slot))
}

fn reference(
    elf: &Elf<'_>,
    maps: &[MapDef],
    section: &Section<'_>,
    offset: u64,
    target: &Symbol<'_>,
) -> Result<Reference> {
    let role = target.section.and_then(|index| elf.section(index)).map(|section| section.role);
    match role {
        Some(Role::Maps) => {
            let at = maps.iter().position(|map| map.name == target.name);
            let at = at.ok_or_else(|| bad(section, offset, "it names no map"))?;
            Ok(Reference::Map(MapIndex(at as u32)))
        }
        Some(Role::Programs { .. }) => Ok(Reference::Program(target.name.to_owned())),
        Some(Role::Foreign) => Err(bad(section, offset, "it names a program that is no XDP program")),
        _ => Err(bad(section, offset, "it names neither a map nor a program")),
    }
}

fn bad(section: &Section<'_>, offset: u64, what: &str) -> Box<Problem> {
    Problem::new(
        what,
        "write `.values = { [SLOT] = &MAP_OR_PROGRAM }` in a map declared with __array(values, …)",
    )
    .section(section.name)
    .offset(offset)
}

/// The type of a variable of a section.
pub(super) fn variable(btf: &Btf, section: &str, name: &str) -> Option<TypeId> {
    let of_section = btf.iter().find_map(|(_, ty)| match &ty.kind {
        Kind::Section(variables) if ty.name == section => Some(variables),
        _ => None,
    })?;
    of_section.iter().find_map(|&(var, ..)| match btf.get(var)? {
        ty if ty.name == name => match ty.kind {
            Kind::Var(ty) => Some(ty),
            _ => None,
        },
        _ => None,
    })
}
