//! The kernel's XDP tracepoints, recorded in order.
//!
//! Owns the tracer (`objects/tracer.bpf.c`, loaded by `aya`) and its events; making them comparable with the
//! model's is the bench's. One program per tracepoint writes into one ring buffer, so the order is the
//! kernel's, and only namespaces that were asked for are recorded, so other traffic on the machine doesn't
//! disturb. Nothing has a name in a file system: what was loaded goes with the process.
//!
//! Errors: [`TraceError`]; an event that found no room is an error of the next [`Tracer::drain`], never
//! silence.
//!
//! Rules: TRC-01 to TRC-07 (what the fields hold is the kernel's word).

mod event;
mod tracer;

pub use event::{RawEvent, Tracepoint};
pub use tracer::{TraceError, Tracer};
