//! Helpers that move a packet's bounds or copy its bytes.

use xdpsim_devmap::Errno;

use crate::fault::HelperFault;
use crate::memory::{Memory, context_address};

use super::{Answer, signed};

/// `struct xdp_frame`, which the kernel keeps at the start of the headroom.
const FRAME_HEADER: i64 = 40;
/// `ETH_HLEN`: what a frame keeps at least.
const ETHERNET: i64 = 14;
/// The longest metadata: its length is kept in one byte.
const META_MAX: i64 = 255;
/// The longest offset and length of `bpf_xdp_load_bytes()`.
const COPY_MAX: u64 = 0xffff;

/// `bpf_xdp_adjust_head()`: metadata moves along.
pub(super) fn adjust_head(memory: &mut Memory, delta: u64) -> Answer {
    let delta = i64::from(delta as i32);
    let (meta, data, end) = bounds(memory);
    let to = data + delta;
    if to < FRAME_HEADER + (data - meta) || to > end - ETHERNET {
        return Err(Errno::EINVAL);
    }
    memory.packet_buffer().copy_within(meta as usize..data as usize, (meta + delta) as usize);
    memory.move_packet((meta + delta) as u32, to as u32, end as u32);
    Ok(0)
}

/// `bpf_xdp_adjust_meta()`.
pub(super) fn adjust_meta(memory: &mut Memory, delta: u64) -> Answer {
    let (meta, data, end) = bounds(memory);
    let to = meta + i64::from(delta as i32);
    if to < FRAME_HEADER || to > data {
        return Err(Errno::EINVAL);
    }
    if (data - to) % 4 != 0 || data - to > META_MAX {
        return Err(Errno::EACCES);
    }
    memory.move_packet(to as u32, data as u32, end as u32);
    Ok(0)
}

/// `bpf_xdp_adjust_tail()`: new bytes are zero.
pub(super) fn adjust_tail(memory: &mut Memory, delta: u64) -> Answer {
    let (meta, data, end) = bounds(memory);
    let to = end + i64::from(delta as i32);
    if to > memory.packet().buffer().len() as i64 || to < data + ETHERNET {
        return Err(Errno::EINVAL);
    }
    if to > end {
        memory.packet_buffer()[end as usize..to as usize].fill(0);
    }
    memory.move_packet(meta as u32, data as u32, to as u32);
    Ok(0)
}

/// `bpf_xdp_get_buff_len()`.
pub(super) fn buff_len(memory: &Memory) -> u64 {
    memory.packet().frame().len() as u64
}

/// Which way `bpf_xdp_load_bytes()` and `bpf_xdp_store_bytes()` copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Load,
    Store,
}

/// Copies between the frame, from `offset` on, and the program's memory.
pub(super) fn copy(memory: &mut Memory, way: Way, args: [u64; 3]) -> Result<u64, HelperFault> {
    let [offset, at, len] = args;
    let (offset, len) = (offset & 0xffff_ffff, len & 0xffff_ffff);
    if offset > COPY_MAX || len > COPY_MAX {
        return Ok(signed(Err(Errno::EFAULT)));
    }
    if offset + len > buff_len(memory) {
        return Ok(signed(Err(Errno::EINVAL)));
    }
    let inside = u64::from(memory.packet().data()) + offset;
    let (from, to) = if way == Way::Load { (inside, at) } else { (at, inside) };
    memory.copy(from, to, len as u32)?;
    Ok(0)
}

/// The first argument of these helpers.
pub(super) fn context(arg: u64) -> Result<(), HelperFault> {
    if arg == context_address() {
        return Ok(());
    }
    Err(HelperFault::Argument { number: 1, expected: "the context" })
}

fn bounds(memory: &Memory) -> (i64, i64, i64) {
    let (meta, data, end) = memory.packet().bounds();
    (meta.into(), data.into(), end.into())
}
