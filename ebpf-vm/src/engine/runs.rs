//! Runs of one program, one after the other, whichever the engine is.

use super::Code;
use crate::fault::Fault;
use crate::helpers::{Helpers, World};
use crate::host::ProgIdx;
use crate::interp::Limits;
use crate::memory::Memory;

/// How a run ended: with a verdict, or with a redirect that the surroundings keep ([`World::keep_redirect_map`]).
// One number, so that it comes in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended(u64);

impl Ended {
    /// The surroundings keep the redirect.
    pub const KEPT: Self = Self(1 << 32);

    /// With this verdict.
    #[inline(always)]
    #[must_use]
    pub const fn with(verdict: u32) -> Self {
        Self(verdict as u64)
    }

    /// The verdict, if it is known.
    #[inline(always)]
    #[must_use]
    pub fn verdict(self) -> Option<u32> {
        (self != Self::KEPT).then_some(self.0 as u32)
    }
}

/// Runs of one program, one after the other, with the same memory and maps.
pub trait Runs<W> {
    /// The next packet: as [`Memory::packet_in_with_metadata`].
    fn packet_in(&mut self, bytes: &[u8], meta: u32, headroom: u32, tailroom: u32);

    /// Runs the program on the packet in memory.
    ///
    /// # Errors
    /// What the program did that no program may do. The packet is as the program left it.
    fn run(&mut self) -> Result<Ended, Box<Fault>>;

    /// The same on the next packet, which has as much metadata and room as the one before. None: that one's bounds are not
    /// those of these bytes, or were moved, and nothing has happened.
    ///
    /// Afterwards the packet in memory is this one only if it [is dirty](crate::memory::Packet::is_dirty) or the run has
    /// ended with a fault: programs that only read may be given it where it lies.
    ///
    /// # Errors
    /// As for [`Runs::run`].
    fn run_like_last(&mut self, bytes: &[u8]) -> Option<Result<Ended, Box<Fault>>>;

    /// The packet and the maps' values.
    fn memory(&self) -> &Memory;

    /// What the program sees around it. The CPU that it runs on is asked for once.
    fn world(&mut self) -> &mut W;
}

/// What is done with [`Runs`]: compiled for each engine, so that nobody asks for every run which one it is.
///
/// ```
/// use xdpsim_vm::engine::{Ended, Runs, UseRuns};
/// use xdpsim_vm::Fault;
///
/// /// How often each frame's verdict is XDP_PASS.
/// struct CountPassed<'a>(&'a [Vec<u8>]);
///
/// impl<W> UseRuns<W> for CountPassed<'_> {
///     type Out = Result<usize, Box<Fault>>;
///
///     fn use_runs(self, runs: &mut impl Runs<W>) -> Self::Out {
///         let mut passed = 0;
///         for frame in self.0 {
///             runs.packet_in(frame, 0, 256, 320);
///             passed += usize::from(runs.run()? == Ended::with(2));
///         }
///         Ok(passed)
///     }
/// }
/// ```
pub trait UseRuns<W> {
    /// What comes of it.
    type Out;

    /// Does it.
    fn use_runs(self, runs: &mut impl Runs<W>) -> Self::Out;
}

/// Runs that have nothing in common but what they run with.
pub(super) struct Each<'a, 'h, W> {
    pub code: &'a Code,
    pub entry: ProgIdx,
    pub memory: &'a mut Memory,
    pub host: Helpers<'h, W>,
    pub limits: Limits,
}

impl<W: World> Runs<W> for Each<'_, '_, W> {
    #[inline(always)]
    fn packet_in(&mut self, bytes: &[u8], meta: u32, headroom: u32, tailroom: u32) {
        self.memory.packet_in_with_metadata(bytes, meta, headroom, tailroom);
    }

    #[inline(always)]
    fn run(&mut self) -> Result<Ended, Box<Fault>> {
        let r0 = self.code.run(self.entry, self.memory, &mut self.host, self.limits);
        self.host.end(r0).map(Ended::with)
    }

    #[inline(always)]
    fn run_like_last(&mut self, bytes: &[u8]) -> Option<Result<Ended, Box<Fault>>> {
        self.memory.packet_like_last(bytes).then(|| self.run())
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.memory
    }

    #[inline(always)]
    fn world(&mut self) -> &mut W {
        self.host.world
    }
}
