//! The steps of all frames that an annotated capture tells of.

use xdpsim_core::story::Step;
use xdpsim_core::{Delivery, DevId, Errno, Event, Fate, FrameNo, QueueId, Sink, Stamp, XdpAction};

use crate::output::tape::Tape;

/// One step of a frame's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A port took it from this queue.
    Polled {
        /// The port.
        dev: DevId,
        /// The queue.
        queue: QueueId,
    },
    /// The port that polled it has no program.
    NoProgram,
    /// What the port's program said.
    Verdict(XdpAction),
    /// It, or a clone of it, waits to leave by a port.
    Enqueued {
        /// The port.
        dev: DevId,
        /// A clone?
        clone: bool,
    },
    /// It left: the place in the tape's deliveries.
    Delivered(usize),
    /// It, or a copy, ended.
    End {
        /// How.
        fate: Fate,
        /// By which port it was to leave.
        egress: Option<DevId>,
        /// With which errno.
        errno: Option<Errno>,
    },
}

/// A sink that keeps them, and what else is asked for.
#[derive(Debug, Default)]
pub struct Annotations<const EVENTS: bool> {
    /// Events and deliveries.
    pub tape: Tape<EVENTS, true>,
    /// The steps in the order in which they happened.
    pub notes: Vec<(Stamp, FrameNo, Note)>,
}

impl<const EVENTS: bool> Sink for Annotations<EVENTS> {
    const EVENTS: bool = EVENTS;
    const DELIVERIES: bool = true;
    const STORY: bool = true;

    fn event(&mut self, at: Stamp, event: Event) {
        self.tape.event(at, event);
    }

    fn delivered(&mut self, delivery: Delivery<'_>) {
        self.notes.push((delivery.at, delivery.frame, Note::Delivered(self.tape.deliveries.list().len())));
        self.tape.delivered(delivery);
    }

    fn step(&mut self, at: Stamp, frame: FrameNo, step: Step) {
        let note = match step {
            Step::Polled { dev, queue, .. } => Note::Polled { dev, queue },
            Step::Program { prog: None, .. } => Note::NoProgram,
            Step::Verdict { act } => Note::Verdict(act),
            Step::Enqueued { dev, clone, .. } | Step::GenericRedirect { dev, clone, .. } => {
                Note::Enqueued { dev, clone }
            }
            Step::End { fate, egress, errno } => Note::End { fate, egress, errno },
            _ => return,
        };
        self.notes.push((at, frame, note));
    }
}
