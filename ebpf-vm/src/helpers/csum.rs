//! `bpf_csum_diff()`: how a checksum changes when bytes are replaced.

use xdpsim_devmap::Errno;

use super::{length, signed};
use crate::fault::HelperFault;
use crate::memory::Memory;

/// Bytes of both buffers together, before Linux 6.13.
const OLD_LIMIT: u64 = 512;

/// How the kernel of a version answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Before 6.13: a sum of 32 bits, of whole words, 512 bytes at most.
    Partial,
    /// Since 6.13: folded to 16 bits, of any length.
    Folded,
}

/// The sum of `from`'s complement, `to` and the seed, in ones' complement.
pub(super) fn diff(memory: &Memory, args: [u64; 5], form: Form) -> Result<u64, HelperFault> {
    let [from, from_size, to, to_size, seed] = args;
    let (from_size, to_size) = (length(from_size, 2)?, length(to_size, 4)?);
    let buffer = |addr: u64, len: u32| if len == 0 { Ok(&[][..]) } else { memory.bytes(addr, len) };
    let (from, to, seed) = (buffer(from, from_size)?, buffer(to, to_size)?, seed as u32);
    match form {
        Form::Partial => {
            let too_long = u64::from(from_size) + u64::from(to_size) > OLD_LIMIT;
            if !(from_size | to_size).is_multiple_of(4) || too_long {
                return Ok(signed(Err(Errno::EINVAL)));
            }
            let removed = words(from).map(|word| !word);
            Ok(removed.chain(words(to)).fold(seed, add).into())
        }
        Form::Folded => {
            let sum = match (from.is_empty(), to.is_empty()) {
                (false, false) => add(words(to).fold(seed, add), !words(from).fold(0, add)),
                (true, _) => words(to).fold(seed, add),
                (false, true) => !words(from).fold(!seed, add),
            };
            Ok(fold(sum).into())
        }
    }
}

/// Words of 32 bits; the last one is filled up with zeroes.
fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(word)
    })
}

/// 32 bits, the carry around the end: zero only if all is zero.
fn add(sum: u32, word: u32) -> u32 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + u32::from(carry)
}

/// `csum_from32to16()`.
fn fold(sum: u32) -> u16 {
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}
