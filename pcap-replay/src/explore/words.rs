//! Numbers as people read them.

use crate::output::columns::grouped;

/// Bytes: 812 B, 1.4 MiB.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 10_000 {
        return format!("{} B", grouped(bytes));
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", significant(value), UNITS[unit])
}

/// Bytes of an axis, which has powers of ten.
#[must_use]
pub fn bytes_axis(bytes: f64) -> String {
    with_unit(bytes, &[" B", " kB", " MB", " GB", " TB", " PB"])
}

/// A count of an axis: 64, 1,024, 5k, 1M.
#[must_use]
pub fn count_axis(count: f64) -> String {
    if count.fract() == 0.0 && count < 1e6 && count % 1e3 != 0.0 {
        return grouped(count as u64);
    }
    with_unit(count, &["", "k", "M", "G", "T"])
}

/// Nanoseconds of an axis.
#[must_use]
pub fn nanos_axis(nanos: f64) -> String {
    with_unit(nanos, &[" ns", " µs", " ms", " s"])
}

/// A mean: three digits that count, and whole numbers as they are.
#[must_use]
pub fn mean(value: f64) -> String {
    if value.fract() == 0.0 && value < 1e15 { grouped(value as u64) } else { significant(value) }
}

fn with_unit(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let number = if value.fract() == 0.0 { format!("{value:.0}") } else { significant(value) };
    format!("{number}{}", units[unit])
}

/// Three digits, without zeros at the end of a fraction.
fn significant(value: f64) -> String {
    let text = match value {
        v if v >= 999.5 => return grouped(v.round() as u64),
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.0995 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        for (number, text) in
            [(0, "0 B"), (8_512, "8,512 B"), (10_240, "10 KiB"), (3_064_656, "2.92 MiB"), (1 << 40, "1 TiB")]
        {
            assert_eq!(bytes(number), text);
        }
        for (number, text) in
            [(1.0, "1"), (64.0, "64"), (65_536.0, "65,536"), (5e3, "5k"), (1e6, "1M"), (0.001, "0.001")]
        {
            assert_eq!(count_axis(number), text);
        }
        assert_eq!(
            (bytes_axis(1e4), nanos_axis(1e5), nanos_axis(2.5)),
            ("10 kB".into(), "100 µs".into(), "2.5 ns".into())
        );
        assert_eq!((mean(3.0), mean(1234.0), mean(15.239)), ("3".into(), "1,234".into(), "15.2".into()));
    }
}
