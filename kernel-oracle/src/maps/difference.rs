//! A difference between model and kernel, and how it is shown.

use std::fmt;

use super::answer::{Answer, Answers};
use super::op::MapOp;

/// An operation with what both sides said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation.
    pub op: MapOp,
    /// The model's answer.
    pub model: Answer,
    /// The kernel's.
    pub kernel: Answer,
}

impl Step {
    pub(super) fn new(op: &MapOp, answers: Answers) -> Self {
        Self { op: op.clone(), model: answers.model, kernel: answers.kernel }
    }
}

/// The shortest sequence that was found for a difference; the two part at its last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDifference {
    /// The operations with their answers.
    pub steps: Vec<Step>,
    /// Operations on both sides before it was found, that of the search for the shortest not counted.
    pub operations: u64,
    /// The campaign's seed.
    pub seed: u64,
}

impl fmt::Display for MapDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operations, seed) = (self.operations, self.seed);
        writeln!(
            f,
            "model and kernel differ after {operations} map operations (seed {seed}); the shortest case:"
        )?;
        let Some((last, agreed)) = self.steps.split_last() else { return Ok(()) };
        for (number, step) in (1..).zip(agreed) {
            writeln!(f, "  {number:>3}. {:?}\n       both: {}", step.op, step.kernel)?;
        }
        writeln!(f, "  {:>3}. {:?}", self.steps.len(), last.op)?;
        write!(f, "       model:  {}\n       kernel: {}", last.model, last.kernel)
    }
}

impl std::error::Error for MapDifference {}
