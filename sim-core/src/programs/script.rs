//! The program that is written in the scenario, step by step.
//!
//! For sequences that no ready program makes: helpers called twice, verdicts that contradict them,
//! frames that grow and shrink.

use std::sync::Arc;

use xdpsim_devmap::{IfIndex, MapId, MapKey, XdpAction};

use super::{UnknownMap, find, find_both};
use crate::frame::FrameMut;
use crate::program::{Ctx, Effects, Sharing, XdpProgram};
use crate::scenario::Op;

/// Runs the next script of a cycle for each frame, round and round; each CPU counts its own frames.
///
/// A script that ends without a verdict passes the frame, and so does a cycle of no scripts.
#[derive(Debug)]
pub struct Script {
    cycle: Arc<[Box<[Step]>]>,
    next: usize,
}

/// An [`Op`] with its map found.
#[derive(Clone, Copy, Debug)]
enum Step {
    Redirect { ifindex: IfIndex, flags: u64 },
    RedirectMap { map: MapId, key: u64, flags: u64 },
    RedirectInner { map: MapId, outer: MapKey, key: u64, flags: u64 },
    RedirectMulti { map: MapId, ex_map: Option<MapId>, flags: u64 },
    SetByte { offset: u32, value: u8 },
    AdjustHead(i32),
    AdjustMeta(i32),
    AdjustTail(i32),
    Return(XdpAction),
    ReturnHelper,
}

impl Script {
    /// The program that runs these scripts; `resolve` finds a map by its name.
    ///
    /// # Errors
    /// The first map that `resolve` doesn't know.
    pub fn new(
        cycle: &[Vec<Op>],
        resolve: &mut dyn FnMut(&str) -> Option<MapId>,
    ) -> Result<Self, UnknownMap> {
        let mut compile =
            |script: &Vec<Op>| script.iter().map(|op| Step::new(op, resolve)).collect::<Result<_, _>>();
        let cycle = cycle.iter().map(&mut compile).collect::<Result<_, _>>()?;
        Ok(Self { cycle, next: 0 })
    }
}

impl XdpProgram for Script {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let Some(script) = self.cycle.get(self.next) else {
            return XdpAction::PASS;
        };
        self.next = (self.next + 1) % self.cycle.len();
        let mut helper = XdpAction::PASS;
        script.iter().find_map(|step| step.run(ctx, frame, &mut helper)).unwrap_or(XdpAction::PASS)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(Self { cycle: Arc::clone(&self.cycle), next: 0 })
    }

    fn sharing(&self) -> Sharing {
        Sharing::PerCpu
    }

    fn effects(&self) -> Effects {
        Effects { redirects: self.cycle.iter().flatten().any(Step::redirects) }
    }
}

impl Step {
    fn new(op: &Op, resolve: &mut dyn FnMut(&str) -> Option<MapId>) -> Result<Self, UnknownMap> {
        Ok(match *op {
            Op::Redirect { ifindex, flags } => Self::Redirect { ifindex, flags },
            Op::RedirectMap { ref map, key, flags } => {
                Self::RedirectMap { map: find(map, resolve)?, key, flags }
            }
            Op::RedirectInner { ref map, outer, key, flags } => {
                Self::RedirectInner { map: find(map, resolve)?, outer: MapKey(outer), key, flags }
            }
            Op::RedirectMulti { ref map, ref ex_map, flags } => {
                let (map, ex_map) = find_both(map, ex_map.as_deref(), resolve)?;
                Self::RedirectMulti { map, ex_map, flags }
            }
            Op::SetByte { offset, value } => Self::SetByte { offset, value },
            Op::AdjustHead(delta) => Self::AdjustHead(delta),
            Op::AdjustMeta(delta) => Self::AdjustMeta(delta),
            Op::AdjustTail(delta) => Self::AdjustTail(delta),
            Op::Return(action) => Self::Return(action),
            Op::ReturnHelper => Self::ReturnHelper,
        })
    }

    fn redirects(&self) -> bool {
        match self {
            Self::Redirect { .. }
            | Self::RedirectMap { .. }
            | Self::RedirectInner { .. }
            | Self::RedirectMulti { .. } => true,
            Self::AdjustHead(_)
            | Self::AdjustMeta(_)
            | Self::AdjustTail(_)
            | Self::SetByte { .. }
            | Self::Return(_)
            | Self::ReturnHelper => false,
        }
    }

    /// One step; a verdict ends the script. `helper` is what the last helper returned.
    fn run(self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>, helper: &mut XdpAction) -> Option<XdpAction> {
        match self {
            Self::Redirect { ifindex, flags } => *helper = ctx.redirect(ifindex, flags),
            Self::RedirectMap { map, key, flags } => *helper = ctx.redirect_map(map, key, flags),
            Self::RedirectInner { map, outer, key, flags } => match ctx.inner_map(map, outer) {
                Some(inner) => *helper = ctx.redirect_map(inner, key, flags),
                None => return Some(XdpAction::DROP),
            },
            Self::RedirectMulti { map, ex_map, flags } => {
                *helper = ctx.redirect_map_multi(map, ex_map, flags)
            }
            // What can't be done isn't: a program may ignore that.
            Self::AdjustHead(delta) => _ = frame.adjust_head(delta),
            Self::AdjustMeta(delta) => _ = frame.adjust_meta(delta),
            Self::AdjustTail(delta) => _ = frame.adjust_tail(delta),
            Self::SetByte { offset, value } => set_byte(frame, offset, value),
            Self::Return(action) => return Some(action),
            Self::ReturnHelper => return Some(*helper),
        }
        None
    }
}

fn set_byte(frame: &mut FrameMut<'_>, offset: u32, value: u8) {
    // Asked before the first write, which copies the frame.
    if offset < frame.linear_len() {
        frame.data_mut()[offset as usize] = value;
    }
}
