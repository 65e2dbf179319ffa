//! Sets of ports as words of 64 bits, and tables of such sets: what all designs with a mask share.
//!
//! Port n is bit (n - 1) mod 64 of word (n - 1) / 64.

use super::{GroupId, Limits, Member, Ops, Quantity, Refusal, Side};
use crate::{IfIndex, MapKey};

/// What a table may take: more is taken for a mistake.
const MOST_BYTES: u64 = 1 << 36;

/// How many words so many ports take.
pub(super) const fn words_of(ports: u32) -> usize {
    (ports as usize).div_ceil(64)
}

/// Word and bit of a port, which is not 0.
#[inline]
pub(super) const fn place(port: IfIndex) -> (usize, u64) {
    let bit = port.0.wrapping_sub(1);
    ((bit / 64) as usize, 1 << (bit % 64))
}

/// The ports of a word, ascending; word `index` of its set.
#[inline]
pub(super) fn each_port(index: usize, mut word: u64, mut each: impl FnMut(IfIndex)) {
    let base = index as u32 * 64 + 1;
    while word != 0 {
        each(IfIndex(base + word.trailing_zeros()));
        word &= word - 1;
    }
}

/// Appends the ports of a word, ascending.
#[inline]
pub(super) fn push_ports(index: usize, word: u64, ports: &mut Vec<IfIndex>) {
    let base = index as u32 * 64 + 1;
    if word.count_ones() <= FEW {
        each_port(index, word, |port| ports.push(port));
        return;
    }
    // Eight bits at a time, always eight writes: no branch depends on the bits.
    let mut found = [IfIndex(0); 64 + 8];
    let mut len = 0;
    for (byte, bits) in (0..).zip(word.to_le_bytes()) {
        // Before the last byte there are at most 56, which the compiler is to see.
        let place = &mut found[len & 63..][..8];
        for (port, bit) in place.iter_mut().zip(BITS[bits as usize]) {
            *port = IfIndex(base + byte * 8 + u32::from(bit));
        }
        len += usize::from(COUNTS[bits as usize]);
    }
    ports.extend_from_slice(&found[..len]);
}

/// Up to so many ports of a word are found one by one.
const FEW: u32 = 6;

/// The bits of each byte, ascending, and then anything.
static BITS: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut len) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][len] = bit as u8;
                len += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// How many bits each byte has.
static COUNTS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        table[byte] = byte.count_ones() as u8;
        byte += 1;
    }
    table
};

/// One set for each group of one side, all of one length, in one piece.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    side: Side,
    groups: u32,
    width: usize,
    words: Vec<u64>,
}

impl Rows {
    /// Empty sets for so many groups, `width` words each.
    pub(super) fn create(side: Side, groups: u32, width: usize) -> Result<Rows, Refusal> {
        let count = u64::from(groups).saturating_mul(width as u64);
        Refusal::above(Quantity::Bytes, count.saturating_mul(8), MOST_BYTES)?;
        let words = vec![0; usize::try_from(count).unwrap_or(usize::MAX)];
        Ok(Rows { side, groups, width, words })
    }

    #[inline]
    pub(super) fn row(&self, group: GroupId) -> Result<&[u64], Refusal> {
        let index = group.0.wrapping_sub(1);
        if index >= self.groups {
            return Err(self.no_group(group));
        }
        let from = index as usize * self.width;
        Ok(&self.words[from..from + self.width])
    }

    /// The only word of a group, where a set has one word.
    #[inline]
    pub(super) fn word(&self, group: GroupId) -> Result<u64, Refusal> {
        let found = self.words.get(group.0.wrapping_sub(1) as usize);
        found.copied().ok_or_else(|| self.no_group(group))
    }

    fn row_mut(&mut self, group: GroupId) -> Result<&mut [u64], Refusal> {
        let index = group.0.wrapping_sub(1);
        if index >= self.groups {
            return Err(self.no_group(group));
        }
        let from = index as usize * self.width;
        Ok(&mut self.words[from..from + self.width])
    }

    #[cold]
    fn no_group(&self, group: GroupId) -> Refusal {
        Refusal::Group { side: self.side, group, most: self.groups }
    }

    pub(super) fn define(
        &mut self,
        limits: &Limits,
        group: GroupId,
        members: &[Member],
    ) -> Result<Ops, Refusal> {
        members.iter().try_for_each(|member| limits.check_own_key(self.side, *member))?;
        let row = self.row_mut(group)?;
        row.fill(0);
        for member in members {
            let (word, bit) = place(member.port);
            row[word] |= bit;
        }
        Ok(Ops { words: self.width as u64, writes: members.len() as u64, ..Ops::NONE })
    }

    pub(super) fn join(&mut self, limits: &Limits, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        limits.check_own_key(self.side, member)?;
        let (word, bit) = place(member.port);
        self.row_mut(group)?[word] |= bit;
        Ok(Ops { words: 1, ..Ops::WRITE })
    }

    pub(super) fn leave(&mut self, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        let (word, bit) = place(IfIndex(key.0));
        let row = self.row_mut(group)?;
        // No port can be under a key beyond the range, or under 0.
        let Some(word) = row.get_mut(word).filter(|word| **word & bit != 0) else { return Ok(Ops::NONE) };
        *word &= !bit;
        Ok(Ops { words: 1, ..Ops::WRITE })
    }

    /// The ports of a group, under their own numbers.
    pub(super) fn members(&self, group: GroupId) -> Result<Vec<Member>, Refusal> {
        let mut members = Vec::new();
        for (index, word) in self.row(group)?.iter().enumerate() {
            each_port(index, *word, |port| members.push(Member::of(port)));
        }
        Ok(members)
    }

    /// Clears one column.
    pub(super) fn port_gone(&mut self, port: IfIndex) -> Ops {
        let (word, bit) = place(port);
        let mut writes = 0;
        for found in self.words.iter_mut().skip(word).step_by(self.width.max(1)) {
            writes += u64::from(*found & bit != 0);
            *found &= !bit;
        }
        Ops { words: u64::from(self.groups), writes, ..Ops::NONE }
    }

    pub(super) fn formula_bytes(&self) -> u64 {
        u64::from(self.groups) * self.width as u64 * 8
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// What remains of one set without another and without one more port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference<'a> {
    /// The set.
    pub(super) forward: &'a [u64],
    /// The other, of the same length or empty.
    pub(super) exclude: &'a [u64],
    /// Word and bit of one more port.
    pub(super) but: Option<(usize, u64)>,
}

impl Difference<'_> {
    /// Calls `each` with every word and its index.
    #[inline]
    pub(super) fn each_word(self, mut each: impl FnMut(usize, u64)) {
        let but = self.but.unwrap_or((usize::MAX, 0));
        for (index, word) in self.forward.iter().enumerate() {
            let exclude = self.exclude.get(index).copied().unwrap_or(0);
            let ingress = if index == but.0 { but.1 } else { 0 };
            each(index, word & !exclude & !ingress);
        }
    }

    /// Writes all words; `words` is as long as the set.
    #[inline]
    pub(super) fn write(self, words: &mut [u64]) {
        if self.exclude.len() == self.forward.len() {
            // Without conditions, so that it becomes vector instructions.
            for ((word, forward), exclude) in words.iter_mut().zip(self.forward).zip(self.exclude) {
                *word = forward & !exclude;
            }
        } else {
            words.copy_from_slice(self.forward);
        }
        if let Some((word, bit)) = self.but {
            words[word] &= !bit;
        }
    }

    /// How many ports remain.
    pub(super) fn count(self) -> u64 {
        let mut count = 0;
        self.each_word(|_, word| count += u64::from(word.count_ones()));
        count
    }
}
