//! The kernel's XDP tracepoints as typed events, field for field.
//!
//! Rules: TRC-01 to TRC-07, TRC-10, TRC-11. Recording is the sink's business ([`crate::sink`]).

use xdpsim_devmap::{CpuId, Errno, IfIndex, ProgId, XdpAction};

use crate::batch::FrameNo;
use crate::redirect::multicast::Bug;
use crate::time::Nanos;

/// When and where something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Virtual time.
    pub time: Nanos,
    /// The frame that filled the queue or that a change preceded; [`Stamp::ALL_ARRIVED`] if the interrupt
    /// came with time. With the time it orders what different domains did, wherever batches end.
    pub trigger: FrameNo,
    /// The CPU.
    pub cpu: u16,
}

impl Stamp {
    /// The trigger of an interrupt that is due: it is raised when all frames of its time have arrived.
    pub const ALL_ARRIVED: FrameNo = FrameNo(u64::MAX);

    /// The CPU as an id.
    #[must_use]
    pub fn cpu(self) -> CpuId {
        CpuId(self.cpu)
    }
}

/// `map_id` of a redirect by ifindex (TRC-04).
pub const MAP_ID_IFINDEX: u32 = i32::MAX as u32;

/// One tracepoint hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `xdp_exception` (TRC-01).
    Exception {
        /// The program.
        prog_id: ProgId,
        /// Its raw verdict.
        act: XdpAction,
        /// The device it ran for.
        ifindex: IfIndex,
    },
    /// `xdp_bulk_tx` (TRC-02).
    BulkTx {
        /// The device.
        ifindex: IfIndex,
        /// Frames not taken.
        drops: u32,
        /// Frames taken.
        sent: u32,
        /// The driver's errno.
        err: Option<Errno>,
    },
    /// `xdp_redirect`, or `xdp_redirect_err` with an errno (TRC-03).
    Redirect {
        /// The program.
        prog_id: ProgId,
        /// The ingress.
        ifindex: IfIndex,
        /// Why it failed.
        err: Option<Errno>,
        /// The target, as TRC-04 and TRC-05 define it.
        to_ifindex: IfIndex,
        /// The map, or [`MAP_ID_IFINDEX`].
        map_id: u32,
        /// The key.
        map_index: u32,
    },
    /// `xdp_devmap_xmit` (TRC-07).
    DevmapXmit {
        /// `dev_rx` of the queue.
        from_ifindex: IfIndex,
        /// The device that transmits.
        to_ifindex: IfIndex,
        /// Frames that did not make it: program and driver.
        drops: u32,
        /// Frames that the driver took.
        sent: u32,
        /// The driver's errno.
        err: Option<Errno>,
    },
    /// `rfc_bug` or `mcast_bug`: no tracepoint, but what the posted multicast patches would have done to memory
    /// here. The model does what was meant.
    Bug {
        /// Which.
        bug: Bug,
        /// The ingress.
        ifindex: IfIndex,
    },
    /// `mem_connect` (TRC-10): a queue's memory model is registered.
    MemConnect {
        /// The device.
        ifindex: IfIndex,
    },
    /// `mem_disconnect` (TRC-10).
    MemDisconnect {
        /// The device.
        ifindex: IfIndex,
    },
    /// `bpf_xdp_link_attach_failed` (TRC-10).
    LinkAttachFailed {
        /// The extended ack's text.
        msg: &'static str,
    },
}

impl Event {
    /// The tracepoint's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exception { .. } => "xdp_exception",
            Self::BulkTx { .. } => "xdp_bulk_tx",
            Self::Redirect { err: None, .. } => "xdp_redirect",
            Self::Redirect { .. } => "xdp_redirect_err",
            Self::DevmapXmit { .. } => "xdp_devmap_xmit",
            Self::Bug { bug, .. } => bug.event_name(),
            Self::MemConnect { .. } => "mem_connect",
            Self::MemDisconnect { .. } => "mem_disconnect",
            Self::LinkAttachFailed { .. } => "bpf_xdp_link_attach_failed",
        }
    }
}
