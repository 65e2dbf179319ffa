//! The pointer ring between the two ends of a veth pair: `include/linux/ptr_ring.h`.
//!
//! Owns the one surprise that is visible outside: consumed slots are handed back in groups, so the
//! ring takes between 241 and 256 frames, depending on history. Rules: DRV-06.

/// Slots of a veth receive ring: `VETH_RING_SIZE`.
pub const VETH_RING_SIZE: usize = 256;

/// Consumed slots are cleared in groups of two cache lines of pointers.
const CLEAR_GROUP: usize = 2 * 64 / 8;

/// A ring of frames.
#[derive(Clone, Debug)]
pub struct PtrRing<T> {
    slots: Box<[T]>,
    /// Where the next frame goes.
    producer: usize,
    /// The next frame to be taken.
    consumer_head: usize,
    /// The first slot that was taken but not cleared.
    consumer_tail: usize,
    len: usize,
    group: usize,
}

impl<T: Copy + Default> PtrRing<T> {
    /// A ring with this many slots.
    ///
    /// # Panics
    /// For a ring without slots.
    #[must_use]
    pub fn new(size: usize) -> Self {
        assert!(size > 0, "a ring has slots");
        let group = if CLEAR_GROUP > size / 2 { 1 } else { CLEAR_GROUP };
        let slots = vec![T::default(); size].into_boxed_slice();
        Self { slots, producer: 0, consumer_head: 0, consumer_tail: 0, len: 0, group }
    }

    /// Clear every slot at once (a planted fault).
    pub(crate) fn clear_at_once(&mut self) {
        self.group = 1;
    }

    /// Frames in it.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing in it?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more it takes now: what was consumed but not cleared counts as occupied.
    #[inline]
    #[must_use]
    pub fn free(&self) -> usize {
        self.slots.len() - self.len - (self.consumer_head - self.consumer_tail)
    }

    /// `__ptr_ring_produce()`: the caller has seen that it is [`free`](Self::free).
    #[inline]
    pub fn produce(&mut self, frame: T) {
        debug_assert!(self.free() > 0);
        self.slots[self.producer] = frame;
        self.producer += 1;
        if self.producer >= self.slots.len() {
            self.producer = 0;
        }
        self.len += 1;
    }

    /// Produces frames one after the other; the caller has seen that all of them fit.
    #[inline]
    pub fn produce_run(&mut self, mut frames: impl ExactSizeIterator<Item = T>) {
        let n = frames.len();
        debug_assert!(n <= self.free());
        let (front, back) = self.slots.split_at_mut(self.producer);
        let before_end = n.min(back.len());
        for (slot, frame) in back[..before_end].iter_mut().zip(&mut frames) {
            *slot = frame;
        }
        for (slot, frame) in front[..n - before_end].iter_mut().zip(frames) {
            *slot = frame;
        }
        self.producer = (self.producer + n) % self.slots.len();
        self.len += n;
    }

    /// `__ptr_ring_consume()`.
    #[inline]
    pub fn consume(&mut self) -> Option<T> {
        self.consume_run(1).first().copied()
    }

    /// Takes at most `max` frames that lie next to each other; none if there are none.
    #[inline]
    pub fn consume_run(&mut self, max: usize) -> &[T] {
        let from = self.consumer_head;
        let n = max.min(self.len).min(self.slots.len() - from);
        self.len -= n;
        self.consumer_head += n;
        // As if taken one by one: the tail follows in whole groups.
        self.consumer_tail += (self.consumer_head - self.consumer_tail) / self.group * self.group;
        if self.consumer_head >= self.slots.len() {
            (self.consumer_head, self.consumer_tail) = (0, 0);
        }
        &self.slots[from..from + n]
    }

    /// An empty ring through which so many frames have gone.
    pub fn age(&mut self, frames: u64) {
        let size = self.slots.len() as u64;
        for _ in 0..frames % size {
            self.produce(T::default());
            self.consume();
        }
    }

    /// What is in it, in order, to move the bytes behind it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (len, size, head) = (self.len, self.slots.len(), self.consumer_head);
        let wrapped = (head + len).saturating_sub(size);
        let (front, back) = self.slots.split_at_mut(head);
        back.iter_mut().take(len - wrapped).chain(front.iter_mut().take(wrapped))
    }
}
