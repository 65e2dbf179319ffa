//! Which deliberate faults of the model a campaign finds, and by which case.
//!
//! The campaign's cases are drawn in their order, one house after the other. Where the model with a fault
//! shows something else than the model without, the case is played on the kernel, and the kernel decides.
//! What then parts model and kernel is shrunk in the model alone: the kernel agreed with the right one on
//! this very case, so that one stands in for it. The shrunk case is played on the kernel again. A fault is
//! found when that shows it, too.
//!
//! Cases that show no fault that is still looked for are not played on the kernel: [`super::campaign`] does
//! that. So rings have another history here (DRV-06), and each transcript is taken with the one they have.
//!
//! Without the core's feature `mutations` no fault has an effect and none is found.

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xdpsim_core::Mutations;

use super::player::Player;
use super::{Course, DataCampaign, DataFailure, DataReport, draw};
use crate::case::{Case, House};
use crate::cases::{self, Carrier};
use crate::compare::{Difference, compare};
use crate::model::{self, Options};
use crate::transcript::Transcript;

/// So many cases are tried for a shorter one.
const TRIES: usize = 4_000;

/// A fault that was found.
#[derive(Clone, Debug)]
pub struct Catch {
    /// The fault.
    pub fault: Mutations,
    /// Cases of the campaign up to the one that showed it.
    pub cases: u64,
    /// The shortest case that shows it.
    pub case: Case,
    /// Where the faulty model and the kernel part in that.
    pub difference: Difference,
    /// The same as [`Difference::report`] tells it.
    pub report: String,
}

/// What a campaign caught.
#[derive(Clone, Debug, Default)]
pub struct Catches {
    /// Faults that were found, in the order in which they were.
    pub found: Vec<Catch>,
    /// Faults that no case showed.
    pub missed: Vec<Mutations>,
    /// Cases that were drawn.
    pub cases: u64,
    /// Cases that the kernel played, those that were shrunk included.
    pub played: u64,
}

/// Looks for each of these faults until all are found or the campaign is over. Needs what
/// [`super::campaign`] needs.
///
/// # Errors
/// A difference between the kernel and the model without faults, or what the bench can't do.
pub fn catch(what: &DataCampaign, faults: Mutations) -> Result<Catches, DataFailure> {
    let course = Course::of(what);
    let mut hunt = Hunt { what, caught: Catches { missed: faults.iter().collect(), ..Catches::default() } };
    for no in 0..course.houses {
        hunt.in_house(&course, no)?;
        if hunt.is_over() {
            break;
        }
    }
    Ok(hunt.caught)
}

struct Hunt<'a> {
    what: &'a DataCampaign,
    caught: Catches,
}

/// A house, built on the kernel when it is needed.
struct Stage<'a> {
    what: &'a DataCampaign,
    house: &'a House,
    player: Option<Player<'a>>,
    /// The right model, with the history that rings have now.
    options: Options,
    report: DataReport,
}

impl<'a> Stage<'a> {
    fn new(what: &'a DataCampaign, house: &'a House) -> Self {
        Self {
            what,
            house,
            player: None,
            options: what.model.clone(),
            report: DataReport::empty(what.histogram()),
        }
    }

    /// What the kernel shows, which must be what the right model shows.
    fn play(&mut self, case: &Case) -> Result<(Options, Transcript), DataFailure> {
        let player = match self.player.take() {
            Some(player) => player,
            None => Player::new(self.house, self.what)?,
        };
        let player = self.player.insert(player);
        let both = player.play(case)?;
        if !both.agree() {
            return Err(player.differ(case.clone(), &self.report)?);
        }
        player.agreed(case.clone(), &both, &mut self.report)?;
        self.options = player.options()?;
        Ok((both.options, both.kernel))
    }

    fn finish(self) -> Result<(), DataFailure> {
        let report = self.report;
        self.player.map_or(Ok(()), |player| player.finish(&report))
    }
}

/// Cases that are drawn together.
type Drawn = BoxedStrategy<Vec<Case>>;

impl Hunt<'_> {
    fn is_over(&self) -> bool {
        self.caught.missed.is_empty()
    }

    fn in_house(&mut self, course: &Course, no: u64) -> Result<(), DataFailure> {
        let mut runner = course.runner(no);
        let house = draw(&cases::houses(self.what.houses), &mut runner)?;
        let mut stage = Stage::new(self.what, &house);
        let singly = cases::cases_in(&house, self.what.mix).prop_map(|case| vec![case]).boxed();
        for _ in 0..course.cases(no) {
            self.draw(&singly, &mut runner, &mut stage)?;
        }
        let by_carrier = carried(&house);
        for _ in 0..course.differences(no) {
            self.draw(&by_carrier, &mut runner, &mut stage)?;
        }
        stage.finish()
    }

    fn draw(
        &mut self,
        drawn: &Drawn,
        runner: &mut TestRunner,
        stage: &mut Stage<'_>,
    ) -> Result<(), DataFailure> {
        if self.is_over() {
            return Ok(());
        }
        // Another draw from here gives the same cases again, to be shrunk.
        let here = runner.clone();
        for case in draw(drawn, runner)? {
            self.caught.cases += 1;
            for fault in self.shown(&case, &stage.options)? {
                self.try_fault(fault, &case, stage, (drawn, &here))?;
            }
        }
        Ok(())
    }

    /// The faults that this case shows, of those that are looked for.
    fn shown(&self, case: &Case, options: &Options) -> Result<Vec<Mutations>, DataFailure> {
        let right = model::play(case, options)?;
        let shown = |fault: &Mutations| parts(*fault, case, options, &right).is_some();
        Ok(self.caught.missed.iter().copied().filter(shown).collect())
    }

    /// Lets the kernel decide, on this case and on the shortest like it.
    fn try_fault(
        &mut self,
        fault: Mutations,
        case: &Case,
        stage: &mut Stage<'_>,
        (drawn, here): (&Drawn, &TestRunner),
    ) -> Result<(), DataFailure> {
        if self.on_kernel(fault, case, stage)?.is_none() {
            return Ok(());
        }
        let options = stage.options.clone();
        let mut again = here.clone();
        let tree = drawn.new_tree(&mut again).map_err(|reason| DataFailure::Draw(reason.to_string()))?;
        let mut shows = |case: &Case| shows(fault, case, &options);
        let Some(case) = shortest(tree, &mut shows) else { return Ok(()) };
        let case = cases::shorten(case, &mut shows);
        if let Some((difference, report)) = self.on_kernel(fault, &case, stage)? {
            let cases = self.caught.cases;
            self.caught.missed.retain(|&missed| missed != fault);
            self.caught.found.push(Catch { fault, cases, case, difference, report });
        }
        Ok(())
    }

    /// Where the model with this fault and the kernel part.
    fn on_kernel(
        &mut self,
        fault: Mutations,
        case: &Case,
        stage: &mut Stage<'_>,
    ) -> Result<Option<(Difference, String)>, DataFailure> {
        let (options, kernel) = stage.play(case)?;
        self.caught.played += 1;
        let difference = parts(fault, case, &options, &kernel);
        Ok(difference.map(|difference| {
            let report = difference.report(case, &kernel, &with(fault, &options));
            (difference, report)
        }))
    }
}

fn with(fault: Mutations, options: &Options) -> Options {
    Options { mutations: fault, ..options.clone() }
}

/// Where the model with this fault parts from a transcript. A fault changes nothing in whether a case can be
/// built.
fn parts(fault: Mutations, case: &Case, options: &Options, other: &Transcript) -> Option<Difference> {
    let faulty = model::play(case, &with(fault, options)).ok()?;
    if faulty == *other { None } else { compare(&faulty, other, case) }
}

/// Does the case tell the model with this fault from the one without?
fn shows(fault: Mutations, case: &Case, options: &Options) -> bool {
    model::play(case, options).is_ok_and(|right| parts(fault, case, options, &right).is_some())
}

/// Triples (A, B, ingress), each as the cases of both carriers.
fn carried(house: &House) -> Drawn {
    let (strategy, house) = (cases::differences_in(house), house.clone());
    strategy.prop_map(move |triple| Carrier::ALL.map(|carrier| triple.case(&house, carrier)).to_vec()).boxed()
}

/// The shortest case that shows it; `None` if the one that was drawn doesn't.
fn shortest(
    mut tree: impl ValueTree<Value = Vec<Case>>,
    shows: &mut dyn FnMut(&Case) -> bool,
) -> Option<Case> {
    let mut best = tree.current().into_iter().find(&mut *shows)?;
    let mut goes_on = tree.simplify();
    for _ in 0..TRIES {
        if !goes_on {
            break;
        }
        goes_on = match tree.current().into_iter().find(&mut *shows) {
            Some(case) => {
                best = case;
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    Some(best)
}
