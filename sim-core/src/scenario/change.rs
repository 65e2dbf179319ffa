//! What changes while frames flow, and what fails on purpose.

use xdpsim_devmap::{Errno, UpdateFlags};

use super::EntryValue;
use crate::batch::FrameNo;
use crate::time::Nanos;

/// A change and its moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub at: At,
    /// What.
    pub action: Action,
}

/// The moment of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the frame with this number (from 0) arrives; polls due earlier have run.
    Frame(FrameNo),
    /// This long after the first frame of the run arrived.
    Time(Nanos),
    /// When the program has run on the frame with this number and its verdict is still to be acted on: what
    /// another CPU can do meanwhile (MCAST-05). Maps only.
    BeforeEnqueue(FrameNo),
    /// When the multicast of the frame with this number has visited so many entries of its forward group
    /// (MCAST-34), at the latest when the frame has been enqueued. Maps only.
    InWalk {
        /// The frame's number.
        frame: FrameNo,
        /// Entries, those left out and skipped included.
        entries: u32,
    },
}

/// A change, as an operator makes it with `ip` or `bpftool`.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `ip link set PORT up|down`.
    SetUp {
        /// The port; a veth's implicit far end is `PORT.peer`.
        port: String,
        /// Up or down.
        up: bool,
    },
    /// `ip link set PORT mtu N`.
    SetMtu {
        /// The port.
        port: String,
        /// The new MTU.
        mtu: u32,
    },
    /// `ethtool -K PORT gro on|off`.
    SetGro {
        /// The port.
        port: String,
        /// On or off.
        on: bool,
    },
    /// `ip link set PORT master UPPER`: one more upper device.
    AddUpper {
        /// The port.
        port: String,
        /// The upper device.
        upper: String,
    },
    /// The upper device leaves.
    RemoveUpper {
        /// The port.
        port: String,
        /// The upper device.
        upper: String,
    },
    /// `ip link set PORT netns NS` (MAP-13).
    SetNetns {
        /// The port.
        port: String,
        /// The namespace; `None` is the initial one.
        netns: Option<String>,
    },
    /// `ip link del PORT` (MAP-13).
    Unregister {
        /// The port.
        port: String,
    },
    /// Attaches, replaces or (with `None`) removes the port's XDP program.
    SetXdp {
        /// The port.
        port: String,
        /// The program.
        program: Option<String>,
    },
    /// `bpf_map_update_elem()`.
    UpdateEntry {
        /// The map.
        map: String,
        /// The key.
        key: u32,
        /// The value.
        value: EntryValue,
        /// BPF_ANY, BPF_NOEXIST, BPF_EXIST.
        flags: UpdateFlags,
    },
    /// `bpf_map_delete_elem()`.
    DeleteEntry {
        /// The map.
        map: String,
        /// The key.
        key: u32,
    },
}

/// An operation that fails on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpec {
    /// The port on which it fails.
    pub port: String,
    /// What fails.
    pub kind: FaultKind,
    /// Which one fails, counted from 1 per port; without a meaning for [`FaultKind::Ring`].
    pub nth: u64,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The driver's transmit returns this error for the whole bulk (FLU-04).
    Xmit(Errno),
    /// The driver takes only so many frames of the bulk (FLU-04).
    XmitShort(u8),
    /// A broadcast clone for this port cannot be made (BRD-10).
    Clone,
    /// A frame that arrived on this port cannot be converted (RED-02).
    Convert,
    /// The rings behind this veth port have only so many slots, 1 to 256, instead of 256 (DRV-06).
    Ring(u16),
}
