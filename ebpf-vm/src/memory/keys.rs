//! Keys that a walk over a map shows to its callback: read-only, one for each walk that is active.

use super::BASE;

/// Between two keys, so that a pointer which leaves one is not in the next.
const GAP: usize = 64;

/// The keys of all active walks, the innermost last.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    bounds: Vec<(u32, u32)>,
}

impl Keys {
    pub fn clear(&mut self) {
        self.bounds.clear();
        self.bytes.clear();
    }

    /// A walk shows a key: its offset in the segment.
    pub fn push(&mut self, key: &[u8]) -> u32 {
        if !self.bounds.is_empty() {
            self.bytes.resize((self.bytes.len() + GAP).next_multiple_of(8), 0);
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(key);
        self.bounds.push((start, self.bytes.len() as u32));
        BASE + start
    }

    /// The innermost walk's key is gone.
    pub fn pop(&mut self) {
        self.bounds.pop();
        self.bytes.truncate(self.bounds.last().map_or(0, |bounds| bounds.1 as usize));
    }

    pub fn bytes(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let at = offset.checked_sub(BASE)?;
        let (_, (_, end)) = self.find(at)?;
        let to = at.checked_add(len).filter(|to| *to <= end)?;
        self.bytes.get(at as usize..to as usize)
    }

    fn find(&self, at: u32) -> Option<(usize, (u32, u32))> {
        let index = self.bounds.partition_point(|bounds| bounds.0 <= at).checked_sub(1)?;
        Some((index, self.bounds[index]))
    }

    /// The key that an offset is in or after, or the first: with its bounds in the segment.
    pub fn nearest(&self, offset: u32) -> Option<(u32, u32)> {
        let (start, end) = match self.find(offset.saturating_sub(BASE)) {
            Some((_, bounds)) => bounds,
            None => *self.bounds.first()?,
        };
        Some((BASE + start, BASE + end))
    }
}
