//! `bpf_fib_lookup()` and `bpf_check_mtu()`: `struct bpf_fib_lookup` in and out, answered by the [`World`]'s
//! [`Fib`](crate::fib::Fib).

use std::net::IpAddr;

use xdpsim_devmap::{Errno, IfIndex};

use super::{Helpers, World, length, packet, signed};
use crate::fault::HelperFault;
use crate::fib::{Answer, Asked};
use crate::memory::{Memory, context_address};

/// `sizeof(struct bpf_fib_lookup)`.
const SIZE: usize = 64;

/// Flags (`BPF_FIB_LOOKUP_*`).
mod flag {
    pub const DIRECT: u32 = 1 << 0;
    pub const OUTPUT: u32 = 1 << 1;
    pub const SKIP_NEIGH: u32 = 1 << 2;
    pub const TBID: u32 = 1 << 3;
    pub const SRC: u32 = 1 << 4;
    pub const MARK: u32 = 1 << 5;
    pub const ALL: u32 = DIRECT | OUTPUT | SKIP_NEIGH | TBID | SRC | MARK;
}

/// Where fields of `struct bpf_fib_lookup` are.
mod field {
    use std::ops::Range;

    pub const FAMILY: usize = 0;
    pub const TOT_LEN: Range<usize> = 6..8;
    pub const IFINDEX: Range<usize> = 8..12;
    pub const METRIC: Range<usize> = 12..16;
    pub const SRC: Range<usize> = 16..32;
    pub const DST: Range<usize> = 32..48;
    pub const TABLE: Range<usize> = 48..52;
    pub const SMAC: Range<usize> = 52..58;
    pub const DMAC: Range<usize> = 58..64;
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

impl<W: World> Helpers<'_, W> {
    pub(super) fn fib_lookup(&self, memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        let [ctx, params, size, flags, _] = args;
        packet::context(ctx)?;
        let size = length(size, 3)?;
        let params = memory.bytes_mut(params, size)?;
        let flags = flags as u32;
        let Some(params) = params.first_chunk_mut::<SIZE>().filter(|_| flags & !flag::ALL == 0) else {
            return Ok(signed(Err(Errno::EINVAL)));
        };
        let family = params[field::FAMILY];
        if family != AF_INET && family != AF_INET6 {
            return Ok(signed(Err(Errno::EAFNOSUPPORT)));
        }
        let asked = asked(params, flags);
        Ok(match self.world.fib().look(&asked) {
            Err(errno) => signed(Err(errno)),
            Ok(answer) => {
                // The table's number is taken out once it was used.
                let used =
                    answer.reason != crate::fib::Reason::ForwardingDisabled && !asked.never_looked_up();
                if used && flags & flag::DIRECT != 0 && flags & flag::TBID != 0 {
                    params[field::TABLE].fill(0);
                }
                write(params, &answer);
                answer.reason as u64
            }
        })
    }

    /// `bpf_check_mtu()`.
    pub(super) fn check_mtu(&self, memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        const FRAG_NEEDED: u64 = 1;
        let [ctx, ifindex, mtu_len, len_diff, flags] = args;
        packet::context(ctx)?;
        let ingress =
            memory.bytes(context_address() + 12, 4)?.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let frame = memory.packet().frame().len() as i32;
        let mtu_len = memory.bytes_mut(mtu_len, 4)?;
        if flags != 0 {
            return Ok(signed(Err(Errno::EINVAL)));
        }
        let ifindex = if ifindex as u32 == 0 { ingress } else { ifindex as u32 };
        let Some(device) = self.world.fib().device(IfIndex(ifindex)) else {
            return Ok(signed(Err(Errno::ENODEV)));
        };
        let given = word(mtu_len);
        let len = if given == 0 { frame } else { given.wrapping_add(device.header).cast_signed() };
        let longest = device.mtu.wrapping_add(device.header).cast_signed();
        mtu_len.copy_from_slice(&device.mtu.to_le_bytes());
        Ok(if len.wrapping_add(len_diff as i32) > longest { FRAG_NEEDED } else { 0 })
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn asked(params: &[u8; SIZE], flags: u32) -> Asked {
    let ip = |bytes: &[u8]| -> IpAddr {
        let all: [u8; 16] = bytes.first_chunk().copied().unwrap_or_default();
        if params[field::FAMILY] == AF_INET { [all[0], all[1], all[2], all[3]].into() } else { all.into() }
    };
    let table = match (flags & flag::DIRECT != 0, flags & flag::TBID != 0) {
        (false, _) => None,
        (true, false) => Some(crate::fib::TABLE_MAIN),
        (true, true) => Some(word(&params[field::TABLE])),
    };
    Asked {
        ifindex: IfIndex(word(&params[field::IFINDEX])),
        dst: ip(&params[field::DST]),
        src: ip(&params[field::SRC]),
        len: u16::from_le_bytes([params[6], params[7]]),
        table,
        output: flags & flag::OUTPUT != 0,
        source: flags & flag::SRC != 0,
        neighbour: flags & flag::SKIP_NEIGH == 0,
    }
}

/// Writes what was found, as far as the look went.
fn write(params: &mut [u8; SIZE], answer: &Answer) {
    use crate::fib::Reason::{FragmentationNeeded, Success};

    if let Some((metric, ifindex)) = answer.route {
        params[field::METRIC].copy_from_slice(&metric.to_le_bytes());
        params[field::IFINDEX].copy_from_slice(&ifindex.0.to_le_bytes());
    }
    if let Some(source) = answer.source {
        put(params, field::SRC, source);
    }
    if let Some(gateway) = answer.gateway {
        if gateway.is_ipv6() {
            params[field::FAMILY] = AF_INET6;
        }
        put(params, field::DST, gateway);
    }
    if let Some((next, own)) = answer.macs {
        params[field::DMAC].copy_from_slice(&next);
        params[field::SMAC].copy_from_slice(&own);
    }
    if answer.reason == Success {
        params[field::TABLE].fill(0);
    }
    if let (Some(mtu), Success | FragmentationNeeded) = (answer.mtu, answer.reason) {
        params[field::TOT_LEN].copy_from_slice(&(mtu as u16).to_le_bytes());
    }
}

fn put(params: &mut [u8; SIZE], at: std::ops::Range<usize>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => params[at.start..at.start + 4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => params[at].copy_from_slice(&ip.octets()),
    }
}
