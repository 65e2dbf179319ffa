//! Virtual time: nanoseconds that only events move.
//!
//! Nothing in the model reads a clock; a frame brings its timestamp with it and the engine's
//! "now" is the latest one it has acted on.

use std::fmt;

/// A point in virtual time, or a span of it, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The beginning of virtual time.
    pub const ZERO: Self = Self(0);
    /// Later than every event.
    pub const MAX: Self = Self(u64::MAX);

    /// This many microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// The point `span` later, or the end of time.
    #[must_use]
    pub const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A line rate in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(pub u64);

impl BitRate {
    /// Preamble, start delimiter, frame check sequence and inter-frame gap: what Ethernet adds on
    /// the wire to the bytes that a capture shows.
    pub const WIRE_OVERHEAD_BYTES: u64 = 24;
    /// A frame occupies the wire for at least 64 bytes (check sequence included).
    pub const WIRE_MIN_BYTES: u64 = 60;

    /// How long a frame of `len` captured bytes occupies the wire.
    #[must_use]
    pub const fn wire_time(self, len: u32) -> Nanos {
        let len = if (len as u64) < Self::WIRE_MIN_BYTES { Self::WIRE_MIN_BYTES } else { len as u64 };
        let bits = (len + Self::WIRE_OVERHEAD_BYTES) * 8;
        match self.0 {
            0 => Nanos::MAX,
            rate => Nanos(bits.saturating_mul(1_000_000_000).div_ceil(rate)),
        }
    }
}
