//! RINGBUF: records that a program reserves and submits, in order, until somebody takes them.
//!
//! Positions, sizes and refusals are the kernel's: each record has a header of 8 bytes and is padded to 8; a record
//! that is not yet submitted keeps all later ones back. A record that would run over the ring's end goes on
//! beyond it, as the kernel maps the ring twice.

use std::collections::VecDeque;

use xdpsim_devmap::Errno;

use crate::memory::Slab;

/// In front of a record (`BPF_RINGBUF_HDR_SZ`).
const HEADER: u32 = 8;
/// `BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP`.
const WAKEUP: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Busy,
    Submitted,
    Discarded,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    /// Offset of its bytes in the slab.
    start: u32,
    len: u32,
    state: State,
}

/// A ring buffer.
#[derive(Clone, Debug)]
pub struct Ring {
    size: u32,
    producer: u64,
    consumer: u64,
    records: VecDeque<Record>,
}

impl Ring {
    pub(super) fn new(size: u32) -> Self {
        Self { size, producer: 0, consumer: 0, records: VecDeque::new() }
    }

    /// Bytes of the slab: twice the ring, for records over its end.
    pub(super) fn slab_size(size: u32) -> Option<u32> {
        size.checked_mul(2)
    }

    /// `bpf_ringbuf_reserve()`: where in the slab the record is.
    pub fn reserve(&mut self, slab: &mut Slab, len: u64, flags: u64) -> Option<u32> {
        if flags != 0 {
            return None;
        }
        let start = self.place(len)?;
        slab.open(start..start + len as u32);
        Some(start)
    }

    fn place(&mut self, len: u64) -> Option<u32> {
        // The length's two highest bits are marks in the header.
        let len = u32::try_from(len).ok().filter(|len| *len < 1 << 30)?;
        let whole = (len + HEADER).next_multiple_of(8);
        let behind = self.producer - self.consumer + u64::from(whole);
        if whole > self.size || behind > u64::from(self.size) - 1 {
            return None;
        }
        let start = (self.producer % u64::from(self.size)) as u32 + HEADER;
        self.producer += u64::from(whole);
        self.records.push_back(Record { start, len, state: State::Busy });
        Some(start)
    }

    fn end(&mut self, slab: &mut Slab, start: u32, state: State) -> bool {
        let busy = |record: &&mut Record| record.start == start && record.state == State::Busy;
        let Some(record) = self.records.iter_mut().find(busy) else { return false };
        record.state = state;
        slab.close(start);
        true
    }

    /// `bpf_ringbuf_submit()`; false if no such record is open.
    pub fn submit(&mut self, slab: &mut Slab, start: u32) -> bool {
        self.end(slab, start, State::Submitted)
    }

    /// `bpf_ringbuf_discard()`; false if no such record is open.
    pub fn discard(&mut self, slab: &mut Slab, start: u32) -> bool {
        self.end(slab, start, State::Discarded)
    }

    /// `bpf_ringbuf_output()`.
    ///
    /// # Errors
    /// EINVAL for unknown flags, EAGAIN if there is no room.
    pub fn output(&mut self, slab: &mut Slab, data: &[u8], flags: u64) -> Result<(), Errno> {
        if flags & !WAKEUP != 0 {
            return Err(Errno::EINVAL);
        }
        let start = self.place(data.len() as u64).ok_or(Errno::EAGAIN)?;
        slab.all_mut()[start as usize..start as usize + data.len()].copy_from_slice(data);
        self.end(slab, start, State::Submitted);
        Ok(())
    }

    /// `bpf_ringbuf_query()`: bytes that wait, size, consumer's and producer's position; 0 for others.
    #[must_use]
    pub fn query(&self, what: u64) -> u64 {
        match what {
            0 => self.producer - self.consumer,
            1 => u64::from(self.size),
            2 => self.consumer,
            3 => self.producer,
            _ => 0,
        }
    }

    /// Takes out what was submitted, up to the first record that is still open.
    pub fn take(&mut self, slab: &Slab, mut each: impl FnMut(&[u8])) {
        while let Some(&Record { start, len, state }) = self.records.front() {
            if state == State::Busy {
                break;
            }
            if state == State::Submitted {
                each(&slab.all()[start as usize..(start + len) as usize]);
            }
            self.consumer += u64::from((len + HEADER).next_multiple_of(8));
            self.records.pop_front();
        }
    }
}
