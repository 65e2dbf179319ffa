//! `bpf_probe_read_kernel()` and `bpf_probe_read_kernel_str()`: of all that a kernel has, there is the program's memory.

use xdpsim_devmap::Errno;

use super::{length, signed};
use crate::fault::HelperFault;
use crate::memory::{BASE, Memory};

/// Reads bytes from anywhere; zeroes, if there is nothing.
pub(super) fn read(memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
    let [to, size, from, ..] = args;
    let size = length(size, 2)?;
    if size == 0 {
        // The address is looked at all the same.
        return Ok(match unreadable(memory, from) {
            Errno::ERANGE => signed(Err(Errno::ERANGE)),
            _ => 0,
        });
    }
    memory.bytes_mut(to, size)?;
    if memory.bytes(from, size).is_err() {
        memory.bytes_mut(to, size)?.fill(0);
        return Ok(signed(Err(unreadable(memory, from))));
    }
    let bytes = memory.bytes(from, size)?.to_vec();
    memory.bytes_mut(to, size)?.copy_from_slice(&bytes);
    Ok(0)
}

/// What a kernel says to an address: EFAULT to one of its own where nothing is, ERANGE to any other.
fn unreadable(memory: &Memory, from: u64) -> Errno {
    const KERNEL: u64 = 0xffff_8000_0000_0000;
    let ours = from >= BASE.into() && memory.region(from).is_some();
    if ours || from >= KERNEL { Errno::EFAULT } else { Errno::ERANGE }
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
            return Ok(signed(Err(unreadable(memory, from))));
        };
        let last = at + 1 == size;
        memory.bytes_mut(to, size)?[at as usize] = if last { 0 } else { byte };
        if byte == 0 || last {
            return Ok(u64::from(at) + 1);
        }
    }
    Ok(0)
}
