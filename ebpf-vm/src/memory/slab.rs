//! A map's values in memory: equal slots, each with its own bounds, or records of any length.
//!
//! A slab is allocated once, at its full size, and never moves. Which slot belongs to which key, and which
//! are free, is the map's to know: a freed slot stays accessible, as an element does in the kernel until
//! the program ends.

use std::ops::Range;

use super::BASE;
use crate::insn::Size;

/// Slots are multiples of this, as in the kernel's maps.
const ALIGN: u32 = 8;
/// Bytes between two slots that belong to none: what runs on past a value's end meets them first.
const GAP: u32 = 8;

#[derive(Clone, Debug)]
enum Shape {
    /// Equal slots.
    Slots { stride: u32 },
    /// Records that are open, by where they begin, in order.
    Records(Vec<Range<u32>>),
}

/// What code that the JIT has made reads of a slab, at known places. None of it changes once a slab is there.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Direct {
    /// How many first bytes there are for a load of 1, 2, 4 and 8 bytes: all of them are in the slab. Zero
    /// if slots are not all that bounds what can be accessed.
    pub loads: [u64; 4],
    /// The same for stores; zero if programs cannot write.
    pub stores: [u64; 4],
    /// How many first bytes there are for an access of a whole value: for loads, for stores.
    pub whole: [u64; 2],
    /// Bytes of a value.
    pub value_size: u64,
    /// All values.
    pub bytes: Box<[u8]>,
}

/// Bytes of a map's values.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Slab {
    direct: Direct,
    shape: Shape,
    read_only: bool,
    /// From one slot to the next, and 2^64 divided by that and rounded up: so an offset's remainder takes no
    /// division.
    stride: u32,
    inverse: u64,
}

impl Direct {
    fn new(len: u32, value_size: u32, slots: bool) -> Self {
        let first = |size: u32| {
            let first = (u64::from(len) + 1).saturating_sub(size.into());
            if slots { first } else { 0 }
        };
        let (loads, whole) = (Size::ALL.map(|size| first(size.bytes())), first(value_size));
        let bytes = vec![0; len as usize].into_boxed_slice();
        Self { loads, stores: loads, whole: [whole; 2], value_size: value_size.into(), bytes }
    }
}

impl Slab {
    fn new(direct: Direct, shape: Shape, stride: u32) -> Self {
        Self { direct, shape, read_only: false, stride, inverse: u64::MAX / u64::from(stride) + 1 }
    }

    /// Values of equal size, zero; none for a map whose values no program can see. `None` if they need
    /// more than a segment has.
    #[must_use]
    pub fn slots(value_size: u32, count: u32) -> Option<Self> {
        let stride = value_size.checked_next_multiple_of(ALIGN)?.checked_add(GAP)?;
        let len = stride.checked_mul(count).filter(|len| len.checked_add(BASE).is_some())?;
        let direct = Direct::new(len, value_size, true);
        Some(Self::new(direct, Shape::Slots { stride }, stride))
    }

    /// No slots: maps of devices and the like.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Direct::new(0, 0, true), Shape::Slots { stride: ALIGN }, ALIGN)
    }

    /// Room for records, none of them open. `None` if it is more than a segment has.
    #[must_use]
    pub fn records(size: u32) -> Option<Self> {
        size.checked_add(BASE)?;
        Some(Self::new(Direct::new(size, 0, false), Shape::Records(vec![]), ALIGN))
    }

    /// The same, but programs and helpers that act for them can only read it.
    #[must_use]
    pub fn read_only(self) -> Self {
        let direct = Direct { stores: [0; 4], whole: [self.direct.whole[0], 0], ..self.direct };
        Self { read_only: true, direct, ..self }
    }

    /// Does a slot begin at this offset from the first one?
    #[cfg(feature = "jit")]
    #[inline]
    pub(crate) fn begins(&self, at: u32) -> bool {
        matches!(self.shape, Shape::Slots { .. }) && self.in_slot(at) == 0
    }

    /// Bytes of a value.
    #[must_use]
    pub fn value_size(&self) -> u32 {
        self.direct.value_size as u32
    }

    /// Where a slot begins in [`Slab::all`]: to be used with [`super::slab_address`].
    #[inline]
    #[must_use]
    pub fn offset(&self, slot: u32) -> u32 {
        match self.shape {
            Shape::Slots { stride } => slot.wrapping_mul(stride),
            Shape::Records(_) => 0,
        }
    }

    /// A value.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn value(&self, slot: u32) -> &[u8] {
        let at = self.offset(slot) as usize;
        &self.direct.bytes[at..at + self.value_size() as usize]
    }

    /// A value, whether programs may write it or not.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn value_mut(&mut self, slot: u32) -> &mut [u8] {
        let (at, len) = (self.offset(slot) as usize, self.value_size() as usize);
        &mut self.direct.bytes[at..at + len]
    }

    /// All bytes, gaps between slots included.
    #[must_use]
    pub fn all(&self) -> &[u8] {
        &self.direct.bytes
    }

    /// All bytes, whether programs may write them or not.
    pub fn all_mut(&mut self) -> &mut [u8] {
        &mut self.direct.bytes
    }

    /// Opens a record: programs can access these bytes until it is closed. Does nothing on a slab of slots.
    pub fn open(&mut self, record: Range<u32>) {
        if let Shape::Records(open) = &mut self.shape {
            let at = open.partition_point(|other| other.start < record.start);
            open.insert(at, record);
        }
    }

    /// Closes the record that begins at `start`: its bounds, if one was open.
    pub fn close(&mut self, start: u32) -> Option<Range<u32>> {
        let Shape::Records(open) = &mut self.shape else { return None };
        let at = open.binary_search_by_key(&start, |record| record.start).ok()?;
        Some(open.remove(at))
    }

    /// How far behind the start of its slot an offset from the first one is.
    #[inline(always)]
    fn in_slot(&self, at: u32) -> u64 {
        // The remainder by multiplications (Lemire, Kaser, Kurz: exact for all numbers of 32 bits).
        let fraction = self.inverse.wrapping_mul(at.into());
        ((u128::from(fraction) * u128::from(self.stride)) >> 64) as u64
    }

    /// Where in the slab a value's bytes at an offset in its segment are, if they are inside of the value. None too
    /// for records.
    #[inline(always)]
    fn place(&self, offset: u32, len: usize) -> Option<usize> {
        let at = offset.wrapping_sub(BASE);
        let in_slot = self.in_slot(at);
        #[cfg(feature = "mutations")]
        let in_slot = in_slot.saturating_sub(crate::mutations::value_end());
        (in_slot + len as u64 <= self.direct.value_size).then_some(at as usize)
    }

    #[inline(always)]
    pub(super) fn near<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.direct.bytes.get(self.place(offset, N)?..)?.first_chunk()
    }

    #[inline(always)]
    pub(super) fn near_mut<const N: usize>(&mut self, offset: u32) -> Option<&mut [u8; N]> {
        if self.read_only {
            return None;
        }
        let at = self.place(offset, N)?;
        self.direct.bytes.get_mut(at..)?.first_chunk_mut()
    }

    /// The value that an offset into the slab is in, and its bounds.
    #[inline]
    fn bounds(&self, at: u32) -> Option<(u32, Range<u32>)> {
        match &self.shape {
            Shape::Slots { stride } => {
                let slot = at / stride;
                let lo = slot * stride;
                (at < self.direct.bytes.len() as u32).then(|| (slot, lo..lo + self.value_size()))
            }
            Shape::Records(open) => {
                let record = open.partition_point(|record| record.start <= at).checked_sub(1)?;
                Some((record as u32, open[record].clone()))
            }
        }
    }

    #[inline]
    fn range(&self, offset: u32, len: u32) -> Option<Range<usize>> {
        let at = offset.checked_sub(BASE)?;
        let (_, bounds) = self.bounds(at)?;
        let inside = u64::from(at) + u64::from(len) <= u64::from(bounds.end);
        inside.then(|| at as usize..at as usize + len as usize)
    }

    #[inline]
    pub(super) fn bytes(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.range(offset, len).and_then(|range| self.direct.bytes.get(range))
    }

    #[inline]
    pub(super) fn writable(&self, offset: u32, len: u32) -> Option<Range<usize>> {
        if self.read_only { None } else { self.range(offset, len) }
    }

    #[inline]
    pub(super) fn range_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.direct.bytes[range]
    }

    /// The slot that is meant, or the first or last one: with the bounds of its offsets in the segment.
    pub(super) fn nearest(&self, offset: u32) -> Option<(u32, (u32, u32))> {
        let at = offset.saturating_sub(BASE).min((self.direct.bytes.len() as u32).saturating_sub(1));
        let (slot, bounds) = self.bounds(at)?;
        Some((slot, (BASE + bounds.start, BASE + bounds.end)))
    }
}
