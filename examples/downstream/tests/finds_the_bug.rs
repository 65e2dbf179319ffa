//! Finds the bug, shrinks it, and keeps it as a scenario and a capture.

use std::path::Path;

use downstream::Hub;
use xdpsim_core::kit::{Property, laws};
use xdpsim_core::strategies::{scenarios::MAP_ID, trials};

#[test]
fn tagged_frames_go_back() {
    let hub = Property::new("tagged_frames_go_back").program("hub", Hub::with_short_cut(MAP_ID));
    let found = hub.find(trials::around("hub"), laws::no_frame_back).expect_err("the short cut has a bug");

    let (scenario, frames) = (&found.trial.scenario, &found.trial.frames);
    assert_eq!((scenario.ports.len(), frames.len()), (2, 1), "{found}");
    assert_eq!(frames[0].bytes[12..14], [0x81, 0x00], "{found}");

    let kept = found.eject(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a folder to write to");
    println!("{found}kept: {kept}");
}
