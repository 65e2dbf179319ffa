//! A scenario and its captures read as a [`Trial`]: what a property's counterexample was kept as
//! ([`Counterexample::eject`]), to be played again with programs in Rust.
//!
//! Each frame arrives on the port that its interface is named after, else on the scenario's ingress. All of it
//! is held in memory: captures of a test, not of a network.
//!
//! ```no_run
//! # use xdpsim_core::kit::{OwnPrograms, laws};
//! # let own = OwnPrograms::new();
//! let trial = xdpsim::kept::read("tests/kept/tagged_frames_go_back.toml".as_ref())?;
//! let played = trial.play_with(&own)?;
//! laws::no_frame_back(&played)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Counterexample::eject`]: https://docs.rs/xdpsim-core/latest/xdpsim_core/kit/struct.Counterexample.html

use std::io;
use std::path::{Path, PathBuf};

use xdpsim_core::kit::{Sent, Trial};

use crate::capture::{CaptureError, CaptureReader, Fill, FrameTable, InterfaceNo, ReadOptions};
use crate::scenario::{Parsed, Source, Timing, parse};

/// Why a trial could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The scenario cannot be read.
    #[error("cannot read the scenario {file}: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The scenario has errors.
    #[error("{file} has errors, the first: {first}; `xdpsim check` shows them all")]
    Scenario {
        /// The file.
        file: PathBuf,
        /// The first of them.
        first: String,
    },
    /// The scenario names no capture.
    #[error("{0} names no capture; expected `captures = [\"in.pcapng\"]` under `[replay]`")]
    NoCapture(PathBuf),
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// Reads a scenario and the captures that its `[replay]` section names, one after the other.
///
/// # Errors
/// If a file cannot be read, is broken, or there is no capture.
pub fn read(scenario: &Path) -> Result<Trial, KeptError> {
    let file = || scenario.to_owned();
    let source = Source::read(scenario).map_err(|source| KeptError::Unreadable { file: file(), source })?;
    let parsed = parse(&source).map_err(|problems| {
        let first = problems.list().first().map(|problem| problem.message.clone()).unwrap_or_default();
        KeptError::Scenario { file: file(), first }
    })?;
    if parsed.replay.captures.is_empty() {
        return Err(KeptError::NoCapture(file()));
    }
    let folder = scenario.parent().unwrap_or(Path::new(""));
    let mut frames = Vec::new();
    for capture in &parsed.replay.captures {
        read_frames(&folder.join(capture), &parsed, &mut frames)?;
    }
    let timing = match parsed.replay.timing {
        Timing::Capture => xdpsim_core::Timing::Capture,
        Timing::Asap => xdpsim_core::Timing::Asap,
    };
    Ok(Trial { scenario: parsed.scenario, timing, frames })
}

fn read_frames(capture: &Path, parsed: &Parsed, frames: &mut Vec<Sent>) -> Result<(), KeptError> {
    let ports = &parsed.scenario.ports;
    let first = ports.first().map_or("", |port| port.name.as_str());
    let ingress = parsed.replay.ingress.as_deref().unwrap_or(first);
    let mut reader = CaptureReader::open(capture, &ReadOptions::default())?;
    let mut table = FrameTable::default();
    while let Fill::Frames(_) = reader.fill(&mut table)? {
        for index in 0..table.len() {
            let InterfaceNo(no) = table.interfaces().map_or(table.interface(), |each| each[index]);
            let name =
                reader.interfaces().get(usize::from(no)).and_then(|interface| interface.name.as_deref());
            let port = name.filter(|name| ports.iter().any(|port| port.name == *name)).unwrap_or(ingress);
            frames.push(Sent::new(port, table.stamps()[index], table.frame(index)));
        }
    }
    Ok(())
}
