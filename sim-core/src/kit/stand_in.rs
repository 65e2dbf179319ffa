//! What stands in a scenario file for a program in Rust: a script that repeats what it did.
//!
//! A file cannot hold a program. But the helpers it called, the bytes it wrote and the verdicts it returned,
//! frame by frame, are a script ([`ProgramKind::Script`]), and with that the frames go where they went. That
//! explains a run, it does not test the program: a repaired one has to be played itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use xdpsim_devmap::{MapTable, XdpAction};

use super::{OwnPrograms, Trial};
use crate::frame::FrameMut;
use crate::program::{Ctx, Effects, Sharing, XdpProgram};
use crate::scenario::{Op, ProgramKind, Scenario};
use crate::story::HelperCall;

/// What a program did, run by run.
type Log = Arc<Mutex<Vec<Vec<Op>>>>;

/// Runs a program and takes down what it does.
struct Watched {
    program: Box<dyn XdpProgram>,
    maps: Arc<Vec<String>>,
    log: Log,
}

/// The trial's scenario with scripts in the place of the programs in Rust. A script is counted per CPU, so
/// with several CPUs it is what happened on all of them in turn, which is not the same.
pub(super) fn scenario(trial: &Trial, own: &OwnPrograms) -> Scenario {
    let mut scenario = trial.scenario.clone();
    let maps = Arc::new(scenario.maps.iter().map(|map| map.name.clone()).collect::<Vec<_>>());
    let logs: Vec<(&String, Log)> = own.keys().map(|name| (name, Log::default())).collect();
    let watched = logs.iter().map(|(name, log)| {
        let (program, maps, log) = (own[*name].clone_box(), Arc::clone(&maps), Arc::clone(log));
        ((*name).clone(), Box::new(Watched { program, maps, log }) as Box<dyn XdpProgram>)
    });
    let watched: OwnPrograms = watched.collect();
    // What was done before a panic counts; a trial that cannot be built has done nothing.
    let _ = catch_unwind(AssertUnwindSafe(|| trial.play_with(&watched).is_ok()));
    for (name, log) in &logs {
        let runs = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
        let kind =
            if runs.is_empty() { ProgramKind::Verdict(XdpAction::PASS) } else { ProgramKind::Script(runs) };
        scenario
            .programs
            .iter_mut()
            .filter(|spec| spec.name == **name)
            .for_each(|spec| spec.kind = kind.clone());
    }
    scenario
}

impl XdpProgram for Watched {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let (before, room) = (frame.data().to_vec(), frame.headroom());
        let mut calls = Vec::new();
        let act = self.program.run(&mut ctx.logging(&mut calls), frame);
        let mut ops: Vec<Op> = calls.iter().filter_map(|call| self.op(ctx.maps, call)).collect();
        ops.extend(writes(&before, room, frame));
        ops.push(Op::Return(act));
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(ops);
        act
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        let (maps, log) = (Arc::clone(&self.maps), Arc::clone(&self.log));
        Box::new(Self { program: self.program.clone_box(), maps, log })
    }

    fn sharing(&self) -> Sharing {
        self.program.sharing()
    }

    fn effects(&self) -> Effects {
        self.program.effects()
    }
}

impl Watched {
    /// The step of a script that makes this call.
    fn op(&self, table: &MapTable, call: &HelperCall) -> Option<Op> {
        match *call {
            HelperCall::Redirect { ifindex, flags, .. } => Some(Op::Redirect { ifindex, flags }),
            HelperCall::RedirectMap { map, key, flags, .. } => {
                let name = self.maps.iter().find(|name| table.by_name(name) == Some(map))?;
                Some(Op::RedirectMap { map: name.clone(), key, flags })
            }
            HelperCall::RedirectGroups { map, index, flags, .. } => {
                let name = self.maps.iter().find(|name| table.by_name(name) == Some(map))?;
                Some(Op::RedirectMap { map: name.clone(), key: index.0.into(), flags })
            }
            // To a map that no scenario has, or by a helper that no script calls.
            HelperCall::Elsewhere { .. } | HelperCall::RedirectMulti { .. } => None,
        }
    }
}

/// How the frame became what it is: first its head, then its tail, then its bytes. Metadata is left out.
fn writes(before: &[u8], room: u16, frame: &FrameMut<'_>) -> Vec<Op> {
    let after = frame.data();
    let head = i32::from(frame.headroom()) - i32::from(room);
    let kept = match usize::try_from(head) {
        Ok(cut) => before.get(cut..).unwrap_or_default().to_vec(),
        Err(_) => [vec![0; head.unsigned_abs() as usize], before.to_vec()].concat(),
    };
    let tail = after.len() as i32 - kept.len() as i32;
    let adjust = [(head != 0).then_some(Op::AdjustHead(head)), (tail != 0).then_some(Op::AdjustTail(tail))];
    let fresh = if head < 0 { head.unsigned_abs() as usize } else { 0 };
    let same = |offset: usize, value: u8| offset >= fresh && kept.get(offset).copied().unwrap_or(0) == value;
    let changed = after.iter().enumerate().filter(|&(offset, &value)| !same(offset, value));
    let bytes = changed.map(|(offset, &value)| Op::SetByte { offset: offset as u32, value });
    adjust.into_iter().flatten().chain(bytes).collect()
}
