//! Where a run's output goes: events, delivered frames, one frame's story.
//!
//! A sink says at compile time what it wants; what nobody wants costs nothing.

use xdpsim_devmap::DevId;

use crate::batch::FrameNo;
use crate::story::Step;
use crate::time::Nanos;
use crate::trace::{Event, Stamp};

/// A frame that left by a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// When the driver took it, or the far end polled it.
    pub at: Stamp,
    /// When its last bit has left (the same, where no line is modelled).
    pub departure: Nanos,
    /// The port.
    pub port: DevId,
    /// Its number in the run; clones share it.
    pub frame: FrameNo,
    /// The timestamp with which it arrived.
    pub arrival: Nanos,
    /// Its bytes as they left.
    pub bytes: &'a [u8],
}

/// Takes what a run yields. All methods do nothing by default.
pub trait Sink {
    /// Wants tracepoint events?
    const EVENTS: bool = false;
    /// Wants delivered frames?
    const DELIVERIES: bool = false;
    /// Wants the frames that are passed to the stack?
    const PASSED: bool = false;
    /// Wants the story of frames? Forces the frame-by-frame path.
    const STORY: bool = false;

    /// A tracepoint hit.
    #[inline]
    fn event(&mut self, at: Stamp, event: Event) {
        let _ = (at, event);
    }

    /// A frame left.
    #[inline]
    fn delivered(&mut self, delivery: Delivery<'_>) {
        let _ = delivery;
    }

    /// A port passed a frame to the stack, with these bytes.
    #[inline]
    fn passed(&mut self, port: DevId, frame: FrameNo, bytes: &[u8]) {
        let _ = (port, frame, bytes);
    }

    /// A step of a frame's way.
    #[inline]
    fn step(&mut self, at: Stamp, frame: FrameNo, step: Step) {
        let _ = (at, frame, step);
    }
}

/// Wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {}

/// Keeps everything in memory: for tests and short runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorder {
    /// The events in order.
    pub events: Vec<(Stamp, Event)>,
    /// The deliveries in order: port, frame, bytes.
    pub deliveries: Vec<(DevId, FrameNo, Vec<u8>)>,
}

impl Sink for Recorder {
    const EVENTS: bool = true;
    const DELIVERIES: bool = true;

    fn event(&mut self, at: Stamp, event: Event) {
        self.events.push((at, event));
    }

    fn delivered(&mut self, delivery: Delivery<'_>) {
        self.deliveries.push((delivery.port, delivery.frame, delivery.bytes.to_vec()));
    }
}

/// Keeps the story of every frame, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoryBook {
    /// The steps of all frames in the order in which they happened.
    pub steps: Vec<(Stamp, FrameNo, Step)>,
    /// Keep only this frame's.
    pub only: Option<FrameNo>,
}

impl Sink for StoryBook {
    const STORY: bool = true;

    fn step(&mut self, at: Stamp, frame: FrameNo, step: Step) {
        if self.only.is_none_or(|only| only == frame) {
            self.steps.push((at, frame, step));
        }
    }
}
