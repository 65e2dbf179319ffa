//! Runs of programs that are attached nowhere (`BPF_PROG_TEST_RUN`).

use std::os::fd::AsFd;

use super::error::BpfError;
use super::prog::Prog;
use super::sys;

/// Longest frame that can come out of a run, in bytes: one page and a bit.
const OUT_MAX: usize = 8192;

/// Frames that a program gets as if a device had received them, and whose verdicts are carried out.
#[derive(Clone, Copy, Debug)]
pub struct LiveFrames<'a> {
    /// Each frame's bytes before the program runs; at least 14.
    pub data: &'a [u8],
    /// How many frames.
    pub repeat: u32,
    /// How many of them make one poll: they are redirected first and flushed together. 0 is 64, the most
    /// is 256.
    pub batch_size: u32,
    /// The device they seem to come from, in the calling thread's namespace; it must have a NAPI. 0 is the
    /// loopback device.
    pub ingress_ifindex: u32,
    /// The queue they seem to come from.
    pub rx_queue_index: u32,
}

/// What a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The verdict.
    pub verdict: u32,
    /// `data_meta` to `data_end`, fragments included.
    pub data: Vec<u8>,
    /// How many of the bytes are metadata.
    pub metadata: usize,
}

/// A run with everything that the system call takes for one that is not live.
#[derive(Clone, Copy, Debug)]
pub struct FullRun<'a> {
    /// Metadata and frame.
    pub data: &'a [u8],
    /// `struct xdp_md`; it is read back then.
    pub context: Option<[u32; 6]>,
    /// How often.
    pub repeat: u32,
    /// Room for the output.
    pub room: usize,
}

impl Prog {
    /// Runs with a context, several times, and with little room: verdict, output (metadata first) and context.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn full_run(&self, run: &FullRun<'_>) -> Result<(Ran, [u32; 6]), BpfError> {
        let mut out = vec![0; run.room];
        let (verdict, len, context) = sys::full_run(self.as_fd(), run, &mut out)?;
        out.truncate(len);
        Ok((Ran { verdict, data: out, metadata: context[0] as usize }, context))
    }

    /// Runs once on one frame; the verdict is reported, not carried out. The ingress is the loopback
    /// device of the calling thread's namespace.
    ///
    /// # Errors
    /// What the kernel says: EINVAL for a frame below 14 bytes or beyond one page.
    pub fn test_run(&self, data: &[u8]) -> Result<Ran, BpfError> {
        let mut out = vec![0; OUT_MAX];
        let (verdict, len, metadata) = sys::test_run(self.as_fd(), data, &mut out)?;
        out.truncate(len);
        Ok(Ran { verdict, data: out, metadata })
    }

    /// Runs many times on one frame, which the program gets as its last run left it: nanoseconds of a run, on
    /// average and rounded down. As with [`Prog::run_live`], the first run comes late unless the program is
    /// attached somewhere; that is not in the figure.
    ///
    /// # Errors
    /// As [`Prog::test_run`].
    pub fn time(&self, data: &[u8], repeat: u32) -> Result<u32, BpfError> {
        sys::time(self.as_fd(), data, repeat)
    }

    /// Runs on frames and carries the verdicts out.
    ///
    /// For a run of more than one frame the kernel puts the program into its XDP dispatcher and takes it out
    /// again, each time with an RCU grace period: 15 ms and more. A program that is attached anywhere, in
    /// whatever mode, is in there already, and a run takes microseconds.
    ///
    /// # Errors
    /// What the kernel says: EINVAL if the ingress has no NAPI, ENODEV if there is none.
    pub fn run_live(&self, frames: &LiveFrames<'_>) -> Result<(), BpfError> {
        sys::live_frames(self.as_fd(), frames)
    }
}
