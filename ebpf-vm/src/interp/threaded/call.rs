//! Calls of helpers, without leaving the functions of instructions, and the end of a run.

use super::step::{Code, Step, Then};
use super::{Core, Instr};
use crate::helpers::id;
use crate::host::{HelperId, Outcome};
use crate::memory::handle_map;

/// `bpf_map_lookup_elem()`
pub(super) struct Lookup;

impl Step for Lookup {
    const CODE: Code = Code::Lookup;

    #[inline(always)]
    fn first(core: &Core<'_>, _: &Instr) -> u64 {
        core.state.regs[1]
    }

    #[inline(always)]
    fn second(core: &Core<'_>, _: &Instr) -> u64 {
        core.state.regs[2]
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, _: &Instr, rest: &[Instr], map: u64, key: u64) -> Then {
        on(lookup(core, rest, map, key))
    }
}

/// `bpf_redirect_map()`
pub(super) struct RedirectMap;

impl Step for RedirectMap {
    const CODE: Code = Code::RedirectMap;

    #[inline(always)]
    fn first(core: &Core<'_>, _: &Instr) -> u64 {
        core.state.regs[1]
    }

    #[inline(always)]
    fn second(core: &Core<'_>, _: &Instr) -> u64 {
        core.state.regs[2]
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, _: &Instr, rest: &[Instr], map: u64, key: u64) -> Then {
        on(redirect_map(core, rest, map, key))
    }
}

/// Any other helper.
pub(super) struct Helper;

impl Step for Helper {
    const CODE: Code = Code::Helper;

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, rest: &[Instr], _: u64, _: u64) -> Then {
        on(call(core, HelperId(instr.target), rest))
    }
}

/// The end of a function: of the run, if nobody has called it.
pub(super) struct Exit;

impl Step for Exit {
    const CODE: Code = Code::Exit;

    #[inline(always)]
    fn act(core: &mut Core<'_>, _: &Instr, _: &[Instr], _: u64, _: u64) -> Then {
        if core.state.callers.is_empty() { Then::Done } else { Then::Ask }
    }
}

/// Whatever has no function of its own here.
pub(super) struct ByReference;

impl Step for ByReference {
    const CODE: Code = Code::Other;

    #[inline(always)]
    fn act(_: &mut Core<'_>, _: &Instr, _: &[Instr], _: u64, _: u64) -> Then {
        Then::Ask
    }
}

#[inline(always)]
fn on(answer: Option<u64>) -> Then {
    answer.map_or(Then::Ask, Then::On)
}

// The host's answers are large; kept in functions of their own, they do not lie on the stacks of instructions, which
// then can end with a jump to the next one.

#[inline(always)]
fn lookup(core: &mut Core<'_>, rest: &[Instr], map: u64, key: u64) -> Option<u64> {
    let found = handle_map(map).and_then(|map| core.host.quick_lookup(map, key, core.state.memory));
    let Some(found) = found else { return slow_lookup(core, rest) };
    core.state.regs[0] = found;
    Some(found)
}

#[inline(never)]
fn slow_lookup(core: &mut Core<'_>, rest: &[Instr]) -> Option<u64> {
    let [_, map, key, ..] = core.state.regs;
    let answer = handle_map(map).and_then(|map| core.host.lookup(map, key, core.state.memory));
    match answer {
        Some(Ok(found)) => {
            core.state.regs[0] = found;
            Some(found)
        }
        Some(Err(fault)) => {
            core.answer = Some(Err(fault));
            None
        }
        None => call(core, id::MAP_LOOKUP_ELEM, rest),
    }
}

#[inline(always)]
fn redirect_map(core: &mut Core<'_>, rest: &[Instr], map: u64, key: u64) -> Option<u64> {
    let flags = core.state.regs[3];
    match handle_map(map).and_then(|map| core.host.redirect_map(map, key, flags)) {
        Some(verdict) => {
            core.state.regs[0] = verdict;
            Some(verdict)
        }
        None => call(core, id::REDIRECT_MAP, rest),
    }
}

#[inline(never)]
fn call(core: &mut Core<'_>, id: HelperId, rest: &[Instr]) -> Option<u64> {
    core.state.pc = core.slot(rest) - 1;
    let call = core.state.call(id);
    match core.host.call(&call, core.state.memory) {
        Ok(Outcome::Return(r0)) => {
            core.state.regs[0] = r0;
            Some(r0)
        }
        answer => {
            core.answer = Some(answer);
            None
        }
    }
}
