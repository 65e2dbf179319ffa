//! Addresses and hex strings.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `hex:0a0b`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(4 + 2 * bytes.len());
    out.push_str("hex:");
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a string takes everything");
    }
    out
}

/// Bytes behind `hex:`, or `0x` where that stands for bytes; spaces, `:` and `_` may stand between them.
/// None if it is no such string; an error says what is wrong with it.
pub(super) fn from_hex(text: &str, prefixes: &[&str]) -> Option<Result<Vec<u8>, String>> {
    let digits = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let digits: Vec<char> = digits.chars().filter(|c| !matches!(c, ' ' | ':' | '_')).collect();
    if digits.len() % 2 == 1 {
        return Some(Err(format!("an odd number of hex digits ({})", digits.len())));
    }
    let pair = |pair: &[char]| {
        let digit = |c: char| c.to_digit(16).ok_or_else(|| format!("`{c}`, which is no hex digit"));
        Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)
    };
    Some(digits.chunks(2).map(pair).collect())
}

/// The bytes of an address, if there are as many.
pub(super) fn address(text: &str, size: usize) -> Option<Vec<u8>> {
    match size {
        4 => text.parse::<Ipv4Addr>().ok().map(|ip| ip.octets().to_vec()),
        6 => mac(text),
        16 => text.parse::<Ipv6Addr>().ok().map(|ip| ip.octets().to_vec()),
        _ => None,
    }
}

fn mac(text: &str) -> Option<Vec<u8>> {
    let part = |part: &str| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten();
    let bytes: Vec<u8> = text.split([':', '-']).map(part).collect::<Option<_>>()?;
    (bytes.len() == 6).then_some(bytes)
}

/// An address as text; hex for other sizes.
pub(super) fn address_or_hex(bytes: &[u8]) -> String {
    if let Ok(ip) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(ip).to_string();
    }
    if let Ok(ip) = <[u8; 16]>::try_from(bytes) {
        return Ipv6Addr::from(ip).to_string();
    }
    if let Ok([a, b, c, d, e, f]) = <[u8; 6]>::try_from(bytes) {
        return format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    }
    hex(bytes)
}

/// A number as people write it: decimal or `0x`, with a sign.
pub(super) fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let unsigned = number.ok().filter(|number| *number >= 0 && !digits.starts_with('+'))?;
    Some(sign * unsigned)
}
