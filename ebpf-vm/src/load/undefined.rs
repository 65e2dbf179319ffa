//! Symbols that no section defines: functions (kfuncs) and variables that only a kernel has.
//!
//! One of them is here: `bpf_redirect_map_multi()` of patches that were never merged (MCAST-39). A helper of Linux it never
//! was, so programs declare it as a kfunc, and its call is made one of a helper with a number that Linux has not
//! ([`id::REDIRECT_MAP_MULTI`]). Whether the surroundings have it is theirs to say when it is called.
//!
//! A weak one may be missing: its address is null, and programs test for that before they call it. The call itself
//! is made one of a helper that nobody has ([`MISSING_KFUNC`]), which is a fault if it is ever reached. Anything else
//! is refused, with the line that needs it.

use super::btf::Btf;
use super::elf::{Elf, Section, Symbol};
use super::error::{Problem, Result};
use super::link::Linked;
use crate::helpers::id;

/// The helper number that a call of a missing weak function gets: libbpf's choice, which is no helper's.
pub const MISSING_KFUNC: u32 = 2_002_000_000;

/// `dst = constant`, 64 bits.
const LOAD: u8 = 0x18;
/// A call; of a helper, if no other field but the number is set.
const CALL: u8 = 0x85;
/// The function that is here.
const MULTI: &str = "bpf_redirect_map_multi";

/// What a place of code refers to that nobody defines.
struct Use<'a> {
    section: &'a Section<'a>,
    offset: u64,
    symbol: &'a Symbol<'a>,
}

impl Use<'_> {
    fn code(&self) -> Option<u8> {
        self.section.data.get(self.offset as usize).copied()
    }

    /// The helper that is called instead, if there is one.
    fn helper(&self) -> Option<u32> {
        match self.code() {
            Some(CALL) if self.symbol.name == MULTI => Some(id::REDIRECT_MAP_MULTI.0),
            Some(CALL) if self.symbol.weak => Some(MISSING_KFUNC),
            _ => None,
        }
    }
}

fn uses<'a>(elf: &'a Elf<'a>) -> impl Iterator<Item = Use<'a>> {
    elf.sections.iter().filter(|section| section.role.has_code()).flat_map(move |section| {
        section.relocations.iter().filter_map(move |&(offset, symbol)| {
            let symbol = elf.symbol(symbol).filter(|symbol| symbol.section.is_none())?;
            Some(Use { section, offset, symbol })
        })
    })
}

/// Makes calls of weak functions, and of the one that is here, calls of helpers, in the copy.
pub(super) fn replace_calls(elf: &Elf<'_>, copy: &mut [u8]) {
    for (found, helper) in uses(elf).filter_map(|found| found.helper().map(|helper| (found, helper))) {
        let at = found.section.file_offset + found.offset as usize;
        let Some(slot) = copy.get_mut(at..at + 8) else { continue };
        slot.copy_from_slice(&(u64::from(helper) << 32 | u64::from(CALL)).to_le_bytes());
    }
}

/// Refuses what only a kernel can provide. Without `linked` the place is not known.
pub(super) fn check(elf: &Elf<'_>, btf: &Btf, linked: Option<&Linked>) -> Result<()> {
    let missing = |found: &Use<'_>| !found.symbol.weak && found.helper().is_none();
    let Some(first) = uses(elf).find(missing) else { return Ok(()) };
    // Its call says more than the test before it.
    let is_call = |found: &Use<'_>| found.symbol.index == first.symbol.index && found.code() == Some(CALL);
    let found = uses(elf).find(is_call).unwrap_or(first);
    let name = found.symbol.name;
    let what = match found.code() {
        Some(LOAD) => format!("`{name}` is a variable that no section defines: only a kernel has it"),
        _ => format!("{name}() is a function that no section defines: a kfunc, which only a kernel has"),
    };
    let place = linked.and_then(|linked| linked.place(found.section.index, found.offset, btf));
    let what = place.as_ref().map_or(what.clone(), |place| format!("{what}; used {place}"));
    let remedy = "kernel functions and variables are not modelled: leave the use out, or declare it `__weak` and \
                  test it with bpf_ksym_exists()";
    Err(Problem::new(what, remedy).section(found.section.name).symbol(name).offset(found.offset))
}
