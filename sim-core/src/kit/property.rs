//! A property: trials are drawn, played and held against a law; the first that breaks it is shrunk.

use std::cell::{Cell, RefCell};

use proptest::prelude::{Rng, Strategy};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::eject::EJECT_VARIABLE;
use super::{Broken, Counterexample, Law, OwnPrograms, Played, Trial, fresh};
use crate::program::XdpProgram;

/// Simpler trials that are tried at most before the simplest so far is shown.
const SHRINKS_MAX: u32 = 20_000;

/// A property that held, and of how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Trials.
    pub trials: u32,
    /// Frames that arrived in them.
    pub frames: u64,
    /// Frames and copies that left by a port.
    pub delivered: u64,
}

/// What shall hold for every trial that a strategy draws.
///
/// Two variables of the environment, both of the `proptest` crate, are heeded: `PROPTEST_CASES`, and
/// `PROPTEST_RNG_SEED`, with which a failure's seed is the first that is drawn from.
pub struct Property {
    name: String,
    own: OwnPrograms,
    cases: u32,
    seed: Option<u64>,
}

impl Property {
    /// Begins. The name is that of the test, by which `cargo test` finds it again.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let Config { cases, rng_seed, .. } = Config::default();
        let seed = match rng_seed {
            RngSeed::Fixed(seed) => Some(seed),
            RngSeed::Random => None,
        };
        Self { name: name.to_owned(), own: OwnPrograms::new(), cases, seed }
    }

    /// A program of one's own, in the place of the scenario's program of this name.
    #[must_use]
    pub fn program(mut self, name: &str, program: impl XdpProgram + 'static) -> Self {
        self.own.insert(name.to_owned(), Box::new(program));
        self
    }

    /// How many trials to draw, 256 unless told otherwise.
    #[must_use]
    pub fn cases(self, cases: u32) -> Self {
        Self { cases, ..self }
    }

    /// Where the random numbers begin: a new place each time unless told otherwise. What the environment says
    /// counts more, so that a failure's command finds it again.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: self.seed.or(Some(seed)), ..self }
    }

    /// Looks for a trial that breaks the law; if there is none, says of how much it held. A panic while a trial
    /// is played, in the law or in a program, breaks it too.
    ///
    /// # Errors
    /// The simplest trial that was found to break the law.
    pub fn find<S: Strategy<Value = Trial>>(
        &self,
        trials: S,
        law: impl Fn(&Played<'_>) -> Law,
    ) -> Result<Held, Box<Counterexample>> {
        let held = Cell::new(Held { trials: self.cases, ..Held::default() });
        let first = self.seed.unwrap_or_else(|| runner(RngSeed::Random).rng().next_u64());
        for case in 0..self.cases {
            // One seed for each trial: the one that fails is the first that its seed draws.
            let seed = first.wrapping_add(u64::from(case));
            let mut runner = runner(RngSeed::Fixed(seed));
            let tree =
                trials.new_tree(&mut runner).map_err(|why| self.undrawn(seed, case, &why.to_string()))?;
            if let Some((trial, broken)) = self.try_one(&mut runner, tree, &law, &held) {
                return Err(self.counterexample(seed, case, trial, broken));
            }
        }
        Ok(held.get())
    }

    /// The same as a test: a counterexample is kept in the folder that the variable `XDPSIM_EJECT` names, and
    /// becomes the message of a panic.
    ///
    /// # Panics
    /// If there is a counterexample; or if no frame left by any port in any trial, for then nothing was
    /// tested.
    pub fn check<S: Strategy<Value = Trial>>(&self, trials: S, law: impl Fn(&Played<'_>) -> Law) {
        let found = match self.find(trials, law) {
            Err(found) => found,
            Ok(Held { delivered: 1.., .. }) => return,
            Ok(Held { trials, frames, .. }) => panic!(
                "`{}` was not tested: of {frames} frames in {trials} trials none left by any port\n\
                 does the program redirect through the map that the scenarios have (`scenarios::MAP_ID`)?",
                self.name
            ),
        };
        let kept = std::env::var_os(EJECT_VARIABLE).map(|folder| match found.eject(folder.as_ref()) {
            Ok(ejected) => format!("\nkept: {ejected}"),
            Err(error) => format!("\nnot kept: {error}"),
        });
        panic!("{found}{}", kept.unwrap_or_default());
    }

    fn try_one<T: proptest::strategy::ValueTree<Value = Trial>>(
        &self,
        runner: &mut TestRunner,
        tree: T,
        law: &impl Fn(&Played<'_>) -> Law,
        held: &Cell<Held>,
    ) -> Option<(Trial, Broken)> {
        // The last that broke the law is the simplest.
        let last = RefCell::new(None);
        let outcome = runner.run_one(tree, |trial| {
            let broken = match trial.play_with(&self.own) {
                Ok(played) => {
                    held.set(held.get().and(&played));
                    law(&played).err()
                }
                Err(error) => Some(Broken::new("the scenario builds", error.to_string())),
            };
            let Some(broken) = broken else { return Ok(()) };
            let why = broken.to_string();
            *last.borrow_mut() = Some(broken);
            Err(TestCaseError::fail(why))
        });
        match outcome {
            Err(TestError::Fail(why, trial)) => {
                let why = why.to_string();
                let told = last.take().filter(|broken: &Broken| broken.to_string() == why);
                Some((trial, told.unwrap_or_else(|| Broken::new("no panic", why))))
            }
            Ok(_) | Err(TestError::Abort(_)) => None,
        }
    }

    fn counterexample(&self, seed: u64, case: u32, trial: Trial, broken: Broken) -> Box<Counterexample> {
        let property = self.name.clone();
        Box::new(Counterexample { property, seed, after: case, trial, broken, own: fresh(&self.own) })
    }

    fn undrawn(&self, seed: u64, case: u32, why: &str) -> Box<Counterexample> {
        let broken = Broken::new("the strategy draws a trial", why);
        self.counterexample(seed, case, Trial::new(crate::Scenario::default(), Vec::new()), broken)
    }
}

impl Held {
    fn and(self, played: &Played<'_>) -> Self {
        let (frames, delivered) = (played.trial.frames.len(), played.run.deliveries().len());
        Self { frames: self.frames + frames as u64, delivered: self.delivered + delivered as u64, ..self }
    }
}

fn runner(rng_seed: RngSeed) -> TestRunner {
    let config =
        Config { failure_persistence: None, max_shrink_iters: SHRINKS_MAX, rng_seed, ..Config::default() };
    TestRunner::new(config)
}
