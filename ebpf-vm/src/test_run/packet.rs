//! What BPF_PROG_TEST_RUN makes of packet and context before an XDP program runs: checks, errnos, the buffer.
//!
//! From `bpf_prog_test_run_xdp()` of `net/bpf/test_run.c`: a buffer of one page, 256 bytes of headroom of which the
//! metadata takes its part, `struct skb_shared_info` at the end. What does not fit goes into fragments.

use xdpsim_devmap::Errno;

use super::{Refused, TestRun};
use crate::helpers::id;
use crate::host::{HelperId, ProgIdx};
use crate::load::Attach;
use crate::machine::Machine;
use crate::memory::{CONTEXT_SIZE, ContextFields};

/// `PAGE_SIZE` of x86.
const PAGE: u32 = 4096;
/// `XDP_PACKET_HEADROOM`.
const HEADROOM: u32 = 256;
/// `SKB_DATA_ALIGN(sizeof(struct skb_shared_info))`.
const SHARED_INFO: u32 = 320;
/// `sizeof(struct xdp_frame)`, which the headroom must have room for.
const FRAME_HEADER: u32 = 40;
/// `ETH_HLEN`.
const ETHERNET: u32 = 14;
/// The longest metadata that the kernel's checks let through one by one (a byte).
const META_MAX: u32 = 255;
/// `MAX_SKB_FRAGS`.
const FRAGMENTS: u32 = 17;
/// The loopback device, which a packet without context comes from.
const LOOPBACK: u32 = 1;
/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
const LIVE_FRAMES: u32 = 1 << 1;

/// The longest frame without metadata that lies in one piece.
pub const MAX_LINEAR: u32 = PAGE - HEADROOM - SHARED_INFO;

/// `struct xdp_md`, as a caller gives it and gets it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpMd {
    /// Where the frame begins in `data_in`: the length of the metadata.
    pub data: u32,
    /// Where it ends; what is behind goes into fragments.
    pub data_end: u32,
    /// Must be 0.
    pub data_meta: u32,
    /// The device that it came in on; 0 is the loopback device.
    pub ingress_ifindex: u32,
    /// The queue.
    pub rx_queue_index: u32,
    /// Must be 0.
    pub egress_ifindex: u32,
}

impl XdpMd {
    /// From bytes: fewer are followed by zeros, more must be zero.
    ///
    /// # Errors
    /// E2BIG.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Errno> {
        let size = CONTEXT_SIZE as usize;
        let known = &bytes[..bytes.len().min(size)];
        if bytes.len() > PAGE as usize || bytes[known.len()..].iter().any(|byte| *byte != 0) {
            return Err(Errno::E2BIG);
        }
        let mut all = [0; CONTEXT_SIZE as usize];
        all[..known.len()].copy_from_slice(known);
        let [data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex] =
            std::array::from_fn(|at| u32::from_le_bytes(std::array::from_fn(|byte| all[4 * at + byte])));
        Ok(Self { data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex })
    }
}

/// A packet that is in a machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The context's other fields.
    pub fields: ContextFields,
    /// How many bytes of `data_in` the program can reach directly; the others are in fragments.
    pub linear: usize,
}

/// Checks what is to be run, and puts the packet into the machine's memory.
///
/// # Errors
/// What a kernel refuses, with its errno; ENOTSUPP for what is not modelled.
pub fn prepare(machine: &mut Machine, program: ProgIdx, run: &TestRun<'_>) -> Result<Prepared, Refused> {
    let refuse = |errno, why: &str| Err(Refused::new(errno, why));
    let size = u32::try_from(run.data_in.len()).unwrap_or(u32::MAX);
    match machine.program_at(program) {
        None => return refuse(Errno::EBADF, "there is no such program"),
        Some((_, found)) if found.attach != Attach::Interface => {
            return refuse(Errno::EINVAL, "programs of devmap and cpumap entries cannot be run so");
        }
        Some(_) => {}
    }
    match run.flags {
        0 if run.batch_size != 0 => return refuse(Errno::EINVAL, "batch_size is for live frames"),
        0 => {}
        LIVE_FRAMES => return refuse(Errno::ENOTSUPP, "live frames are what `xdpsim replay` simulates"),
        _ => return refuse(Errno::EINVAL, "unknown flags"),
    }
    let ctx = run.ctx_in.unwrap_or(XdpMd { data_end: size, ..XdpMd::default() });
    check_context(&ctx, size)?;
    let headroom = HEADROOM - ctx.data;
    let linear = ctx.data_end.min(PAGE - headroom - SHARED_INFO);
    if size - ctx.data < ETHERNET {
        return refuse(Errno::EINVAL, "a frame has 14 bytes at least");
    }
    if size - linear > FRAGMENTS * PAGE {
        return refuse(Errno::ENOMEM, "a frame has 17 fragments of a page at most");
    }
    if size > linear
        && let Some(helper) = helper_of_fragments(machine, program)
    {
        let why = format!(
            "beyond the first {linear} bytes a frame lies in fragments, which {helper} reaches: not modelled"
        );
        return Err(Refused::new(Errno::ENOTSUPP, why));
    }
    let tailroom = PAGE - SHARED_INFO - headroom - linear;
    let linear = linear as usize;
    machine.memory_mut().packet_in_with_metadata(&run.data_in[..linear], ctx.data, headroom, tailroom);
    let ingress_ifindex = if ctx.ingress_ifindex == 0 { LOOPBACK } else { ctx.ingress_ifindex };
    let fields = ContextFields { ingress_ifindex, rx_queue_index: ctx.rx_queue_index, egress_ifindex: 0 };
    Ok(Prepared { fields, linear })
}

fn check_context(ctx: &XdpMd, size: u32) -> Result<(), Refused> {
    let meta = ctx.data;
    let wrong = match () {
        () if ctx.data_meta != 0 => "data_meta must be 0: metadata begins the data",
        () if ctx.data_end > size => "data_end is behind the data",
        () if ctx.data > ctx.data_end => "data is behind data_end",
        () if !meta.is_multiple_of(4) || meta > META_MAX => {
            "metadata has a multiple of 4 bytes, and at most 252"
        }
        () if meta > HEADROOM - FRAME_HEADER => {
            "metadata leaves no room for struct xdp_frame: at most 216 bytes"
        }
        () if ctx.egress_ifindex != 0 => "egress_ifindex must be 0",
        () if ctx.ingress_ifindex == 0 && ctx.rx_queue_index != 0 => {
            "a queue needs a device: ingress_ifindex"
        }
        () => return Ok(()),
    };
    Err(Refused::new(Errno::EINVAL, wrong))
}

/// The first helper call by which a program, or one that it may tail-call, would notice fragments.
fn helper_of_fragments(machine: &Machine, program: ProgIdx) -> Option<HelperId> {
    let notices = |helper: HelperId| {
        [
            id::XDP_ADJUST_TAIL,
            id::XDP_GET_BUFF_LEN,
            id::XDP_LOAD_BYTES,
            id::XDP_STORE_BYTES,
            id::PERF_EVENT_OUTPUT,
        ]
        .contains(&helper)
    };
    let programs = machine.code().programs();
    let own = programs.get(program.0 as usize)?;
    let others = if own.helpers().any(|(_, helper)| helper == id::TAIL_CALL) { programs } else { &[] };
    let all = std::iter::once(own).chain(others).flat_map(|program| program.helpers());
    all.map(|(_, helper)| helper).find(|helper| notices(*helper))
}
