//! The tracepoints of a case, in the model's words.
//!
//! Only the ports' namespaces are recorded: the feeder and the capturing programs live in the far ends'.
//! Program and map ids become the model's, which counts both from 1 in the scenario's order; for the id of
//! a port's dispatcher it prints that of the program behind it.

use xdpsim_core::Event;
use xdpsim_core::trace::MAP_ID_IFINDEX;
use xdpsim_devmap::{Errno, IfIndex, ProgId, XdpAction};

use super::contents::{Contents, number};
use super::door::Door;
use super::error::BenchError;
use super::rooms::Rooms;
use crate::trace::{RawEvent, Tracepoint, Tracer};

/// Records the tracepoints.
#[derive(Debug)]
pub(super) struct Events {
    tracer: Tracer,
    seen: Vec<Event>,
}

impl Events {
    /// In the namespaces of the ports.
    pub fn of(rooms: &Rooms) -> Result<Self, BenchError> {
        Ok(Self { tracer: Tracer::new(&rooms.inodes())?, seen: Vec::new() })
    }

    /// Forgets what was recorded before.
    pub fn begin(&mut self) -> Result<(), BenchError> {
        self.seen.clear();
        Ok(self.tracer.drain(|_| {})?)
    }

    /// Reads what was recorded since the last time, while the ports still have the programs that ran.
    pub fn read(&mut self, contents: &Contents<'_>, doors: &[Door]) -> Result<(), BenchError> {
        let mut raw = Vec::new();
        self.tracer.drain(|event| raw.push(event))?;
        let names = Names { contents, doors };
        for event in &raw {
            self.seen.push(names.translate(event)?);
        }
        Ok(())
    }

    /// What was read since the beginning.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.seen)
    }
}

/// Who is who.
struct Names<'a> {
    contents: &'a Contents<'a>,
    doors: &'a [Door],
}

impl Names<'_> {
    fn translate(&self, raw: &RawEvent) -> Result<Event, BenchError> {
        let ifindex = IfIndex(raw.ifindex);
        let to_ifindex = IfIndex(raw.to_ifindex);
        let err = errno(raw)?;
        Ok(match raw.tracepoint {
            Tracepoint::Redirect | Tracepoint::RedirectErr => Event::Redirect {
                prog_id: self.program(raw.prog_id)?,
                ifindex,
                err,
                to_ifindex,
                map_id: self.map(raw.map_id),
                map_index: raw.map_index,
            },
            Tracepoint::Exception => {
                Event::Exception { prog_id: self.program(raw.prog_id)?, act: XdpAction(raw.act), ifindex }
            }
            Tracepoint::DevmapXmit => Event::DevmapXmit {
                from_ifindex: ifindex,
                to_ifindex,
                drops: count(raw.drops)?,
                sent: count(raw.sent)?,
                err,
            },
            Tracepoint::BulkTx => {
                Event::BulkTx { ifindex, drops: count(raw.drops)?, sent: count(raw.sent)?, err }
            }
        })
    }

    fn program(&self, id: u32) -> Result<ProgId, BenchError> {
        if let Some(index) = self.contents.prog_ids.iter().position(|known| *known == id) {
            return Ok(ProgId(number(index)));
        }
        let door = self.doors.iter().find(|door| door.gate.as_ref().is_some_and(|gate| gate.id() == id));
        let stranger = || BenchError::Case(format!("an event names program {id}, which is no one's"));
        door.and_then(|door| door.program).ok_or_else(stranger)
    }

    /// Ids that are no map's stay what they are: a difference, if the model does not print the same.
    fn map(&self, id: u32) -> u32 {
        let index = self.contents.map_ids.iter().position(|known| *known == id && id != MAP_ID_IFINDEX);
        index.map_or(id, number)
    }
}

fn errno(raw: &RawEvent) -> Result<Option<Errno>, BenchError> {
    if raw.err == 0 {
        return Ok(None);
    }
    let number = -raw.err;
    let unknown = || BenchError::Errno { what: format!("tracepoint {}", raw.tracepoint.name()), number };
    Errno::from_number(number).map(Some).ok_or_else(unknown)
}

fn count(frames: i32) -> Result<u32, BenchError> {
    u32::try_from(frames).map_err(|_| BenchError::Case(format!("an event counts {frames} frames")))
}
