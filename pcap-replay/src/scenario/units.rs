//! Quantities written as text: line rates, spans of time, strings of bytes.
//!
//! Exact: no floating point, so a scenario means the same everywhere.

use xdpsim_core::time::{BitRate, Nanos};

/// Faster than any line; keeps arithmetic far from its limits.
const RATE_MAX_BITS: u64 = 1_000_000_000_000_000;

/// `"10Gbit"`, `"2.5Gbit"`, `"64Kbit"`.
pub(super) fn rate(text: &str) -> Result<BitRate, String> {
    const UNITS: [(&str, u64); 4] =
        [("bit", 1), ("Kbit", 1_000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];
    match quantity(text, &UNITS)? {
        0 => Err("a line has a rate above zero".to_owned()),
        bits if bits > RATE_MAX_BITS => Err("no line is faster than 1000000Gbit".to_owned()),
        bits => Ok(BitRate(bits)),
    }
}

/// `"1.5s"`, `"250us"`.
pub(super) fn duration(text: &str) -> Result<Nanos, String> {
    const UNITS: [(&str, u64); 4] = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    quantity(text, &UNITS).map(Nanos)
}

/// Hexadecimal pairs between colons, as addresses are written: `"02:00:00:00:00:01"`.
pub(super) fn colon_bytes(text: &str) -> Result<Vec<u8>, String> {
    let byte = |pair: &str| match pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => u8::from_str_radix(pair, 16).map_err(|error| error.to_string()),
        false => Err(format!("`{pair}` is no pair of hexadecimal digits")),
    };
    text.split(':').map(byte).collect()
}

/// An unsigned number, decimal or with `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => digits_of(digits, 16),
        None => digits_of(text, 10),
    }
}

/// A number that may be negative, decimal or with `0x`.
pub(super) fn signed(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) => i64::try_from(number(rest)?).ok().map(|value| -value),
        None => i64::try_from(number(text)?).ok(),
    }
}

// The standard parsers take a sign, which has no place behind a prefix of ours.
fn digits_of(text: &str, radix: u32) -> Option<u64> {
    if text.starts_with('+') { None } else { u64::from_str_radix(text, radix).ok() }
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let names = units.iter().map(|(name, _)| *name);
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (value, unit) = text.split_at(digits);
    let list = names.clone().collect::<Vec<_>>().join(", ");
    if value.is_empty() {
        return Err(format!("a number comes first, then one of {list}"));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        let meant = super::suggest::nearest(unit.trim(), names).filter(|_| !unit.is_empty());
        return Err(match meant {
            Some(meant) => format!("`{unit}` is no unit; did you mean `{value}{meant}`?"),
            None if unit.is_empty() => format!("the unit is missing: one of {list}"),
            None => format!("`{unit}` is no unit; there are {list}"),
        });
    };
    scaled(value, *scale)
}

fn scaled(value: &str, scale: u64) -> Result<u64, String> {
    let too_large = || format!("`{value}` is too large");
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(format!("`{value}` is no number"));
    }
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    let fraction = match fraction {
        "" => 0,
        digits => match 10u64.checked_pow(places).filter(|power| scale.is_multiple_of(*power)) {
            Some(power) => digits.parse::<u64>().map_err(|_| too_large())? * (scale / power),
            None => return Err(format!("`{value}` has more places than the unit has parts")),
        },
    };
    whole.checked_mul(scale).and_then(|scaled| scaled.checked_add(fraction)).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(rate("10Gbit"), Ok(BitRate(10_000_000_000)));
        assert_eq!(rate("2.5Gbit"), Ok(BitRate(2_500_000_000)));
        assert_eq!(rate("1.50Kbit"), Ok(BitRate(1_500)));
        assert_eq!(rate("1bit"), Ok(BitRate(1)));
        for (wrong, why) in [
            ("10", "the unit is missing"),
            ("10gbit", "did you mean `10Gbit`"),
            ("10 Gbit", "did you mean `10Gbit`"),
            ("10parsec", "there are bit, Kbit"),
            ("fast", "a number comes first"),
            ("", "a number comes first"),
            ("0Gbit", "above zero"),
            ("1.5bit", "more places"),
            ("1..5Gbit", "is no number"),
            (".5Gbit", "is no number"),
            ("5.Gbit", "is no number"),
            ("99999999999999999999bit", "too large"),
            ("99999999999999Gbit", "too large"),
            ("1000001Gbit", "no line is faster"),
            ("0.00000000000000000000000001Gbit", "more places"),
        ] {
            let said = rate(wrong).expect_err(wrong);
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1.5s"), Ok(Nanos(1_500_000_000)));
        assert_eq!(duration("250us"), Ok(Nanos(250_000)));
        assert_eq!(duration("0ns"), Ok(Nanos(0)));
        assert_eq!(duration("0.000000001s"), Ok(Nanos(1)));
        assert!(duration("1.5ns").is_err());
        assert!(duration("-1s").is_err());
        assert!(duration("18446744073.709551615s").is_ok());
        assert!(duration("18446744073.709551616s").is_err());
    }

    #[test]
    fn byte_strings() {
        assert_eq!(colon_bytes("02:00:fF"), Ok(vec![2, 0, 255]));
        for wrong in ["", "2:0", "02:", "02:+1", "02-00", "02::00", "ä"] {
            assert!(colon_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0x10"), Some(16));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(signed("-14"), Some(-14));
        assert_eq!(signed("-0x10"), Some(-16));
        for wrong in ["", "0x", "+1", "0x+1", "18446744073709551616", "1.5", "x", "-1"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        for wrong in ["", "-", "--1", "-+1", "9223372036854775808"] {
            assert_eq!(signed(wrong), None, "{wrong}");
        }
    }
}
