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

/// Active functions that there is room for from the start, for who addresses stacks directly.
#[cfg(feature = "jit")]
const MAX_DIRECT: usize = 8;

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
    /// Those of function n end at `(n + 1) * 512`.
    pub(super) bytes: Box<[u8]>,
    /// How many bytes below the top of each may not be zero, other than those that an active function uses.
    stale: Vec<u32>,
}

/// Bounds of a function's stack.
pub(super) const fn bounds(frame: usize) -> (u32, u32) {
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

    /// The first function of a run begins: its R10. What was active before is forgotten.
    #[inline]
    pub(crate) fn restart(&mut self) -> u64 {
        /// Most functions use no more.
        const FEW: usize = 64;
        let first = self.bytes.first_chunk_mut::<{ FRAME_SIZE as usize }>();
        let (Some(bytes), [frame], [stale, ..]) = (first, &mut self.frames[..], &mut self.stale[..]) else {
            self.clear();
            return self.push(true);
        };
        let used = frame.used.max(*stale) as usize;
        (*frame, *stale) = (Frame { used: 0, first: 0 }, 0);
        if used > FEW {
            bytes.fill(0);
        } else if used > 0 {
            bytes[FRAME_SIZE as usize - FEW..].copy_from_slice(&[0; FEW]);
        }
        super::stack_address(0)
    }

    /// A function begins: its R10. `fresh` begins a new chain.
    pub(crate) fn push(&mut self, fresh: bool) -> u64 {
        let at = self.frames.len();
        let first = self.frames.last().filter(|_| !fresh).map_or(at, |caller| caller.first);
        self.frames.push(Frame { used: 0, first });
        self.room(at + 1);
        self.wipe(at);
        super::stack_address(at)
    }

    /// Bytes for so many functions.
    fn room(&mut self, frames: usize) {
        if self.stale.len() < frames {
            self.stale.resize(frames, 0);
            let mut bytes = std::mem::take(&mut self.bytes).into_vec();
            bytes.resize(frames * FRAME_SIZE as usize, 0);
            self.bytes = bytes.into_boxed_slice();
        }
    }

    /// Clears what is left of the functions that were here before.
    fn wipe(&mut self, frame: usize) {
        let top = (frame + 1) * FRAME_SIZE as usize;
        let stale = std::mem::take(&mut self.stale[frame]) as usize;
        self.bytes[top - stale..top].fill(0);
    }

    /// The innermost function ends.
    pub(crate) fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        // What was touched is all that can differ from zero.
        let stale = &mut self.stale[self.frames.len()];
        *stale = frame.used.max(*stale);
    }

    /// A function begins whose code clears by itself what it reads before it has written it, or, if `zero`,
    /// relies on zeroes as any other; it uses at most so many bytes without counting them.
    #[cfg(feature = "jit")]
    pub(crate) fn enter(&mut self, fresh: bool, zero: bool, uncounted: u32) {
        let at = self.frames.len();
        let first = self.frames.last().filter(|_| !fresh).map_or(at, |caller| caller.first);
        self.frames.push(Frame { used: 0, first });
        self.room(MAX_DIRECT.max(at + 1));
        if zero {
            self.wipe(at);
        }
        self.stale[at] = self.stale[at].max(uncounted);
    }

    /// The same for the first function of a run.
    #[cfg(feature = "jit")]
    #[inline]
    pub(crate) fn begin(&mut self, zero: bool, uncounted: u32) {
        match (&mut self.frames[..], &mut self.stale[..]) {
            // As the last run has left it: nothing needs to be made.
            ([frame], [stale, others @ ..]) if others.len() >= MAX_DIRECT - 1 && !zero => {
                // Both are rare. The first function is always the first of its chain.
                if frame.used != 0 {
                    *stale = frame.used.max(*stale);
                    frame.used = 0;
                }
                if *stale < uncounted {
                    *stale = uncounted;
                }
            }
            _ => {
                self.clear();
                self.enter(true, zero, uncounted);
            }
        }
    }

    /// Clears the bytes of an active function whose bits are set, the lowest bit of the first word being the
    /// lowest byte.
    #[cfg(feature = "jit")]
    pub(crate) fn clear_unwritten(&mut self, frame: usize, unwritten: &[u64; 8]) {
        let from = frame * FRAME_SIZE as usize;
        let bytes = self.bytes.get_mut(from..from + FRAME_SIZE as usize).unwrap_or_default();
        for (eights, word) in bytes.chunks_exact_mut(64).zip(unwritten) {
            for (bit, byte) in eights.iter_mut().enumerate() {
                if word >> bit & 1 != 0 {
                    *byte = 0;
                }
            }
        }
    }

    /// How many functions are active, with all bytes: those of function n end at `(n + 1) * 512`. Since
    /// [`Stack::enter`] there are as many as eight functions need, so they stay where they are.
    #[cfg(feature = "jit")]
    #[inline]
    pub(crate) fn direct(&mut self) -> (usize, &mut [u8]) {
        (self.frames.len(), &mut self.bytes)
    }

    /// What the innermost function has used.
    #[cfg(feature = "jit")]
    #[inline]
    pub(crate) fn used(&mut self) -> *mut u32 {
        self.frames.last_mut().map_or(std::ptr::null_mut(), |frame| &raw mut frame.used)
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

    /// The bytes at an address in the stack of the innermost function, which ends at `top`; counts the access. None
    /// if it is elsewhere, or it takes more than a glance to see that it is allowed.
    #[inline(always)]
    pub(super) fn near<const N: usize>(&mut self, top: u64, addr: u64) -> Option<&mut [u8; N]> {
        let depth = top.wrapping_sub(addr);
        let count = self.frames.len();
        let frame = self.frames.last_mut()?;
        if depth > frame.used.into() {
            // Without callers in its chain, a function may use everything.
            if depth > FRAME_SIZE.into() || frame.first + 1 != count {
                return None;
            }
            frame.used = depth as u32;
        }
        if depth < N as u64 {
            return None;
        }
        self.bytes.get_mut(count * FRAME_SIZE as usize - depth as usize..)?.first_chunk_mut()
    }

    /// The bytes at an address in the stack of any active function, for a helper that reads them.
    #[inline(always)]
    pub(super) fn key<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        let at = offset.wrapping_sub(BASE + START);
        let (frame, at) = ((at / STRIDE) as usize, (at % STRIDE) as usize);
        if frame >= self.frames.len() || at + N > FRAME_SIZE as usize {
            return None;
        }
        self.bytes.get(frame * FRAME_SIZE as usize + at..)?.first_chunk()
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
