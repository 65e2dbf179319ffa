//! `xdpsim ask`: what would happen to one packet that is made up on the command line.

use std::io::Cursor;

use super::explain;
use super::world::{self, Capture};
use crate::capture::{CaptureReader, ReadOptions};
use crate::cli::AskArgs;
use crate::exit::{Exit, Failure};
use crate::explain::Subject;
use crate::output::stdout;
use crate::packet;

/// What messages call the capture of one frame.
const NAME: &str = "the packet asked about";

/// Runs the command.
pub(super) fn run(args: &AskArgs) -> Result<Exit, Failure> {
    let frame = packet::build(&args.packet)?;
    let world = world::load(&args.world)?;
    if let Some(capture) = world.captures.iter().find(|capture| !matches!(capture, Capture::BuiltIn)) {
        return Err(Failure::usage(
            format!("{} is a capture, and `xdpsim ask` makes its own packet", capture.name()),
            "leave it out, or ask about a frame of it: xdpsim explain --frame N",
        ));
    }
    stdout::complain(&world.warnings);
    let capture = Cursor::new(packet::capture(&frame));
    let reader = CaptureReader::from_reader(NAME, capture, &ReadOptions::default())?;
    let subject = Subject { capture: NAME.to_owned(), frame: 1, title: world.title.clone() };
    explain::tell(&world, reader, &subject, args.json)
}
