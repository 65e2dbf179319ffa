//! Plays cases of one house on both sides.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::strategy::Strategy;
use proptest::test_runner::{TestCaseError, TestError, TestRunner};

use super::failure::{CaseDifference, DataFailure};
use super::{DataCampaign, DataReport};
use crate::bench::Bench;
use crate::case::{Case, House};
use crate::cases::shorten;
use crate::compare::compare;
use crate::exercise::View;
use crate::model::{self, Options, Played};
use crate::transcript::Transcript;

/// A house on both sides.
pub(super) struct Player<'a> {
    what: &'a DataCampaign,
    bench: RefCell<Bench>,
    /// The case before the current one: frames that arrive late are its.
    last: RefCell<Option<Case>>,
    /// Where the latest case that differed did so, for a kernel that does not do the same twice.
    parting: RefCell<Option<String>>,
}

/// One case on both sides.
pub(super) struct Both {
    pub options: Options,
    pub model: Played,
    pub kernel: Transcript,
    /// Frames that arrived when nobody waited for any more, by port.
    pub late: Vec<(String, Vec<u8>)>,
}

impl Both {
    pub fn agree(&self) -> bool {
        self.late.is_empty() && self.model.transcript == self.kernel
    }
}

impl<'a> Player<'a> {
    pub fn new(house: &House, what: &'a DataCampaign) -> Result<Self, DataFailure> {
        Ok(Self {
            what,
            bench: RefCell::new(Bench::new(house)?),
            last: RefCell::new(None),
            parting: RefCell::new(None),
        })
    }

    /// The model with the history that the kernel's rings have now.
    pub fn options(&self) -> Result<Options, DataFailure> {
        let polled = self.bench.borrow_mut().polled()?;
        Ok(Options { polled, ..self.what.model.clone() })
    }

    /// Plays a case on both sides.
    pub fn play(&self, case: &Case) -> Result<Both, DataFailure> {
        let options = self.options()?;
        let mut bench = self.bench.borrow_mut();
        let model = model::play_fully(case, &options)?;
        let kernel = bench.play(case, &model.transcript)?;
        let late = bench.take_strays();
        if model.transcript != kernel {
            let found = compare(&model.transcript, &kernel, case);
            self.parting.replace(found.map(|found| found.report(case, &kernel, &options)));
        }
        Ok(Both { options, model, kernel, late })
    }

    /// Draws a case, plays it, and shrinks it if the two differ.
    pub fn one(
        &mut self,
        strategy: &impl Strategy<Value = Case>,
        runner: &mut TestRunner,
        report: &mut DataReport,
    ) -> Result<(), DataFailure> {
        let tree = strategy.new_tree(runner).map_err(|reason| DataFailure::Draw(reason.to_string()))?;
        let (first, failure) = (RefCell::new(None), RefCell::new(None));
        let outcome = runner.run_one(tree, |case| {
            let both = self.play(&case).map_err(|error| {
                let text = error.to_string();
                failure.borrow_mut().get_or_insert(error);
                TestCaseError::reject(text)
            })?;
            let agree = both.agree();
            first.borrow_mut().get_or_insert((case, both));
            if agree { Ok(()) } else { Err(TestCaseError::fail("they differ")) }
        });
        if let Some(error) = failure.into_inner() {
            return Err(error);
        }
        let Some((case, both)) = first.into_inner() else { return Ok(()) };
        match outcome {
            Err(TestError::Fail(_, shortest)) => Err(self.differ(shortest, report)?),
            _ => self.agreed(case, &both, report),
        }
    }

    /// Books a case on which both agree.
    pub fn agreed(&self, case: Case, both: &Both, report: &mut DataReport) -> Result<(), DataFailure> {
        let told = model::tell(&case, &both.options)?;
        if told.transcript != both.model.transcript {
            let fast = &both.model.transcript;
            let found = compare(&told.transcript, fast, &case);
            let what = found.map_or_else(String::new, |found| found.report(&case, fast, &both.options));
            return Err(DataFailure::Paths { cases: report.cases, seed: self.what.seed, what });
        }
        report.add(&case);
        report.copies += both.kernel.deliveries.values().map(|frames| frames.len() as u64).sum::<u64>();
        report.exercised.add(&View::new(&case, &told));
        self.last.replace(Some(case));
        Ok(())
    }

    /// What is to be said of a case that differs, shrunk before.
    pub fn differ(&self, case: Case, report: &DataReport) -> Result<DataFailure, DataFailure> {
        let parts = |case: &Case| self.play(case).is_ok_and(|both| both.late.is_empty() && !both.agree());
        let case = shorten(case, &mut { parts });
        let both = self.play(&case)?;
        let (case, parting) = if both.late.is_empty() {
            let parting = compare(&both.model.transcript, &both.kernel, &case).map_or_else(
                || {
                    let before = self.parting.take().unwrap_or_default();
                    format!(
                        "it differed before and agrees now: the kernel did not do the same twice; before:\n{before}"
                    )
                },
                |found| found.report(&case, &both.kernel, &both.options),
            );
            (case, parting)
        } else {
            (self.last.borrow().clone().unwrap_or(case), late(&both.late))
        };
        Ok(self.failure(case, parting, report))
    }

    pub fn failure(&self, case: Case, parting: String, report: &DataReport) -> DataFailure {
        let (cases, seed) = (report.cases, self.what.seed);
        DataFailure::Difference(Box::new(CaseDifference { case, parting, cases, seed }))
    }

    /// The house is left: nothing may still be on its way.
    pub fn finish(self, report: &DataReport) -> Result<(), DataFailure> {
        let mut bench = self.bench.borrow_mut();
        bench.look_again()?;
        let strays = bench.take_strays();
        match self.last.take() {
            Some(case) if !strays.is_empty() => Err(self.failure(case, late(&strays), report)),
            _ => Ok(()),
        }
    }
}

/// Frames that nobody expected, found when the next case began.
fn late(frames: &[(String, Vec<u8>)]) -> String {
    let mut by_port: BTreeMap<&str, usize> = BTreeMap::new();
    for (port, _) in frames {
        *by_port.entry(port).or_default() += 1;
    }
    let each: Vec<String> = by_port.iter().map(|(port, n)| format!("{port}: {n}")).collect();
    format!("frames left on the kernel when the case was over and nobody expected more: {}", each.join(", "))
}
