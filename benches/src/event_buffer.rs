//! A sink for events as a consumer with bounded memory would have it.

use std::sync::{Mutex, PoisonError};

use xdpsim_core::{Event, Sink, Stamp};

/// Events that a buffer holds before they are thrown away.
const EVENTS_MAX: usize = 8192;

/// Stores events; forgets them all when it is full.
#[derive(Debug, Default)]
pub struct EventBuffer(Vec<(Stamp, Event)>);

impl Sink for EventBuffer {
    const EVENTS: bool = true;

    #[inline]
    fn event(&mut self, at: Stamp, event: Event) {
        if self.0.len() >= EVENTS_MAX {
            self.0.clear();
        }
        self.0.push((at, event));
    }
}

/// Buffers that go round: a run asks for a sink per batch, and fresh memory for each would be what is
/// measured.
#[derive(Debug, Default)]
pub struct EventBuffers {
    spare: Mutex<Vec<EventBuffer>>,
}

impl EventBuffers {
    /// An empty buffer.
    pub fn take(&self) -> EventBuffer {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| EventBuffer(Vec::with_capacity(EVENTS_MAX)))
    }

    /// Forgets what is in these buffers and keeps their memory.
    pub fn give_back(&self, buffers: Vec<EventBuffer>) {
        let emptied = buffers.into_iter().map(|EventBuffer(mut events)| {
            events.clear();
            EventBuffer(events)
        });
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).extend(emptied);
    }
}
