//! Which slot a key has: a hash table with open addressing, made at its full size.
//!
//! Keys that somebody has chosen to collide do not slow it down for long: where a search was too long, the table is made
//! anew with another multiplier, which nobody can observe.
//!
//! Nothing is allocated by an operation but room in the list of free slots. Iteration is in the order of insertion:
//! never by addresses or chance. A replaced element moves to a spare slot, as the kernel's does (who still points to
//! the old value sees the old value), and keeps its place in the order.
//!
//! Walks of programs go the other way, newest first, so that they never meet what is inserted meanwhile. They are
//! known here, so what is removed or replaced while they last is passed over or followed.

/// Odd, with no pattern (the fraction of the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Places that an insertion may look at before the table is made anew; twice as many after that.
const PATIENCE: usize = 128;
/// No slot: an end of the order.
const NONE: u32 = u32::MAX;
/// In place of a neighbour: the slot is not in use.
const FREE: u32 = u32::MAX - 1;

/// What a place of the table holds when it is taken: the key's mark in the lower half, slot plus one in the upper. A free
/// place is 0.
///
/// The mark of a key of four bytes is the key, so a search for one looks nowhere else. That of others is a part of their
/// hash: where it differs, the keys do.
const fn taken(slot: u32, mark: u32) -> u64 {
    (slot as u64 + 1) << 32 | mark as u64
}

/// The slot of a place.
#[inline(always)]
const fn slot_of(place: u64) -> Option<u32> {
    ((place >> 32) as u32).checked_sub(1)
}

/// Bytes of a key that is its own mark.
pub(crate) const SHORT: usize = 4;

/// Where the search for a key begins, and its mark.
#[derive(Clone, Copy)]
struct Sought {
    home: usize,
    mark: u32,
}

/// Keys of equal length and their slots.
///
/// Code that the JIT has made searches the table by itself: at places of fields, in the way of [`KeyIndex::find`]. It
/// relies on every slot of the table having a key, and on an empty place.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct KeyIndex {
    /// Places of the table, less one.
    pub(super) mask: u64,
    /// What keys are multiplied with: odd.
    pub(super) multiplier: u64,
    /// Places: see [`taken`]. A power of two long, at most half full.
    pub(super) table: Box<[u64]>,
    /// Keys by slot; slots in use and free ones alike.
    pub(super) keys: Box<[u8]>,
    key_size: usize,
    capacity: u32,
    len: u32,
    /// The slots inserted before and after, by slot.
    order: Vec<[u32; 2]>,
    first: u32,
    last: u32,
    /// The next slot of each active walk, the innermost last.
    walks: Vec<u32>,
    /// Freed slots, the last one freed is the first one taken.
    free: Vec<u32>,
    /// Slots from here on were never used.
    fresh: u32,
    /// Takes the place of an element that is replaced.
    spare: u32,
    /// See [`PATIENCE`].
    patience: usize,
}

impl KeyIndex {
    /// Slots that an index of this capacity gives out: one more, see [`KeyIndex::replace`].
    pub fn slots(capacity: u32) -> u32 {
        capacity.saturating_add(1)
    }

    pub fn new(key_size: u32, capacity: u32) -> Self {
        let slots = Self::slots(capacity) as usize;
        let key_size = key_size as usize;
        let places = (slots * 2).next_power_of_two();
        Self {
            mask: places as u64 - 1,
            multiplier: MULTIPLIER,
            table: vec![0; places].into(),
            keys: vec![0; slots * key_size].into(),
            key_size,
            capacity,
            len: 0,
            order: vec![[FREE; 2]; slots],
            first: NONE,
            last: NONE,
            walks: Vec::new(),
            free: Vec::new(),
            fresh: 0,
            spare: capacity,
            patience: PATIENCE,
        }
    }

    /// For a map that has none: nothing is allocated.
    pub fn none() -> Self {
        Self {
            mask: 0,
            multiplier: MULTIPLIER,
            table: Box::default(),
            keys: Box::default(),
            key_size: 0,
            capacity: 0,
            len: 0,
            order: Vec::new(),
            first: NONE,
            last: NONE,
            walks: Vec::new(),
            free: Vec::new(),
            fresh: 0,
            spare: 0,
            patience: PATIENCE,
        }
    }

    pub fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn key(&self, slot: u32) -> &[u8] {
        let at = slot as usize * self.key_size;
        &self.keys[at..at + self.key_size]
    }

    fn is_used(&self, slot: u32) -> bool {
        self.order[slot as usize][1] != FREE
    }

    #[inline(always)]
    fn mix(&self, hash: u64, word: u64) -> u64 {
        let product = (hash ^ word).wrapping_mul(self.multiplier);
        product ^ product >> 32
    }

    /// Where the search for a key begins: word by word, the last one filled up with zeroes.
    #[inline(always)]
    fn seek(&self, key: &[u8]) -> Sought {
        let (words, rest) = key.as_chunks::<8>();
        let mut hash = words.iter().fold(0, |hash, word| self.mix(hash, u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            hash = self.mix(hash, u64::from_le_bytes(last));
        }
        let mark = match key.first_chunk::<SHORT>() {
            Some(&short) if key.len() == SHORT => u32::from_le_bytes(short),
            _ => (hash >> 32) as u32,
        };
        Sought { home: hash as usize & (self.table.len() - 1), mark }
    }

    /// The place behind this one.
    #[inline(always)]
    fn following(&self, at: usize) -> usize {
        (at + 1) & (self.table.len() - 1)
    }

    /// How far a place is from another one before it.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.table.len() - 1)
    }

    /// Where in the table a key is, or where it would be.
    fn place(&self, key: &[u8]) -> (usize, Option<u32>) {
        let Sought { home, mark } = self.seek(key);
        let mut at = home;
        loop {
            match slot_of(self.table[at]) {
                None => return (at, None),
                Some(slot) if self.table[at] as u32 == mark && self.key(slot) == key => {
                    return (at, Some(slot));
                }
                Some(_) => at = self.following(at),
            }
        }
    }

    /// A key's slot.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        match self.key_size {
            4 => self.find_sized::<4>(key.first_chunk()?),
            8 => self.find_sized::<8>(key.first_chunk()?),
            16 => self.find_sized::<16>(key.first_chunk()?),
            _ => self.place(key).1,
        }
    }

    /// The same for keys of one length, which the compiler then hashes and compares in registers.
    #[inline(always)]
    pub fn find_sized<const N: usize>(&self, key: &[u8; N]) -> Option<u32> {
        let (keys, _) = self.keys.as_chunks::<N>();
        let Sought { home, mark } = self.seek(key);
        let mut at = home;
        loop {
            let place = *self.table.get(at)?;
            let slot = slot_of(place)?;
            if place as u32 == mark && (N == SHORT || keys.get(slot as usize)? == key) {
                return Some(slot);
            }
            at = self.following(at);
        }
    }

    /// A slot for a key that is not there yet; none if all are taken.
    pub fn insert(&mut self, key: &[u8]) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        let (at, _) = self.place(key);
        self.put(at, slot, key);
        self.join(slot, [self.last, NONE]);
        self.len += 1;
        if self.distance(self.seek(key).home, at) > self.patience {
            self.make_table_anew();
        }
        Some(slot)
    }

    /// With another multiplier. Patience doubles, so that it happens a few times at most whatever the keys are.
    #[cold]
    fn make_table_anew(&mut self) {
        self.patience *= 2;
        self.multiplier = self.multiplier.wrapping_mul(MULTIPLIER).rotate_left(32) | 1;
        self.table.fill(0);
        for slot in 0..Self::slots(self.capacity) {
            if self.is_used(slot) {
                let (at, _) = self.place(self.key(slot));
                self.table[at] = taken(slot, self.seek(self.key(slot)).mark);
            }
        }
    }

    /// The slot takes a place in the order, between these two.
    fn join(&mut self, slot: u32, neighbours: [u32; 2]) {
        let [before, after] = neighbours;
        self.order[slot as usize] = neighbours;
        match self.order.get_mut(before as usize) {
            Some(before) => before[1] = slot,
            None => self.first = slot,
        }
        match self.order.get_mut(after as usize) {
            Some(after) => after[0] = slot,
            None => self.last = slot,
        }
    }

    /// The slot leaves the order: what was before and after it.
    fn leave(&mut self, slot: u32) -> [u32; 2] {
        let [before, after] = std::mem::replace(&mut self.order[slot as usize], [FREE; 2]);
        match self.order.get_mut(before as usize) {
            Some(before) => before[1] = after,
            None => self.first = after,
        }
        match self.order.get_mut(after as usize) {
            Some(after) => after[0] = before,
            None => self.last = before,
        }
        [before, after]
    }

    /// Walks that were to go on at `from` go on at `to`.
    fn redirect_walks(&mut self, from: u32, to: u32) {
        self.walks.iter_mut().filter(|next| **next == from).for_each(|next| *next = to);
    }

    fn put(&mut self, at: usize, slot: u32, key: &[u8]) {
        let from = slot as usize * self.key_size;
        self.keys[from..from + self.key_size].copy_from_slice(key);
        self.table[at] = taken(slot, self.seek(key).mark);
    }

    /// A new slot for a key that is there; the old one becomes the spare.
    pub fn replace(&mut self, key: &[u8]) -> Option<u32> {
        let (at, old) = self.place(key);
        let old = old?;
        let new = std::mem::replace(&mut self.spare, old);
        let neighbours = self.leave(old);
        self.put(at, new, key);
        self.join(new, neighbours);
        self.redirect_walks(old, new);
        Some(new)
    }

    /// Frees a key's slot.
    pub fn remove(&mut self, key: &[u8]) -> Option<u32> {
        let (at, slot) = self.place(key);
        let slot = slot?;
        self.close_gap(at);
        let [before, _] = self.leave(slot);
        self.redirect_walks(slot, before);
        self.free.push(slot);
        self.len -= 1;
        Some(slot)
    }

    /// Moves back what was pushed beyond `gap` by collisions, so that no search ends too early.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = gap;
        loop {
            at = self.following(at);
            let Some(slot) = slot_of(self.table[at]) else { break };
            let home = self.seek(self.key(slot)).home;
            if self.distance(home, at) >= self.distance(gap, at) {
                self.table[gap] = self.table[at];
                gap = at;
            }
        }
        self.table[gap] = 0;
    }

    /// The slot that was inserted after this one, or the first.
    pub fn next(&self, after: Option<u32>) -> Option<u32> {
        let next = after.map_or(self.first, |slot| self.order[slot as usize][1]);
        (next < FREE).then_some(next)
    }

    /// The first slot in use from this one on, by number.
    pub fn used_from(&self, slot: u32) -> Option<u32> {
        (slot..Self::slots(self.capacity)).find(|slot| self.is_used(*slot))
    }

    /// A program begins to walk; `nested` if another walk over this map is active.
    pub fn begin_walk(&mut self, nested: bool) {
        if !nested {
            // A walk that a fault ended is still there.
            self.walks.clear();
        }
        self.walks.push(self.last);
    }

    /// The next slot of the innermost walk.
    pub fn walk(&mut self) -> Option<u32> {
        let next = self.walks.last_mut()?;
        let slot = *next;
        *next = self.order.get(slot as usize)?[0];
        Some(slot)
    }

    /// The innermost walk ends.
    pub fn end_walk(&mut self) {
        self.walks.pop();
    }
}
