//! Refuses at load what no run could answer: calls of helpers that are not modelled.
//!
//! Every call in a program is looked at, reached or not. (The kernel's verifier passes over code that it knows to be
//! dead; a program that guards a call with a constant has to be compiled without it.)

use super::names;
use super::{HelperId, id};
use crate::insn::Insn;
use crate::load::{LoadError, MISSING_KFUNC, Object, Place, Program};

/// What becomes of a helper's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is answered as the kernel does.
    Modelled,
    /// XDP programs may call it, but it is not answered here: why.
    NotModelled(&'static str),
    /// The kernel does not let XDP programs call it.
    NotForXdp,
    /// Linux has no helper of this number.
    Unknown,
}

const SOCKETS: &str = "there are no sockets";
const COOKIES: &str = "there is no TCP stack that makes SYN cookies";
const TASKS: &str = "there are no tasks and no user memory";
const CGROUPS: &str = "there are no cgroups";
const TIMERS: &str = "timers do not run";
const DYNPTRS: &str = "dynptrs are not modelled; use bpf_ringbuf_reserve() or plain memory";
const KERNEL: &str = "there are no variables and types of a kernel";

/// Helpers that the kernel lets XDP programs call and that are not answered: first and last number, and why.
const NOT_MODELLED: [(u32, u32, &str); 24] = [
    (14, 14, TASKS),
    (35, 35, TASKS),
    (80, 80, CGROUPS),
    (84, 86, SOCKETS),
    (99, 99, SOCKETS),
    (100, 100, COOKIES),
    (110, 110, COOKIES),
    (112, 112, TASKS),
    (114, 114, TASKS),
    (120, 120, TASKS),
    (123, 123, CGROUPS),
    (136, 140, SOCKETS),
    (149, 149, KERNEL),
    (153, 154, KERNEL),
    (158, 158, TASKS),
    (169, 172, TIMERS),
    (175, 175, TASKS),
    (178, 178, SOCKETS),
    (194, 194, "kernel pointers in maps are not modelled"),
    (196, 196, SOCKETS),
    (197, 203, DYNPTRS),
    (204, 207, COOKIES),
    (209, 209, "nobody writes into user ring buffers"),
    (210, 211, CGROUPS),
];

/// What becomes of calls of this helper.
#[must_use]
pub fn status(number: u32) -> Status {
    if id::ALL.contains(&HelperId(number)) {
        return Status::Modelled;
    }
    match NOT_MODELLED.iter().find(|(first, last, _)| (*first..=*last).contains(&number)) {
        Some((.., why)) => Status::NotModelled(why),
        None if names::name(number).is_some() => Status::NotForXdp,
        None => Status::Unknown,
    }
}

/// Refuses an object of which a program calls a helper that is not modelled.
///
/// # Errors
/// The first such call: the helper by name and number, the function and line, and what to do.
pub fn check(object: &Object) -> Result<(), LoadError> {
    object.programs.iter().try_for_each(|program| check_program(object, program))
}

/// The same for one program of an object.
///
/// # Errors
/// As of [`check`].
pub fn check_program(object: &Object, program: &Program) -> Result<(), LoadError> {
    for (slot, number) in calls(&program.insns) {
        let (why, remedy) = match status(number) {
            Status::Modelled => continue,
            // Whether it is called depends on a test that finds it missing.
            Status::Unknown if number == MISSING_KFUNC => continue,
            Status::NotModelled(why) => (
                format!("is not modelled: {why}"),
                "compile the program without it, for example under an #ifdef",
            ),
            Status::NotForXdp => (
                "is not for XDP programs: a kernel refuses it too".to_owned(),
                "call it from a program of another type, or leave it out",
            ),
            Status::Unknown => (
                "does not exist in any Linux that is known here".to_owned(),
                "check the number that the object calls; it may be damaged",
            ),
        };
        let place = object.place(program, slot);
        return Err(LoadError {
            object: object.name.clone(),
            place: Box::new(Place {
                section: Some(program.section.clone()),
                symbol: Some(program.name.clone()),
                offset: None,
            }),
            what: format!("{} {why}; called {place}", HelperId(number)),
            remedy: remedy.to_owned(),
        });
    }
    Ok(())
}

/// The helpers that are called, by slot.
fn calls(insns: &[Insn]) -> impl Iterator<Item = (u32, u32)> {
    const CALL: u8 = 0x85;
    const WIDE: u8 = 0x18;
    let mut second = false;
    (0..).zip(insns).filter_map(move |(slot, insn)| {
        let skip = std::mem::replace(&mut second, false);
        second = !skip && insn.code == WIDE;
        (!skip && insn.code == CALL && insn.src == 0).then(|| (slot, insn.imm.cast_unsigned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each helper of Linux has one state, and those that are answered have names.
    #[test]
    fn every_helper_has_a_state() {
        assert_eq!(names::name(211), Some("cgrp_storage_delete"));
        assert_eq!((names::name(0), names::name(212)), (None, None));
        assert_eq!(names::number("fib_lookup"), Some(69));
        assert_eq!(status(212), Status::Unknown);
        for helper in id::ALL {
            assert!(names::name(helper.0).is_some(), "{helper}");
        }
        for number in NOT_MODELLED.iter().flat_map(|(first, last, _)| *first..=*last) {
            assert!(!id::ALL.contains(&HelperId(number)), "{number} has two states");
        }
    }
}
