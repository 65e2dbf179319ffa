//! What the instructions of a machine's programs show before any of them runs: whether they redirect, and which
//! maps they name.
//!
//! Only what is certain counts: a program that contains a call of a helper may make it, one that does not
//! contain it cannot. The engine decides from this what may run in parallel and what in bulk.

use std::collections::BTreeSet;

use xdpsim_core::{Effects, Sharing};
use xdpsim_vm::helpers::id;
use xdpsim_vm::load::{self, Attach};
use xdpsim_vm::maps::Kind;
use xdpsim_vm::maps::kind::flag;
use xdpsim_vm::op::{Constant, Op};
use xdpsim_vm::{HelperId, Machine, MapIdx, ProgIdx};

/// What programs can do.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// By program.
    programs: Vec<Known>,
    sharing: Sharing,
}

#[derive(Clone, Debug, Default)]
struct Known {
    redirects: bool,
    tail_calls: bool,
    on_entries: bool,
    /// Maps whose values it may change, or see changed.
    state: BTreeSet<MapIdx>,
}

impl Facts {
    pub fn of(machine: &Machine) -> Self {
        let programs: Vec<Known> =
            machine.programs().map(|(at, _, program)| known(machine, at, program)).collect();
        let stateless = programs.iter().all(|program| program.state.is_empty());
        Self { programs, sharing: if stateless { Sharing::None } else { Sharing::Shared } }
    }

    /// Who shares the maps.
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// A program of an entry that shares state with others must run when a kernel runs it, so it claims the most.
    pub fn effects(&self, program: ProgIdx) -> Effects {
        let at = program.0 as usize;
        let own = &self.programs[at];
        let reached = |redirects: fn(&Known) -> bool| match own.tail_calls {
            true => self.programs.iter().any(redirects),
            false => redirects(own),
        };
        let shares = || {
            let others = self.programs.iter().enumerate().filter(|(other, _)| *other != at);
            own.tail_calls || others.flat_map(|(_, other)| &other.state).any(|map| own.state.contains(map))
        };
        Effects { redirects: reached(|one| one.redirects) || own.on_entries && shares() }
    }
}

fn known(machine: &Machine, at: ProgIdx, program: &load::Program) -> Known {
    let Some(decoded) = machine.code().programs().get(at.0 as usize) else { return Known::default() };
    let calls = |helper: HelperId| decoded.helpers().any(|(_, called)| called == helper);
    let maps = decoded.ops().iter().filter_map(|op| match *op {
        Op::Wide { value: Constant::Map(map) | Constant::Value { map, .. }, .. } => Some(map),
        _ => None,
    });
    Known {
        redirects: [id::REDIRECT, id::REDIRECT_MAP, id::REDIRECT_MAP_MULTI].into_iter().any(calls),
        tail_calls: calls(id::TAIL_CALL),
        on_entries: program.attach == Attach::Devmap,
        state: maps.filter(|&map| is_state(machine, map)).collect(),
    }
}

/// Can a program leave something in it, or in what it refers to, that another run sees?
fn is_state(machine: &Machine, map: MapIdx) -> bool {
    let Some(name) = machine.map_name(map) else { return true };
    let spec = name.inner.as_ref().unwrap_or(&name.spec);
    match Kind::from_number(spec.map_type) {
        Some(Kind::Devmap | Kind::DevmapHash | Kind::Cpumap | Kind::Xskmap | Kind::ProgArray) => false,
        _ => spec.flags & flag::RDONLY_PROG == 0,
    }
}
