//! The campaign: sequence after sequence until enough operations were played or the two sides part.
//!
//! The same seed and numbers give the same sequences on every machine.

use std::cell::RefCell;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner};
use thiserror::Error;
use xdpsim_devmap::MapTable;

use super::difference::{MapDifference, Step};
use super::exercise::Exercised;
use super::machine::{Machine, MachineError};
use super::op::MapOp;
use super::play::Play;
use super::strategy::{Mix, sequence};

/// How many of the operations are of the slow kinds, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// In sequences with maps of maps.
    pub nested: u64,
    /// In sequences with devices that come and go.
    pub devices: u64,
}

impl Default for Share {
    fn default() -> Self {
        Self { nested: 10, devices: 20 }
    }
}

/// What is to be played.
#[derive(Clone, Debug)]
pub struct MapCampaign {
    /// How many operations, at least.
    pub operations: u64,
    /// Seed of the sequences.
    pub seed: u64,
    /// How many of them are slow.
    pub share: Share,
    /// The model's empty table; each sequence begins with a copy. A table with a deliberate fault judges the
    /// campaign itself.
    pub model: MapTable,
}

impl MapCampaign {
    /// A campaign against the model as it should be.
    #[must_use]
    pub fn new(operations: u64, seed: u64) -> Self {
        Self { operations, seed, share: Share::default(), model: MapTable::default() }
    }
}

/// A campaign without a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapReport {
    /// Operations on both sides.
    pub operations: u64,
    /// Sequences.
    pub sequences: u64,
    /// How often each clause was shown.
    pub exercised: Exercised,
}

/// Why a campaign ended early.
#[derive(Debug, Error)]
pub enum MapFailure {
    /// The two sides differ.
    #[error(transparent)]
    Difference(Box<MapDifference>),
    /// The machine gave up.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Plays a campaign; `progress` hears the number of operations so far, after each sequence. Needs CAP_BPF,
/// CAP_NET_ADMIN and CAP_SYS_ADMIN.
///
/// # Errors
/// The first difference, shrunk, or what the machine can't do.
pub fn campaign(what: &MapCampaign, progress: &mut dyn FnMut(u64)) -> Result<MapReport, MapFailure> {
    let mut run = Run { what, machine: RefCell::new(Machine::new()?), report: MapReport::default() };
    let Share { nested, devices } = what.share;
    let of_all = |thousandths: u64| (what.operations * thousandths).div_ceil(1000);
    let mixes = [(Mix::Plain, 1000 - nested - devices), (Mix::Nested, nested), (Mix::Devices, devices)];
    for (mix, share) in mixes {
        run.mix(mix, of_all(share), progress)?;
    }
    Ok(run.report)
}

struct Run<'a> {
    what: &'a MapCampaign,
    machine: RefCell<Machine>,
    report: MapReport,
}

/// What one sequence came to.
struct Played {
    operations: u64,
    exercised: Exercised,
    /// All steps, if the last one differs.
    parted: Option<Vec<Step>>,
}

impl Run<'_> {
    fn mix(&mut self, mix: Mix, operations: u64, progress: &mut dyn FnMut(u64)) -> Result<(), MapFailure> {
        let mut runner = TestRunner::new(config(self.what.seed));
        let strategy = sequence(mix);
        let end = self.report.operations + operations;
        while self.report.operations < end {
            self.sequence(&strategy, &mut runner)?;
            progress(self.report.operations);
        }
        Ok(())
    }

    fn sequence(
        &mut self,
        strategy: &impl Strategy<Value = Vec<MapOp>>,
        runner: &mut TestRunner,
    ) -> Result<(), MapFailure> {
        let first = RefCell::new(None);
        let tree = strategy.new_tree(runner).map_err(|reason| machine_reason(&reason.to_string()))?;
        let outcome = runner.run_one(tree, |ops| {
            let played = self.play(&ops).map_err(|error| TestCaseError::reject(error.to_string()))?;
            let parted = played.parted.is_some();
            first.borrow_mut().get_or_insert(played);
            if parted { Err(TestCaseError::fail("they differ")) } else { Ok(()) }
        });
        if let Some(played) = first.into_inner() {
            self.report.operations += played.operations;
            self.report.sequences += 1;
            self.report.exercised.merge(&played.exercised);
        }
        match outcome {
            Ok(_) => Ok(()),
            Err(TestError::Fail(_, ops)) => Err(self.difference(&ops)),
            Err(TestError::Abort(reason)) => Err(machine_reason(&reason.to_string())),
        }
    }

    fn difference(&self, ops: &[MapOp]) -> MapFailure {
        match self.without_bystanders(ops.to_vec()).and_then(|ops| self.play(&ops)) {
            Err(error) => error.into(),
            Ok(played) => MapFailure::Difference(Box::new(MapDifference {
                steps: played.parted.unwrap_or_default(),
                operations: self.report.operations,
                seed: self.what.seed,
            })),
        }
    }

    /// Takes out every operation that the difference doesn't need. The search tried that before it made
    /// what is left simpler, and simpler operations need fewer others.
    fn without_bystanders(&self, mut ops: Vec<MapOp>) -> Result<Vec<MapOp>, MachineError> {
        for at in (0..ops.len()).rev() {
            let removed = ops.remove(at);
            if self.play(&ops)?.parted.is_none() {
                ops.insert(at, removed);
            }
        }
        Ok(ops)
    }

    fn play(&self, ops: &[MapOp]) -> Result<Played, MachineError> {
        let mut machine = self.machine.borrow_mut();
        if ops.iter().any(|op| matches!(op, MapOp::Device(_))) {
            machine.invite()?;
        }
        let mut exercised = Exercised::default();
        let mut play = Play::new(&mut machine, self.what.model.clone(), &mut exercised)?;
        let mut steps = Vec::new();
        for op in ops {
            let answers = play.step(op)?;
            let agree = answers.agree();
            steps.push(answers);
            if !agree {
                break;
            }
        }
        let mut operations = steps.len() as u64;
        let mut steps: Vec<Step> =
            ops.iter().zip(steps).map(|(op, answers)| Step::new(op, answers)).collect();
        let mut parted = steps.last().is_some_and(|step| step.model != step.kernel);
        if !parted {
            let (calls, found) = play.sweep();
            operations += calls;
            parted = found.is_some();
            steps.extend(found.map(|(op, answers)| Step::new(&op, answers)));
        }
        drop(play);
        Ok(Played { operations, exercised, parted: parted.then_some(steps) })
    }
}

fn machine_reason(reason: &str) -> MapFailure {
    MapFailure::Machine(MachineError::Gone(reason.to_owned()))
}

fn config(seed: u64) -> Config {
    Config {
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}
