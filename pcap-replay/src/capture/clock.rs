//! From a capture's time units to nanoseconds and back.
//!
//! Owns the conversion of one interface's ticks (pcapng `if_tsresol`, `if_tsoffset`). Finer units than a
//! nanosecond are truncated, all others are exact; what lies before 1970 or after the last moment that 64
//! bits of nanoseconds can hold (the year 2554) becomes that first or last moment.

use xdpsim_core::Nanos;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// How finely a capture stamps its frames, as far as writing one needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// Microseconds (or coarser).
    #[default]
    Micros,
    /// Nanoseconds (or finer, or not a power of ten).
    Nanos,
}

/// How one interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `if_tsresol` as in the file: a negative power of ten, or of two with the upper bit set.
    tsresol: u8,
    /// `if_tsoffset`: seconds to add.
    offset_secs: i64,
    /// Nanoseconds a tick where the conversion is one multiplication, else 0.
    nanos_per_tick: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl Clock {
    const BINARY: u8 = 0x80;

    /// Ticks of `tsresol` (as a pcapng option has it), counted from `offset_secs` after the epoch.
    #[must_use]
    pub fn new(tsresol: u8, offset_secs: i64) -> Self {
        let simple = tsresol <= 9 && offset_secs == 0;
        let nanos_per_tick = if simple { 10_u64.pow(u32::from(9 - tsresol)) } else { 0 };
        Self { tsresol, offset_secs, nanos_per_tick }
    }

    /// The point in time that `ticks` name.
    #[must_use]
    #[inline]
    pub fn nanos(&self, ticks: u64) -> Nanos {
        match self.nanos_per_tick {
            0 => self.nanos_in_general(ticks),
            factor => Nanos(ticks.saturating_mul(factor)),
        }
    }

    #[cold]
    fn nanos_in_general(&self, ticks: u64) -> Nanos {
        let wide = u128::from(ticks);
        let span = match (self.tsresol & Self::BINARY != 0, u32::from(self.tsresol & !Self::BINARY)) {
            (true, power) => (wide * u128::from(NANOS_PER_SEC)) >> power,
            (false, power @ 0..=9) => wide * u128::from(10_u64.pow(9 - power)),
            // 10^19 is the largest power that 64 bits of ticks can reach.
            (false, power) => 10_u128.checked_pow(power - 9).map_or(0, |unit| wide / unit),
        };
        // Below 2^94 both, so the sum fits.
        let point = span as i128 + i128::from(self.offset_secs) * i128::from(NANOS_PER_SEC);
        Nanos(point.clamp(0, i128::from(u64::MAX)) as u64)
    }

    /// What a writer needs to keep the stamps.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        if self.tsresol <= 6 { Resolution::Micros } else { Resolution::Nanos }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Resolution};

    #[test]
    fn powers_of_ten_are_exact_or_truncated() {
        assert_eq!(Clock::new(0, 0).nanos(3).0, 3_000_000_000);
        assert_eq!(Clock::new(6, 0).nanos(1_500_000).0, 1_500_000_000);
        assert_eq!(Clock::new(9, 0).nanos(7).0, 7);
        assert_eq!(Clock::new(12, 0).nanos(1_999).0, 1);
        assert_eq!(Clock::new(127, 0).nanos(u64::MAX).0, 0);
    }

    #[test]
    fn powers_of_two_are_exact_where_nanoseconds_are() {
        assert_eq!(Clock::new(0x80, 0).nanos(2).0, 2_000_000_000);
        assert_eq!(Clock::new(0x80 | 2, 0).nanos(3).0, 750_000_000);
        assert_eq!(Clock::new(0x80 | 32, 0).nanos(5 << 31).0, 2_500_000_000);
        assert_eq!(Clock::new(0xff, 0).nanos(u64::MAX).0, 0);
    }

    #[test]
    fn offsets_shift_both_ways_and_stop_at_the_ends() {
        assert_eq!(Clock::new(6, 10).nanos(1).0, 10_000_001_000);
        assert_eq!(Clock::new(6, -1).nanos(1_000_001).0, 1_000);
        assert_eq!(Clock::new(6, -2).nanos(1_000_001).0, 0);
        assert_eq!(Clock::new(0, i64::MAX).nanos(u64::MAX).0, u64::MAX);
        assert_eq!(Clock::new(0, 0).nanos(u64::MAX).0, u64::MAX);
    }

    #[test]
    fn resolution_is_what_a_writer_needs() {
        assert_eq!(Clock::new(3, 0).resolution(), Resolution::Micros);
        assert_eq!(Clock::new(6, 5).resolution(), Resolution::Micros);
        assert_eq!(Clock::new(7, 0).resolution(), Resolution::Nanos);
        assert_eq!(Clock::new(0x80 | 3, 0).resolution(), Resolution::Nanos);
    }
}
