//! Numbers in text and comparisons of strings: `bpf_strtol()`, `bpf_strtoul()`, `bpf_strncmp()`.

use std::cmp::Ordering;

use xdpsim_devmap::Errno;

use super::signed;
use crate::fault::HelperFault;
use crate::memory::Memory;

/// Of a number's text, the kernel looks at so many bytes behind blanks and sign.
const DIGITS: usize = 63;
/// The longest string that is a program's constant: as long as a map's value may be here.
const CONSTANT: usize = 1 << 20;

/// A number without its sign, and how many bytes of text it is.
struct Parsed {
    value: u64,
    negative: bool,
    taken: u64,
}

/// `bpf_strtol()` if `is_signed`, else `bpf_strtoul()`: how many bytes were read; the number goes to `to`.
pub(super) fn number(memory: &mut Memory, args: [u64; 5], is_signed: bool) -> Result<u64, HelperFault> {
    let [text, len, flags, to, _] = args;
    let len = super::length(len, 2)?;
    let parsed = parse(memory.bytes(text, len)?, flags);
    memory.bytes_mut(to, 8)?.fill(0);
    let (value, taken) = match parsed.and_then(|parsed| Ok((in_range(&parsed, is_signed)?, parsed.taken))) {
        Ok(parsed) => parsed,
        Err(errno) => return Ok(signed(Err(errno))),
    };
    memory.bytes_mut(to, 8)?.copy_from_slice(&value.to_le_bytes());
    Ok(taken)
}

fn in_range(parsed: &Parsed, is_signed: bool) -> Result<u64, Errno> {
    let Parsed { value, negative, .. } = *parsed;
    match (is_signed, negative) {
        (false, true) => Err(Errno::EINVAL),
        (false, false) => Ok(value),
        (true, true) if value.wrapping_neg().cast_signed() > 0 => Err(Errno::ERANGE),
        (true, true) => Ok(value.wrapping_neg()),
        (true, false) if value.cast_signed() < 0 => Err(Errno::ERANGE),
        (true, false) => Ok(value),
    }
}

fn parse(text: &[u8], flags: u64) -> Result<Parsed, Errno> {
    if text.is_empty() || !matches!(flags, 0 | 8 | 10 | 16) {
        return Err(Errno::EINVAL);
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, 9..=13 | b' ' | 0xa0)).count();
    let negative = text.get(blanks) == Some(&b'-');
    let start = blanks + usize::from(negative);
    let digits = &text[start..text.len().min(start + DIGITS)];
    if digits.is_empty() {
        return Err(Errno::EINVAL);
    }
    let (base, prefix) = base(digits, flags as u32);
    let (value, count) = integer(&digits[prefix..], base)?;
    let taken = start + prefix + count;
    Ok(Parsed { value, negative, taken: taken as u64 })
}

/// The base, and how many bytes of text say so.
fn base(digits: &[u8], asked: u32) -> (u32, usize) {
    let zero_x = matches!(digits, [b'0', b'x' | b'X', ..]);
    let hex = zero_x && digits.get(2).is_some_and(u8::is_ascii_hexdigit);
    let base = match asked {
        0 if hex => 16,
        0 if digits.first() == Some(&b'0') => 8,
        0 => 10,
        asked => asked,
    };
    (base, if base == 16 && zero_x { 2 } else { 0 })
}

fn integer(digits: &[u8], base: u32) -> Result<(u64, usize), Errno> {
    let (mut value, mut count, mut overflow) = (0_u64, 0, false);
    for byte in digits {
        let Some(digit) = char::from(*byte).to_digit(base) else { break };
        let next = value.checked_mul(base.into()).and_then(|value| value.checked_add(digit.into()));
        overflow |= next.is_none();
        value = next.unwrap_or(value);
        count += 1;
    }
    match count {
        _ if overflow => Err(Errno::ERANGE),
        0 => Err(Errno::EINVAL),
        count => Ok((value, count)),
    }
}

/// `bpf_strncmp()`: -1, 0 or 1.
pub(super) fn compare(memory: &Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
    let [first, len, second, ..] = args;
    let (first, second) = (memory.bytes(first, super::length(len, 2)?)?, constant(memory, second, 3)?);
    let second = second.iter().copied().chain(std::iter::repeat(0));
    for (a, b) in first.iter().zip(second) {
        match a.cmp(&b) {
            Ordering::Equal if b == 0 => break,
            Ordering::Equal => {}
            Ordering::Less => return Ok(u64::MAX),
            Ordering::Greater => return Ok(1),
        }
    }
    Ok(0)
}

/// A string that ends in a zero.
pub(super) fn constant(memory: &Memory, at: u64, number: u8) -> Result<Vec<u8>, HelperFault> {
    let mut all = Vec::new();
    loop {
        let byte = memory.bytes(at.wrapping_add(all.len() as u64), 1)?[0];
        if byte == 0 {
            return Ok(all);
        }
        if all.len() == CONSTANT {
            return Err(HelperFault::Argument { number, expected: "a string of less than a megabyte" });
        }
        all.push(byte);
    }
}
