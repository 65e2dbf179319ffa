//! `bpf_probe_read_kernel()` and `bpf_probe_read_kernel_str()`: of all that a kernel has, there is the program's memory.

use xdpsim_devmap::Errno;

use super::{length, signed};
use crate::fault::HelperFault;
use crate::memory::Memory;

/// Reads bytes from anywhere; zeroes, if there is nothing.
pub(super) fn read(memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
    let [to, size, from, ..] = args;
    let size = length(size, 2)?;
    if size == 0 {
        return Ok(0);
    }
    memory.bytes_mut(to, size)?;
    if memory.bytes(from, size).is_err() {
        memory.bytes_mut(to, size)?.fill(0);
        return Ok(signed(Err(Errno::EFAULT)));
    }
    let bytes = memory.bytes(from, size)?.to_vec();
    memory.bytes_mut(to, size)?.copy_from_slice(&bytes);
    Ok(0)
}

/// Reads a string: how many bytes, its end included. One that is too long is cut off.
pub(super) fn read_str(memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
    let [to, size, from, ..] = args;
    let size = length(size, 2)?;
    if size == 0 {
        return Ok(0);
    }
    memory.bytes_mut(to, size)?;
    for at in 0..size {
        let Ok(&[byte]) = memory.bytes(from.wrapping_add(at.into()), 1) else {
            memory.bytes_mut(to, size)?.fill(0);
            return Ok(signed(Err(Errno::EFAULT)));
        };
        let last = at + 1 == size;
        memory.bytes_mut(to, size)?[at as usize] = if last { 0 } else { byte };
        if byte == 0 || last {
            return Ok(u64::from(at) + 1);
        }
    }
    Ok(0)
}
