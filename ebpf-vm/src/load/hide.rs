//! What `aya-obj` must not see, because it refuses the whole object for it: programs of types that it does not know,
//! their CO-RE relocations, and static values of program arrays.
//!
//! All is done in place, in a copy of the file that never grows.

use super::btf::{Btf, Kind, TypeId};
use super::elf::{Elf, Role, Section};
use super::error::{Problem, Result};
use super::limits;

/// Hides what `aya-obj` refuses, in the copy that it gets; gives the names of sections with other programs.
///
/// # Errors
/// If what is left to relocate by types would take too long.
pub(super) fn hide(elf: &Elf<'_>, btf: &Btf, copy: &mut [u8]) -> Result<Vec<String>> {
    let foreign = |section: &&Section<'_>| section.role == Role::Foreign;
    for section in elf.sections.iter().filter(foreign) {
        elf.hide(section, copy);
    }
    // What cannot be read here is refused by `aya-obj`.
    let kept = drop_foreign_relocations(elf, btf, copy).unwrap_or(0);
    if kept.saturating_mul(btf.len() as u64) > limits::TYPE_COMPARISONS {
        return Err(Problem::new(
            format!("{kept} CO-RE relocations of {} types are too many", btf.len()),
            format!("split the object: their product may be {}", limits::TYPE_COMPARISONS),
        )
        .section(".BTF.ext"));
    }
    hide_program_values(elf, btf, copy);
    Ok(elf.sections.iter().filter(foreign).map(|section| section.name.to_owned()).collect())
}

/// `aya-obj` takes `.values` for maps only. Takes the name off the member where it is an array of functions.
fn hide_program_values(elf: &Elf<'_>, btf: &Btf, copy: &mut [u8]) {
    let Some(at) = elf.section_named(".BTF").map(|section| section.file_offset) else { return };
    for (id, ty) in btf.iter() {
        let Kind::Struct { members, .. } = &ty.kind else { continue };
        for (n, member) in members.iter().enumerate() {
            if member.name != "values" || !is_function_array(btf, member.ty) {
                continue;
            }
            let Some(record) = btf.record(id) else { continue };
            let name = at + record + 12 + 12 * n;
            if let Some(bytes) = copy.get_mut(name..name + 4) {
                bytes.fill(0);
            }
        }
    }
}

fn is_function_array(btf: &Btf, ty: TypeId) -> bool {
    let Some(Kind::Array { element, .. }) = btf.resolve(ty).map(|(_, ty)| &ty.kind) else { return false };
    let Some(Kind::Ptr(to)) = btf.resolve(*element).map(|(_, ty)| &ty.kind) else { return false };
    matches!(btf.resolve(*to).map(|(_, ty)| &ty.kind), Some(Kind::Other))
}

/// Takes the blocks of other programs' sections out of the CO-RE part of `.BTF.ext`: their functions are not
/// there to be relocated. Gives how many relocations are left.
fn drop_foreign_relocations(elf: &Elf<'_>, btf: &Btf, copy: &mut [u8]) -> Option<u64> {
    const HEADER_LEN: usize = 4;
    const OFFSET: usize = 24;
    const LEN: usize = 28;
    let section = elf.section_named(".BTF.ext")?;
    let word = |at: usize| Some(u32::from_le_bytes(*section.data.get(at..)?.first_chunk()?) as usize);
    let (header, offset, len) = (word(HEADER_LEN)?, word(OFFSET)?, word(LEN)?);
    if header < LEN + 4 || len < 4 {
        return None;
    }
    let base = header + offset;
    let record = word(base)?;
    let (mut at, mut to, mut left) = (base + 4, base + 4, 0);
    while at + 8 <= base + len {
        // A section's name, how many records, the records.
        let (name, count) = (word(at)?, word(at + 4)?);
        let block = count.checked_mul(record)?.checked_add(8)?;
        let bytes = section.data.get(at..at.checked_add(block)?)?;
        let named = btf.string(name as u32).and_then(|name| elf.section_named(name));
        if named.is_none_or(|named| named.role != Role::Foreign) {
            let from = section.file_offset + to;
            copy.get_mut(from..from + block)?.copy_from_slice(bytes);
            to += block;
            left += count as u64;
        }
        at += block;
    }
    let at = section.file_offset + LEN;
    let kept = (to - base) as u32;
    copy.get_mut(at..at + 4)?.copy_from_slice(&kept.to_le_bytes());
    Some(left)
}
