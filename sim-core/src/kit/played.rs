//! What came of a trial: the run, and the questions that laws ask of it.

use super::{Sent, Trial};
use crate::batch::FrameNo;
use crate::lab::{Lab, Run};
use xdpsim_devmap::{DevId, QueueId};

/// A trial that was played.
pub struct Played<'t> {
    /// What was played.
    pub trial: &'t Trial,
    /// What happened.
    pub run: Run,
    lab: Lab,
}

impl<'t> Played<'t> {
    pub(super) fn new(trial: &'t Trial, lab: Lab) -> Self {
        Self { trial, run: lab.run(), lab }
    }

    /// What was built; it can be run again, in other ways too.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// A port's name.
    #[must_use]
    pub fn port_name(&self, port: DevId) -> &str {
        &self.lab.plan().device(port).name
    }

    /// The frame with this number (from 0).
    ///
    /// # Panics
    /// If there is none; deliveries name only frames that were sent.
    #[must_use]
    pub fn sent(&self, frame: FrameNo) -> &'t Sent {
        &self.trial.frames[frame.0 as usize]
    }

    /// The receive queue on which a frame arrived.
    #[must_use]
    pub fn queue(&self, frame: FrameNo) -> Option<QueueId> {
        let sent = self.sent(frame);
        let plan = self.lab.plan();
        plan.port(&sent.port).map(|port| plan.queue(port, &sent.bytes, frame))
    }

    /// Everything that left, in order: the port's name, the frame that arrived, the bytes that left.
    pub fn deliveries(&self) -> impl Iterator<Item = (&str, FrameNo, &[u8])> {
        let named = |(port, no, bytes)| (self.port_name(port), no, bytes);
        self.run.deliveries().iter().map(|(port, no, bytes)| (*port, *no, bytes.as_slice())).map(named)
    }
}
