//! The bulk queue: up to 16 frames for one device on one CPU.
//!
//! Shared by all entries, all maps and `bpf_redirect()` (ENQ-01). Holds slot numbers of the poll's
//! frame table, one byte each. Rules: ENQ-01 to ENQ-06.

use xdpsim_devmap::{DevId, ProgId};

use crate::mutation::Mutations;

/// Frames that a queue holds: `DEV_MAP_BULK_SIZE`.
pub const BULK_SIZE: usize = 16;

/// `struct xdp_dev_bulk_queue`.
#[derive(Clone, Debug)]
pub(crate) struct BulkQueue {
    /// Twice the size: a run is stored as a whole block of 16, whose end does not matter.
    slots: [u8; 2 * BULK_SIZE],
    n: u8,
    /// On the flush list?
    pub listed: bool,
    /// Program of the first frame, as its id, 0 for none (ENQ-04).
    prog: u16,
    /// Ingress of the first frame (ENQ-05).
    pub dev_rx: DevId,
    /// Bytes of all frames.
    pub bytes: u32,
}

/// The numbers 0, 1, 2 …: a run of slots is one copy out of it.
const CONSECUTIVE: [u8; 256 + BULK_SIZE] = {
    let mut numbers = [0; 256 + BULK_SIZE];
    let mut i = 0;
    while i < numbers.len() {
        numbers[i] = i as u8;
        i += 1;
    }
    numbers
};

impl Default for BulkQueue {
    fn default() -> Self {
        Self { slots: [0; 2 * BULK_SIZE], n: 0, listed: false, prog: 0, dev_rx: DevId(0), bytes: 0 }
    }
}

impl BulkQueue {
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.n)
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() == BULK_SIZE
    }

    /// How many more fit before a partial flush.
    #[inline]
    pub fn room(&self) -> usize {
        BULK_SIZE - self.len()
    }

    /// The slots in order.
    #[inline]
    pub fn slots(&self) -> &[u8] {
        &self.slots[..self.len()]
    }

    /// The program that will run at the flush.
    #[inline]
    pub fn prog(&self) -> Option<ProgId> {
        if self.prog == 0 { None } else { Some(ProgId(u32::from(self.prog))) }
    }

    /// The first frame since the last flush decides about program and ingress (ENQ-02).
    #[inline]
    pub fn first(&mut self, dev_rx: DevId, prog: Option<ProgId>) {
        self.dev_rx = dev_rx;
        self.set_prog(prog);
    }

    /// Later frames change neither, but for planted faults.
    #[inline]
    pub fn later(&mut self, dev_rx: DevId, prog: Option<ProgId>, mutations: Mutations) {
        if mutations.has(Mutations::LAST_DEV_RX_WINS) {
            self.dev_rx = dev_rx;
        }
        if mutations.has(Mutations::LAST_PROGRAM_WINS) {
            self.set_prog(prog);
        }
    }

    #[inline]
    fn set_prog(&mut self, prog: Option<ProgId>) {
        self.prog = prog.map_or(0, |prog| prog.0 as u16);
    }

    /// Stores one frame. The caller has made room.
    #[inline]
    pub fn push(&mut self, slot: u8, bytes: u32) {
        debug_assert!(!self.is_full());
        self.slots[self.len()] = slot;
        self.n += 1;
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    /// Stores the frames `from..from + count` of the poll. The caller has made room.
    #[inline]
    pub fn push_run(&mut self, from: usize, count: usize, bytes: u32) {
        debug_assert!(count <= self.room());
        let n = self.len();
        let block: &[u8; BULK_SIZE] = CONSECUTIVE[from..].first_chunk().expect("slots fit a byte");
        self.slots[n..n + BULK_SIZE].copy_from_slice(block);
        self.n += count as u8;
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    /// Empties it; program and ingress stay until the final flush (ENQ-03).
    #[inline]
    pub fn clear(&mut self) {
        self.n = 0;
        self.bytes = 0;
    }

    /// Undoes what was stored last (a planted fault only).
    pub fn pop(&mut self, bytes: u32) {
        self.n -= 1;
        self.bytes = self.bytes.wrapping_sub(bytes);
    }

    /// Numbers the slots anew when their frames move to the front of the next poll (FLU-07).
    pub fn renumber(&mut self, mut with: impl FnMut(u8) -> u8) {
        let n = self.len();
        for slot in &mut self.slots[..n] {
            *slot = with(*slot);
        }
    }
}

/// The devices with a queue to flush: pushed at the head, taken from the head, so the device listed
/// last is flushed first (FLU-03).
#[derive(Clone, Debug, Default)]
pub(crate) struct FlushList(Vec<DevId>);

impl FlushList {
    #[inline]
    pub fn push_head(&mut self, dev: DevId) {
        self.0.push(dev);
    }

    #[inline]
    pub fn pop_head(&mut self, mutations: Mutations) -> Option<DevId> {
        if mutations.has(Mutations::FLUSH_FIFO) && !self.0.is_empty() {
            return Some(self.0.remove(0));
        }
        self.0.pop()
    }

    /// Moves a device to the head (a planted fault only).
    pub fn renew(&mut self, dev: DevId) {
        self.0.retain(|&listed| listed != dev);
        self.0.push(dev);
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From the one listed first to the one listed last.
    pub fn iter(&self) -> impl Iterator<Item = DevId> + '_ {
        self.0.iter().copied()
    }
}
