//! The stack: 512 bytes for each active function, and for all of them together.
//!
//! The verifier adds up what the functions of a call chain use, each rounded up to 16 bytes, and refuses a
//! program whose deepest chain exceeds 512. Here each function's deepest access is counted while it runs,
//! so a program that the verifier accepts never meets the limit. A tail call begins a new count.

use super::BASE;
use crate::fault::Why;

/// Bytes of stack of one function, and of all functions of a chain.
pub const FRAME_SIZE: u32 = 512;
/// Distance of two functions' stacks: far enough that a pointer which leaves one is not in the next.
const STRIDE: u32 = 0x1000;
/// Where in its stride a stack begins.
const START: u32 = 0x800;
/// To what the verifier rounds a function's use.
const GRAIN: u32 = 16;

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Bytes used, from the top.
    used: u32,
    /// The first function of its chain.
    first: usize,
}

/// The stacks of all active functions. Their bytes are zero when a function begins.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    frames: Vec<Frame>,
    bytes: Vec<u8>,
}

/// Bounds of a function's stack.
fn bounds(frame: usize) -> (u32, u32) {
    let lo = BASE + frame as u32 * STRIDE + START;
    (lo, lo + FRAME_SIZE)
}

impl Stack {
    /// Forgets all functions, as before a run.
    pub(crate) fn clear(&mut self) {
        while !self.frames.is_empty() {
            self.pop();
        }
    }

    /// A function begins: its R10. `fresh` begins a new chain.
    pub(crate) fn push(&mut self, fresh: bool) -> u64 {
        let at = self.frames.len();
        let first = self.frames.last().filter(|_| !fresh).map_or(at, |caller| caller.first);
        self.frames.push(Frame { used: 0, first });
        let len = self.frames.len() * FRAME_SIZE as usize;
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        super::address(super::STACK, bounds(at).1)
    }

    /// The innermost function ends.
    pub(crate) fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        // What was touched is all that can differ from zero.
        let top = (self.frames.len() + 1) * FRAME_SIZE as usize;
        self.bytes[top - frame.used as usize..top].fill(0);
    }

    /// How many functions of the innermost chain are active.
    pub(crate) fn chain(&self) -> usize {
        self.frames.last().map_or(0, |frame| self.frames.len() - frame.first)
    }

    /// Stack that the callers of the innermost function use, in its chain.
    pub(crate) fn of_callers(&self) -> u32 {
        let Some((last, callers)) = self.frames.split_last() else { return 0 };
        callers[last.first.min(callers.len())..].iter().map(|f| f.used.next_multiple_of(GRAIN)).sum()
    }

    /// Counts an access.
    pub(super) fn touch(&mut self, offset: u32, len: u32) -> Result<(), Why> {
        let (frame, at) = self.find(offset, len).ok_or(Why::OutOfBounds).map_err(|why| {
            let below = self.nearest(offset).is_some_and(|(_, (lo, _))| offset < lo);
            if below { Why::StackOverflow } else { why }
        })?;
        let used = FRAME_SIZE - at;
        if used > self.frames[frame].used {
            let before = std::mem::replace(&mut self.frames[frame].used, used);
            let first = self.frames.last().map_or(0, |frame| frame.first);
            let chain: u32 = self.frames[first..].iter().map(|f| f.used.next_multiple_of(GRAIN)).sum();
            if chain > FRAME_SIZE {
                // An access that was denied is none: who tries it again is denied again.
                self.frames[frame].used = before;
                return Err(Why::StackOverflow);
            }
        }
        Ok(())
    }

    /// Which function's, and where in it.
    #[inline]
    fn find(&self, offset: u32, len: u32) -> Option<(usize, u32)> {
        let frame = (offset.checked_sub(BASE)? / STRIDE) as usize;
        let (lo, hi) = bounds(frame.min(self.frames.len()));
        let inside =
            frame < self.frames.len() && offset >= lo && u64::from(offset) + u64::from(len) <= hi.into();
        inside.then(|| (frame, offset - lo))
    }

    #[inline]
    pub(super) fn bytes(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let (frame, at) = self.find(offset, len)?;
        let at = frame * FRAME_SIZE as usize + at as usize;
        self.bytes.get(at..at + len as usize)
    }

    /// What [`Stack::touch`] has allowed.
    #[inline]
    pub(super) fn bytes_mut(&mut self, offset: u32, len: u32) -> &mut [u8] {
        let (frame, at) = self.find(offset, len).unwrap_or_default();
        let at = frame * FRAME_SIZE as usize + at as usize;
        &mut self.bytes[at..at + len as usize]
    }

    /// The active function whose stack is meant, and its bounds.
    pub(super) fn nearest(&self, offset: u32) -> Option<(u32, (u32, u32))> {
        let frame = (offset.checked_sub(BASE)? / STRIDE) as usize;
        (frame < self.frames.len()).then(|| (frame as u32, bounds(frame)))
    }
}
