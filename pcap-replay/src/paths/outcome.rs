//! What a path comes to: where the frame and its copies ended, and who got nothing.
//!
//! By names, so that the outcomes of two scenarios can be compared. How a frame got there (programs, maps,
//! calls) is no part of it.

use std::fmt;

use serde::Serialize;
use xdpsim_core::Fate;

use super::leg::{Finish, FramePath, Leg};
use crate::explain::Names;
use crate::output::totals::Class;

/// Ends and omissions, sorted; equal for frames that fared alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Outcome {
    /// Ports by which it left.
    pub delivered: Vec<String>,
    /// Every other end.
    pub ended: Vec<Ended>,
    /// Targets that a broadcast left out, and why.
    pub left_out: Vec<LeftOut>,
}

/// An end other than leaving by a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Ended {
    /// How, in a word for people.
    #[serde(skip)]
    word: &'static str,
    /// How.
    pub fate: &'static str,
    /// By which port it was to leave.
    pub egress: Option<String>,
    /// The errno.
    pub errno: Option<&'static str>,
    /// The rule.
    pub rule: &'static str,
}

/// A target that got nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LeftOut {
    /// The target.
    pub port: String,
    /// Why.
    pub skip: &'static str,
    /// The rule.
    pub rule: &'static str,
}

impl Outcome {
    /// The outcome of a path.
    #[must_use]
    pub fn of(names: Names<'_>, path: &FramePath) -> Self {
        let mut outcome = Self::default();
        let name = |port| names.port(port).to_owned();
        path.walk(&mut |leg| match leg {
            Leg::End(Finish { fate: Fate::Delivered, egress: Some(port), .. }) => {
                outcome.delivered.push(name(*port));
            }
            Leg::End(end) => outcome.ended.push(Ended::of(names, end)),
            Leg::LeftOut { port, skip } => outcome.left_out.push(LeftOut {
                port: name(*port),
                skip: skip.name(),
                rule: skip.rule().name(),
            }),
            _ => {}
        });
        outcome.delivered.sort_unstable();
        outcome.ended.sort_unstable();
        outcome.left_out.sort_unstable();
        outcome
    }
}

impl Ended {
    fn of(names: Names<'_>, end: &Finish) -> Self {
        let word = match Class::of(end.fate) {
            Class::Delivered => "delivered",
            Class::Passed => "passed to the stack",
            Class::Dropped => "dropped",
            Class::Copied => "copied",
            Class::Lost => "lost",
        };
        Self {
            word,
            fate: end.fate.name(),
            egress: end.egress.map(|port| names.port(port).to_owned()),
            errno: end.errno.map(|errno| errno.name()),
            rule: end.fate.rule().name(),
        }
    }
}

impl fmt::Display for Outcome {
    /// On one line: `delivered by eth1; lost to box0 (no_napi, ENXIO, DRV-03); left out: eth3 (down, BRD-05)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.delivered.is_empty() {
            parts.push(format!("delivered by {}", self.delivered.join(", ")));
        }
        parts.extend(self.ended.iter().map(ToString::to_string));
        if !self.left_out.is_empty() {
            let list: Vec<String> = self
                .left_out
                .iter()
                .map(|out| format!("{} ({}, {})", out.port, out.skip, out.rule))
                .collect();
            parts.push(format!("left out: {}", list.join(", ")));
        }
        f.write_str(&if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        if let Some(egress) = &self.egress {
            write!(f, " to {egress}")?;
        }
        match self.errno {
            Some(errno) => write!(f, " ({}, {errno}, {})", self.fate, self.rule),
            None => write!(f, " ({}, {})", self.fate, self.rule),
        }
    }
}
