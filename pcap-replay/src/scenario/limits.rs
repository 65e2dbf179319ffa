//! How large a scenario may be, so that reading one is bounded whatever it says.
//!
//! The file itself is limited in [`super::source`].

use super::diag::{Problem, Sink};
use super::parse::MapSection;
use super::source::Span;

pub(super) const CPUS: u16 = 256;
pub(super) const NETNS: usize = 256;
pub(super) const PORTS: usize = 1_024;
pub(super) const QUEUES: u32 = 256;
pub(super) const MAPS: usize = 1_024;
pub(super) const PROGRAMS: usize = 1_024;
pub(super) const CHANGES: usize = 16_384;
pub(super) const FAULTS: usize = 16_384;
/// How often one `[[fault]]` may take its port down.
pub(super) const FLAPS: u64 = 4_096;
pub(super) const EXPECTED_FATES: usize = 4_096;
/// Captures that a scenario names.
pub(super) const CAPTURES: usize = 4_096;
/// Sum of `max_entries` over all maps.
pub(super) const CAPACITY: u32 = 1 << 20;
/// Scripts of a program, and steps of a script.
pub(super) const SCRIPTS: usize = 4_096;
/// Bytes that a `rewrite` writes.
pub(super) const REWRITE_BYTES: usize = 4_096;
/// Routes, and neighbours.
pub(super) const ROUTES: usize = 16_384;
/// Elements of objects' maps that a scenario names.
pub(super) const ELEMENTS: usize = 1 << 16;
/// Offsets into a frame: no frame is longer.
pub(super) const OFFSET: u32 = 65_535;

/// Reports more things than allowed.
pub(super) fn check_count(sink: &mut Sink, what: &str, count: usize, max: usize, at: Option<&Span>) {
    if count > max {
        let at = at.cloned().unwrap_or(0..0);
        sink.error(|| {
            Problem::error(format!("too many {what}: {count}"), at, format!("expected at most {max}"))
        });
    }
}

/// Reports maps that are too large together.
pub(super) fn check_capacity(sink: &mut Sink, maps: &[MapSection<'_>]) {
    let total: u64 = maps.iter().map(|(_, map)| u64::from(map.max_entries)).sum();
    let Some((_, last)) = maps.last().filter(|_| total > u64::from(CAPACITY)) else { return };
    sink.error(|| {
        let message = format!("the maps' `max_entries` sum up to {total}");
        Problem::error(
            message,
            last.name.span.clone(),
            format!("expected at most {CAPACITY} for all maps together"),
        )
    });
}
