//! A trial that breaks a law, and what to do with it.

use std::fmt;

use super::eject::EJECT_VARIABLE;
use super::{Broken, OwnPrograms, Trial};

/// The simplest trial that was found to break a law.
pub struct Counterexample {
    /// The property's name.
    pub property: String,
    /// The seed that draws it first.
    pub seed: u64,
    /// How many trials had obeyed the law before.
    pub after: u32,
    /// The trial.
    pub trial: Trial,
    /// What it broke.
    pub broken: Broken,
    pub(super) own: OwnPrograms,
}

impl Counterexample {
    /// The command that finds it again, first thing.
    #[must_use]
    pub fn command(&self) -> String {
        format!("PROPTEST_RNG_SEED={} cargo test {}", self.seed, self.property)
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ports, frames) = (self.trial.scenario.ports.len(), self.trial.frames.len());
        writeln!(f, "`{}` does not hold: {}", self.property, self.broken)?;
        let frames = if frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
        writeln!(
            f,
            "seed {}, after {} good trials; shrunk to {ports} ports and {frames}",
            self.seed, self.after
        )?;
        writeln!(f, "again:   {}", self.command())?;
        writeln!(f, "keep it: {EJECT_VARIABLE}=tests/kept {}", self.command())?;
        write!(f, "\n{}", self.trial)
    }
}

impl fmt::Debug for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Counterexample {}
