//! `-w`: one pcapng that explains the run to whoever opens it in Wireshark.
//!
//! One interface for each port. A frame's records are together and share its packet id: its arrival, what left
//! by each port, and, where it went on over a veth pair, its arrival at the port behind. Each has the direction,
//! the verdict of the port's program and the receive queue from which the frame was polled (a delivery has those
//! of the poll that sent it). What was lost is a comment on the arrival: step, errno and rule.
//!
//! Records are written when the last copy's fate is known. Frames that wait in a queue or ring are held until
//! then, up to [`HELD_BYTES_MAX`]; of those beyond it the arrival is written early, and a copy that is lost later
//! becomes a record of its own, without bytes.
//!
//! Option codes are those of the pcapng specification: `opt_comment` 1, `epb_flags` 2, `epb_packetid` 5,
//! `epb_queue` 6, `epb_verdict` 7 with the type 2, XDP.

mod blocks;
mod journey;
mod recorded;
mod sink;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

use xdpsim_core::{FrameNo, Plan, Stamp};

use super::tape::merged;
use crate::cli::StampArg;
use crate::exit::Failure;
use blocks::Blocks;
use journey::{Journey, World};
pub use recorded::{Arrived, Recorded, Shared};
pub use sink::{Annotations, Note};

/// Bytes of frames whose fate is not known yet that are held, at most, at the end of a batch.
pub const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The annotated capture of a command.
pub struct Annotated {
    blocks: Blocks,
    world: World,
    open: BTreeMap<FrameNo, Journey>,
    /// Packet ids that earlier captures have used.
    base: u64,
}

impl Annotated {
    /// Creates the file; `-` is standard output.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path, plan: &Plan, stamp: StampArg) -> Result<Self, Failure> {
        let world = World::new(plan, stamp);
        let blocks = Blocks::create(path, &world.ports)?;
        Ok(Self { blocks, world, open: BTreeMap::new(), base: 0 })
    }

    /// Takes in what the domains yielded in a batch.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write<const EVENTS: bool>(
        &mut self,
        domains: &[Annotations<EVENTS>],
        arrived: &Shared,
    ) -> Result<(), Failure> {
        let mut arrived = lock(arrived);
        let lists: Vec<&[(Stamp, FrameNo, Note)]> =
            domains.iter().map(|domain| domain.notes.as_slice()).collect();
        merged(
            &lists,
            |(at, ..)| *at,
            |domain, &(at, frame, note)| self.take(&domains[domain], at, frame, note, &mut arrived),
        )?;
        self.relieve()
    }

    /// One step of a frame.
    fn take<const EVENTS: bool>(
        &mut self,
        domain: &Annotations<EVENTS>,
        at: Stamp,
        frame: FrameNo,
        note: Note,
        arrived: &mut BTreeMap<FrameNo, Arrived>,
    ) -> Result<(), Failure> {
        let mut journey = match self.open.remove(&frame).or_else(|| arrived.remove(&frame).map(Journey::new))
        {
            Some(journey) => journey,
            None => return Ok(()),
        };
        match note {
            Note::Polled { dev, queue } => journey.polled(&self.world, at.time, dev, queue),
            Note::NoProgram => journey.no_program(),
            Note::Verdict(act) => journey.verdict(act),
            Note::Enqueued { dev, clone } => journey.enqueued(dev, clone),
            Note::Delivered(index) => {
                let left = &domain.tape.deliveries.list()[index];
                journey.delivered(&self.world, left, domain.tape.deliveries.bytes(left));
            }
            Note::End { fate, egress, errno } => journey.ended(&self.world, at.time, fate, egress, errno),
        }
        if journey.is_over() || journey.is_written() {
            journey.write(&mut self.blocks, self.base + frame.0 + 1)?;
        }
        if !journey.is_over() {
            self.open.insert(frame, journey);
        }
        Ok(())
    }

    /// Writes the oldest of too many frames that are still under way.
    fn relieve(&mut self) -> Result<(), Failure> {
        let mut held: usize = self.open.values().map(Journey::held_bytes).sum();
        for (frame, journey) in &mut self.open {
            if held <= HELD_BYTES_MAX {
                break;
            }
            held -= journey.held_bytes();
            journey.write(&mut self.blocks, self.base + frame.0 + 1)?;
        }
        Ok(())
    }

    /// A run is over; the next one's packet ids follow its last.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end_run(&mut self, arrivals: u64) -> Result<(), Failure> {
        for (frame, mut journey) in std::mem::take(&mut self.open) {
            journey.write(&mut self.blocks, self.base + frame.0 + 1)?;
        }
        self.base += arrivals;
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.blocks.flush()
    }
}

fn lock(arrived: &Shared) -> MutexGuard<'_, BTreeMap<FrameNo, Arrived>> {
    arrived.lock().unwrap_or_else(PoisonError::into_inner)
}
