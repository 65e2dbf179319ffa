//! Scenario files: TOML in, [`xdpsim_core::scenario::Scenario`] out, or every problem at once.
//!
//! Owns the format that `docs/scenario.md` describes, the scenario behind the common flags
//! ([`from_flags`]) and the built-in example ([`builtin`]). Building the world from a scenario and
//! feeding it frames is left to others; they can point into the file with [`Spans`] and
//! [`Problems::add`].
//!
//! ```
//! use xdpsim::scenario::{Source, parse};
//!
//! let source = Source::from_bytes("one.toml", b"[[port]]\nmut = 900\nname = \"eth0\"\n");
//! let problems = parse(&source).expect_err("a typing error");
//! assert_eq!(problems.list()[0].message, "unknown key `mut` of port `eth0`");
//! assert_eq!(problems.list()[0].help.as_deref(), Some("did you mean `mtu`?"));
//! ```

#[cfg(test)]
mod asked;
mod changes;
mod check;
mod diag;
mod expect;
mod faults;
mod fields;
mod flags;
mod flap;
mod groups;
mod limits;
mod maps;
mod names;
mod objects;
mod owner;
mod parse;
mod place;
mod ports;
mod programs;
mod replay;
mod routes;
mod script;
mod snippet;
mod source;
pub(crate) mod suggest;
mod units;
mod uppers;

pub use check::{CheckOutcome, check, check_source};
pub use diag::{Colour, Finding, PROBLEMS_MAX, Problem, Problems, Severity};
pub use expect::{Counter, Expectation, Expected, FatePattern, Frames, Key, Total, Verdict};
pub use flags::{CommonCase, FlagsError, from_flags};
pub use objects::{Contents, Element, ObjectUse, Written};
pub use parse::{MapSpans, Parsed, Spans, parse};
pub use replay::{ReplaySection, Timing, Truncated};
pub use source::{FILE_BYTES_MAX, Position, Source, Span};

/// The text of the built-in example, `examples/builtin.toml`.
pub const BUILTIN: &str = include_str!("../../../examples/builtin.toml");

/// The text of a scenario to start from, `examples/starter.toml`.
pub const STARTER: &str = include_str!("../../../examples/starter.toml");

/// The built-in example: what `xdpsim replay` runs without arguments.
///
/// # Errors
/// None that a released build has: a test reads the example.
pub fn builtin() -> Result<Parsed, Problems> {
    parse(&Source::from_bytes("examples/builtin.toml", BUILTIN.as_bytes()))
}
