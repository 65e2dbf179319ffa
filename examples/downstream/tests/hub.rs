//! What a project keeps: without the short cut the same laws hold, and the test that found it is short.

use downstream::Hub;
use xdpsim_core::kit::{Property, laws};
use xdpsim_core::strategies::{scenarios::MAP_ID, trials};

#[test]
fn a_hub_sends_no_frame_back_and_changes_none() {
    let hub = Property::new("a_hub_sends_no_frame_back_and_changes_none").program("hub", Hub::new(MAP_ID));
    hub.check(trials::around("hub"), |played| {
        laws::no_frame_back(played)?;
        laws::no_byte_changed(played)?;
        laws::fifo_per_port(played)?;
        laws::conservation(played)
    });
}

#[test]
fn the_test_that_finds_the_bug_has_less_than_30_lines() {
    assert!(include_str!("finds_the_bug.rs").lines().count() < 30);
}
