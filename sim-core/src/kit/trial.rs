//! A scenario and what arrives in it: one input of a property.

use std::fmt;

use super::{OwnPrograms, Played, fresh};
use crate::engine::domain::Timing;
use crate::lab::Lab;
use crate::scenario::Scenario;
use crate::time::Nanos;
use crate::world::BuildError;

/// Bytes of a frame that a message shows; a kept capture has all of them.
const SHOWN_MAX: usize = 96;

/// A frame that arrives.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// The port, by name.
    pub port: String,
    /// When.
    pub at: Nanos,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Bytes free in front of it, where they are not the usual 256; no capture knows them.
    pub headroom: Option<u16>,
}

impl Sent {
    /// A frame with the usual headroom.
    #[must_use]
    pub fn new(port: &str, at: Nanos, bytes: impl Into<Vec<u8>>) -> Self {
        Self { port: port.to_owned(), at, bytes: bytes.into(), headroom: None }
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on {} at {} s, {} bytes:", self.port, self.at, self.bytes.len())?;
        self.bytes.iter().take(SHOWN_MAX).try_for_each(|byte| write!(f, " {byte:02x}"))?;
        if self.bytes.len() > SHOWN_MAX {
            f.write_str(" …")?;
        }
        self.headroom.map_or(Ok(()), |headroom| write!(f, " (headroom {headroom})"))
    }
}

/// A scenario and the frames that arrive there, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Ports, maps, programs, changes.
    pub scenario: Scenario,
    /// How the frames arrive.
    pub timing: Timing,
    /// The frames.
    pub frames: Vec<Sent>,
}

impl Trial {
    /// Frames that arrive at the times they bear.
    #[must_use]
    pub fn new(scenario: Scenario, frames: Vec<Sent>) -> Self {
        Self { scenario, timing: Timing::Capture, frames }
    }

    /// Plays it as it is.
    ///
    /// # Errors
    /// What [`Lab::new`] says.
    ///
    /// # Panics
    /// If a frame arrives on a port that the scenario does not have.
    pub fn play(&self) -> Result<Played<'_>, BuildError> {
        self.play_with(&OwnPrograms::new())
    }

    /// Plays it with programs of one's own instead of those of the same name; each play begins with fresh
    /// copies.
    ///
    /// # Errors
    /// What [`Lab::with_programs`] says.
    ///
    /// # Panics
    /// If a frame arrives on a port that the scenario does not have.
    pub fn play_with(&self, own: &OwnPrograms) -> Result<Played<'_>, BuildError> {
        let mut lab = Lab::with_programs(&self.scenario, fresh(own))?;
        lab.timing(self.timing);
        for sent in &self.frames {
            let headroom = sent.headroom.unwrap_or(crate::batch::Desc::HEADROOM);
            lab.at(sent.at).send_with_head(&sent.port, &sent.bytes, headroom);
        }
        Ok(Played::new(self, lab))
    }
}

impl fmt::Display for Trial {
    /// The scenario's text and the frames as comments, numbered from 1 as captures number them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scenario.to_toml())?;
        writeln!(f)?;
        let mut frames = self.frames.iter().enumerate();
        frames.try_for_each(|(i, sent)| writeln!(f, "# frame {} {sent:?}", i + 1))
    }
}
