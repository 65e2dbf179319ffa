//! A pcapng whose interfaces stand for ports.

use std::collections::BTreeMap;

use xdpsim_core::DevId;

use super::{FeedTable, Input};
use crate::capture::{CaptureError, CaptureReader, Fill, Interface, InterfaceNo, Progress, Resolution};

/// Which interface stands for which port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfacePorts {
    /// By the interface's name, or by its number in the file, counted from 0.
    pub named: BTreeMap<String, DevId>,
    /// Interfaces that are not named above stand for the port of their own name.
    pub by_name: BTreeMap<String, DevId>,
}

impl InterfacePorts {
    /// The port of an interface.
    #[must_use]
    pub fn port(&self, no: InterfaceNo, interface: &Interface) -> Option<DevId> {
        let by_number = || self.named.get(&no.0.to_string());
        let own = |name: &String| self.named.get(name).or_else(|| self.by_name.get(name));
        interface.name.as_ref().and_then(own).or_else(by_number).copied()
    }
}

/// A capture whose frames arrive where they were captured.
pub struct Mapped {
    reader: CaptureReader,
    ports: InterfacePorts,
    failure: Option<CaptureError>,
    ended: bool,
    frames: u64,
}

impl Mapped {
    /// Frames of this capture arrive on the ports that its interfaces stand for.
    #[must_use]
    pub fn new(reader: CaptureReader, ports: InterfacePorts) -> Self {
        Self { reader, ports, failure: None, ended: false, frames: 0 }
    }

    /// The ports of the table's frames, up to the first that has none.
    fn assign(&mut self, table: &mut FeedTable) {
        let all = self.reader.interfaces();
        let known: Vec<Option<DevId>> =
            (0..all.len()).map(|index| self.ports.port(InterfaceNo(index as u16), &all[index])).collect();
        table.ports.clear();
        for index in 0..table.frames.len() {
            let no = match table.frames.interfaces() {
                Some(each) => each[index],
                None => table.frames.interface(),
            };
            let Some(port) = known[usize::from(no.0)] else {
                let interface = all[usize::from(no.0)].label(u32::from(no.0));
                let packet = self.frames + index as u64 + 1;
                let file = self.reader.file().to_owned();
                self.failure = Some(CaptureError::NoPort { file, packet, interface });
                break;
            };
            table.ports.push(port);
        }
        table.frames.truncate(table.ports.len());
    }
}

impl Input for Mapped {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        if !self.ended && self.reader.fill(&mut table.frames)? != Fill::End {
            self.assign(table);
            self.ended = self.failure.is_some();
            self.frames += table.frames.len() as u64;
            if !table.frames.is_empty() {
                return Ok(true);
            }
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(false),
        }
    }

    fn progress(&self) -> Progress {
        self.reader.progress()
    }

    fn resolution(&self) -> Resolution {
        self.reader.resolution()
    }
}
