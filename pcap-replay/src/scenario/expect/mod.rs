//! `[expect]`: what a scenario's author expects of a run, as `xdpsim test` checks it.
//!
//! Owns the vocabulary: which counters can be expected, patterns of fates, how many frames. Reading
//! it from a file is [`read`]'s, judging a run by it [`crate::expect`]'s.

mod read;

use std::fmt;

use xdpsim_core::fate::{Fate, PipelineStep};
use xdpsim_devmap::Errno;
use xdpsim_devmap::rule::RuleId;

use super::source::Span;

pub(super) use read::read;

/// One thing that is expected, and where the file says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What.
    pub expected: Expected,
    /// The value in the text.
    pub at: Span,
    /// The way to the value through the document's tables and lists.
    pub path: Vec<Key>,
}

/// A step on the way to a value of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A key of a table.
    Name(String),
    /// A place in a list, from 0.
    Place(usize),
}

/// What can be expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A counter of the whole run.
    Total(Total, Frames),
    /// A counter of a port.
    Port(String, Counter, Frames),
    /// Frames that ended in one way.
    Fate(FatePattern, Frames),
    /// How often a program of an object returns a verdict.
    Verdict(String, Verdict, Frames),
    /// Nothing leaves by this port.
    Silent(String),
    /// What leaves by this port is what this capture holds, in order; the name as the file has it.
    Golden(String, String),
    /// What is in an object's map at the end, under this key.
    Element {
        /// The map.
        map: String,
        /// The key, as it was written.
        key: String,
        /// The value.
        value: serde_json::Value,
    },
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total(total, _) => write!(f, "`{}` of the run", total.key()),
            Self::Port(port, counter, _) => write!(f, "`{}` of port `{port}`", counter.key()),
            Self::Fate(pattern, _) => write!(f, "frames with {pattern}"),
            Self::Verdict(program, verdict, _) => write!(f, "`{}` of program `{program}`", verdict.key()),
            Self::Silent(port) => write!(f, "silence on port `{port}`"),
            Self::Element { map, key, .. } => write!(f, "key {key} of map `{map}`"),
            Self::Golden(port, file) => write!(f, "port `{port}` against `{file}`"),
        }
    }
}

/// How many: both bounds belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// At least.
    pub min: u64,
    /// At most; `None` is no bound.
    pub max: Option<u64>,
}

impl Frames {
    /// Exactly so many.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self { min: number, max: Some(number) }
    }

    /// Is this number within?
    #[must_use]
    pub fn holds(self, number: u64) -> bool {
        number >= self.min && self.max.is_none_or(|max| number <= max)
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, Some(max)) if min == max => write!(f, "{min}"),
            (0, Some(max)) => write!(f, "at most {max}"),
            (min, Some(max)) => write!(f, "{min} to {max}"),
            (min, None) => write!(f, "at least {min}"),
        }
    }
}

/// The frames whose end fits all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FatePattern {
    /// The fate.
    pub fate: Option<Fate>,
    /// The step that decided it.
    pub step: Option<PipelineStep>,
    /// The errno that the kernel reports.
    pub errno: Option<Errno>,
    /// The rule behind it.
    pub rule: Option<RuleId>,
    /// The port by which the frames left, or were to leave.
    pub port: Option<String>,
    /// The port whose poll handled them last.
    pub ingress: Option<String>,
}

impl fmt::Display for FatePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.fate.map(|fate| format!("fate `{}`", fate.name())),
            self.step.map(|step| format!("step `{}`", step.name())),
            self.errno.map(|errno| format!("errno {}", errno.name())),
            self.rule.map(|rule| format!("rule {rule}")),
            self.port.as_ref().map(|port| format!("port `{port}`")),
            self.ingress.as_ref().map(|port| format!("ingress `{port}`")),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

macro_rules! counters {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $key:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its key in a scenario, which is that of `replay --json`.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }
        }
    };
}

counters! {
    /// Counters of the whole run.
    Total {
        /// Frames of the captures.
        Arrivals = "arrivals",
        /// Copies that broadcasts made.
        Clones = "clones",
        /// Frames that went on over a veth pair.
        Hops = "hops",
        /// Frames that left by a port for good.
        Delivered = "delivered",
        /// Frames that a stack got.
        Passed = "passed",
        /// Frames that a program dropped.
        Dropped = "dropped",
        /// All other frames.
        Lost = "lost",
    }
}

counters! {
    /// Counters of a port.
    Counter {
        /// Frames that arrived on it.
        Received = "received",
        /// Frames that left by it.
        Delivered = "delivered",
        /// The bytes of those.
        Bytes = "bytes",
        /// Frames that its stack got.
        Passed = "passed",
        /// Frames that a program dropped here.
        Dropped = "dropped",
        /// Frames lost on the way out of it.
        Lost = "lost",
        /// How often a broadcast left it out.
        Skipped = "skipped",
    }
}

counters! {
    /// What a program returned.
    Verdict {
        /// XDP_ABORTED.
        Aborted = "aborted",
        /// XDP_DROP.
        Drop = "drop",
        /// XDP_PASS.
        Pass = "pass",
        /// XDP_TX.
        Tx = "tx",
        /// XDP_REDIRECT.
        Redirect = "redirect",
        /// A number that is none of them.
        Unknown = "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_belong_to_the_range() {
        let range = Frames { min: 2, max: Some(4) };
        assert_eq!([1, 2, 4, 5].map(|number| range.holds(number)), [false, true, true, false]);
        assert!(Frames { min: 2, max: None }.holds(u64::MAX));
        assert!(!Frames::exactly(7).holds(8));
    }
}
