//! The built-in capture: made-up traffic for whoever has none at hand.
//!
//! The built-in scenario is [`crate::scenario::builtin`]; both together are what `xdpsim replay` runs
//! without arguments.

use std::io::Cursor;

use crate::capture::synth::{Sizes, Synth};
use crate::capture::{CaptureError, CaptureReader, ReadOptions};

/// What messages call it.
pub const NAME: &str = "built-in capture";

/// Its recipe: frames of three sizes at about 14 Mbit/s, so that a 10 Mbit line is too slow for them.
const RECIPE: Synth = Synth {
    frames: 120,
    sizes: Sizes::Imix,
    flows: 8,
    seed: 6,
    start_nanos: 1_700_000_000_000_000_000,
    gap_nanos: 200_000,
};

/// Opens it.
///
/// # Errors
/// As [`CaptureReader::from_reader`]; a test reads it to its end.
pub fn open(options: &ReadOptions) -> Result<CaptureReader, CaptureError> {
    CaptureReader::from_reader(NAME, Cursor::new(RECIPE.to_vec()), options)
}
