//! What a domain yields in one batch, kept until all domains have run it, and put into one order.
//!
//! Bounded by the batch: [`crate::runner`] hands a tape over after each. Copies of a frame that share
//! their bytes are kept once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use xdpsim_core::{Delivery, DevId, Event, FrameNo, Nanos, Sink, Stamp};

/// A frame that left, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// When it left the pipeline.
    pub at: Stamp,
    /// When its last bit left.
    pub departure: Nanos,
    /// When it arrived.
    pub arrival: Nanos,
    /// By which port.
    pub port: DevId,
    off: usize,
    len: usize,
}

/// How many recent frames are looked at for equal bytes: a poll and what waited before it.
const RECENT: usize = 256;

/// Frames that left, in order.
#[derive(Debug, Default)]
pub struct Deliveries {
    list: Vec<Left>,
    bytes: Vec<u8>,
    /// Where the bytes of a frame were kept last, by the low bits of its number.
    recent: Vec<Option<(FrameNo, usize, usize)>>,
}

impl Deliveries {
    fn push(&mut self, delivery: &Delivery<'_>) {
        let (off, len) = self.keep(delivery.frame, delivery.bytes);
        let Delivery { at, departure, port, arrival, .. } = *delivery;
        self.list.push(Left { at, departure, arrival, port, off, len });
    }

    fn keep(&mut self, frame: FrameNo, bytes: &[u8]) -> (usize, usize) {
        if self.recent.is_empty() {
            self.recent = vec![None; RECENT];
        }
        let recent = &mut self.recent[frame.0 as usize % RECENT];
        if let Some((kept, off, len)) = *recent
            && kept == frame
            && &self.bytes[off..off + len] == bytes
        {
            return (off, len);
        }
        let (off, len) = (self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(bytes);
        *recent = Some((frame, off, len));
        (off, len)
    }

    /// The frames.
    #[must_use]
    pub fn list(&self) -> &[Left] {
        &self.list
    }

    /// The bytes of one of them.
    #[must_use]
    pub fn bytes(&self, left: &Left) -> &[u8] {
        &self.bytes[left.off..left.off + left.len]
    }
}

/// A sink that keeps what is asked for.
#[derive(Debug, Default)]
pub struct Tape<const EVENTS: bool, const DELIVERIES: bool> {
    /// Tracepoint events in order.
    pub events: Vec<(Stamp, Event)>,
    /// Frames that left, in order.
    pub deliveries: Deliveries,
}

impl<const EVENTS: bool, const DELIVERIES: bool> Sink for Tape<EVENTS, DELIVERIES> {
    const EVENTS: bool = EVENTS;
    const DELIVERIES: bool = DELIVERIES;

    fn event(&mut self, at: Stamp, event: Event) {
        self.events.push((at, event));
    }

    fn delivered(&mut self, delivery: Delivery<'_>) {
        self.deliveries.push(&delivery);
    }
}

/// Several lists as one, by their items' stamps; items of one list keep their order, and of equal stamps
/// those of the earlier list come first. Calls `with` with the list's number and the item's place in it.
///
/// # Errors
/// The first that `with` answers.
pub fn merged<T, E>(
    lists: &[&[T]],
    stamp: impl Fn(&T) -> Stamp,
    mut with: impl FnMut(usize, &T) -> Result<(), E>,
) -> Result<(), E> {
    if let [only] = lists {
        return only.iter().try_for_each(|item| with(0, item));
    }
    let mut heads: BinaryHeap<Reverse<(Stamp, usize, usize)>> = lists
        .iter()
        .enumerate()
        .filter_map(|(list, items)| items.first().map(|item| Reverse((stamp(item), list, 0))))
        .collect();
    while let Some(Reverse((_, list, place))) = heads.pop() {
        with(list, &lists[list][place])?;
        if let Some(next) = lists[list].get(place + 1) {
            heads.push(Reverse((stamp(next), list, place + 1)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64, cpu: u16) -> Stamp {
        Stamp { time: Nanos(time), trigger: FrameNo(0), cpu }
    }

    #[test]
    fn lists_are_merged_by_stamp_and_keep_their_own_order() {
        let lists: [&[(Stamp, char)]; 3] =
            [&[(at(1, 0), 'a'), (at(5, 0), 'c')], &[(at(1, 1), 'b'), (at(9, 1), 'e')], &[(at(5, 2), 'd')]];
        let mut order = String::new();
        let merged = merged(
            &lists,
            |item| item.0,
            |_, item| {
                order.push(item.1);
                Ok::<(), ()>(())
            },
        );
        assert_eq!((merged, order.as_str()), (Ok(()), "abcde"));
    }

    #[test]
    fn copies_share_their_bytes_until_one_was_rewritten() {
        let mut tape = Tape::<false, true>::default();
        for (port, bytes) in [(1, b"abc"), (2, b"abc"), (3, b"abX"), (4, b"abX")] {
            tape.delivered(Delivery {
                at: at(0, 0),
                departure: Nanos(0),
                port: DevId(port),
                frame: FrameNo(7),
                arrival: Nanos(0),
                bytes,
            });
        }
        assert_eq!(tape.deliveries.bytes, b"abcabX");
        let read: Vec<&[u8]> =
            tape.deliveries.list().iter().map(|left| tape.deliveries.bytes(left)).collect();
        assert_eq!(read, [b"abc", b"abc", b"abX", b"abX"]);
    }
}
