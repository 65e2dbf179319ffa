//! Frames that left by a port, or were passed to the stack behind it.

use std::collections::BTreeMap;

use super::catcher::Catcher;
use super::door::Door;
use super::error::BenchError;
use crate::transcript::Transcript;

/// Frames by port.
pub(super) type Frames = BTreeMap<String, Vec<Vec<u8>>>;

/// Frames that were seen in a case.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What the far ends got.
    pub left: Frames,
    /// What was passed to the stack.
    pub passed: Frames,
}

impl Seen {
    /// Takes what has arrived since.
    pub fn drain(&mut self, doors: &mut [Door], catcher: &mut Catcher) -> Result<(), BenchError> {
        let mut copied = Vec::new();
        catcher.take(&mut copied)?;
        for (ifindex, frame) in copied {
            let at = |door: &&Door| door.far.as_ref().is_some_and(|far| far.ifindex == ifindex);
            if let Some(door) = doors.iter().find(at) {
                self.left.entry(door.name.clone()).or_default().push(frame);
            }
        }
        let mut frames = Vec::new();
        for door in doors {
            door.take_left(&mut frames)?;
            add(&mut self.left, &door.name, &mut frames);
            door.take_passed(&mut frames)?;
            add(&mut self.passed, &door.name, &mut frames);
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && self.passed.is_empty()
    }

    /// Are there frames to wait for? What leaves by a port whose other end is a port nobody catches.
    pub fn lacks(&self, expected: &Transcript, doors: &[Door]) -> bool {
        let lacks = |seen: &Frames, expected: &Frames, port: &String| {
            seen.get(port).map_or(0, Vec::len) < expected.get(port).map_or(0, Vec::len)
        };
        doors.iter().any(|door| {
            lacks(&self.passed, &expected.passed, &door.name)
                || (door.far.is_some() && lacks(&self.left, &expected.deliveries, &door.name))
        })
    }
}

fn add(to: &mut Frames, port: &str, frames: &mut Vec<Vec<u8>>) {
    if !frames.is_empty() {
        to.entry(port.to_owned()).or_default().append(frames);
    }
}
