//! Telling the frames of a run apart, and knowing when each of them is through.
//!
//! A frame is through when it and all clones of it have ended (LAW-01): its first step opens one account,
//! each clone another, each end closes one. What is kept is the steps of frames that are under way.

use std::collections::BTreeMap;

use xdpsim_core::story::Step;
use xdpsim_core::{FrameNo, Stamp};

use super::leg::FramePath;
use crate::explain::Story;

/// Steps of one frame that are kept. A broadcast in a loop of veths can make millions.
const STEPS_MAX: usize = 1 << 16;

/// The frames of one domain that are under way.
#[derive(Debug, Default)]
pub struct Follower {
    open: BTreeMap<FrameNo, Open>,
    /// Lists of frames that are through, for the next ones.
    spare: Vec<Vec<(Stamp, Step)>>,
}

#[derive(Debug)]
struct Open {
    /// The frame and its clones that have not ended yet.
    alive: u64,
    steps: Vec<(Stamp, Step)>,
    wanted: bool,
    cut: bool,
}

impl Follower {
    /// Takes the next steps of the domain. `wanted` is asked once for each frame, `done` told of each
    /// wanted frame that is through.
    pub fn take(
        &mut self,
        steps: impl IntoIterator<Item = (Stamp, FrameNo, Step)>,
        wanted: &mut impl FnMut(FrameNo) -> bool,
        done: &mut impl FnMut(FrameNo, FramePath),
    ) {
        for (at, frame, step) in steps {
            let spare = &mut self.spare;
            let open = self.open.entry(frame).or_insert_with(|| Open {
                alive: 1,
                steps: spare.pop().unwrap_or_default(),
                wanted: wanted(frame),
                cut: false,
            });
            match step {
                Step::Enqueued { clone: true, .. } | Step::GenericRedirect { clone: true, .. } => {
                    open.alive += 1
                }
                Step::End { .. } => open.alive -= 1,
                _ => {}
            }
            open.keep(at, step);
            if open.alive == 0 {
                self.close(frame, done);
            }
        }
    }

    /// Frames that are still under way: none after the end of a run.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.open.len()
    }

    fn close(&mut self, frame: FrameNo, done: &mut impl FnMut(FrameNo, FramePath)) {
        let Some(mut open) = self.open.remove(&frame) else { return };
        if open.wanted {
            let path = match open.cut {
                true => FramePath::untold(),
                false => FramePath::of(&Story::new(&open.steps)),
            };
            done(frame, path);
        }
        open.steps.clear();
        self.spare.push(open.steps);
    }
}

impl Open {
    fn keep(&mut self, at: Stamp, step: Step) {
        if self.wanted && self.steps.len() < STEPS_MAX {
            self.steps.push((at, step));
        } else {
            self.cut = true;
        }
    }
}
