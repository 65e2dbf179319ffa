//! The one place of this crate that touches files: a counterexample is written where its finder wants it.
//!
//! Only there with the feature `proptest`, and only called by tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Counterexample, Ejected};

/// A counterexample that could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum EjectError {
    /// The folder or a file could not be written.
    #[error("cannot write {file}: {source}; expected a folder that this process may write to")]
    Write {
        /// The folder or file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The frames do not fit into a capture.
    #[error("cannot make the capture {file}: {why}")]
    Capture {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

impl Counterexample {
    /// Writes `PROPERTY.toml` and `PROPERTY.pcapng` into a folder, which is made if it is not there. What was
    /// kept under that name before is replaced.
    ///
    /// # Errors
    /// If the folder or a file cannot be written, or a frame is too long for a capture.
    pub fn eject(&self, folder: &Path) -> Result<Ejected, EjectError> {
        let write = |file: &Path, source| EjectError::Write { file: file.to_owned(), source };
        let name: String = self.property.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let capture_name = format!("{name}.pcapng");
        let (scenario, capture) = (folder.join(format!("{name}.toml")), folder.join(&capture_name));
        let bytes = self
            .capture_bytes()
            .map_err(|why| EjectError::Capture { file: capture.clone(), why: why.to_string() })?;
        fs::create_dir_all(folder).map_err(|error| write(folder, error))?;
        fs::write(&scenario, self.scenario_text(&capture_name)).map_err(|error| write(&scenario, error))?;
        fs::write(&capture, bytes).map_err(|error| write(&capture, error))?;
        Ok(Ejected { scenario, capture })
    }
}
