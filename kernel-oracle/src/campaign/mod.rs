//! The campaign on the data path: house after house, case after case, until enough were played or the two
//! sides part.
//!
//! The same seed and numbers give the same houses and cases on every machine. A case that differs is shrunk
//! in its house, which is what stays; its report is the shortest case found, told by [`crate::compare`].
//!
//! Houses are played by several threads: most of a case's time is waiting, for grace periods above all. What
//! a house is and which cases it sees depends on the seed and its number alone, and of several differences
//! the one in the house of the lowest number is reported.
//!
//! Every case is played three times: on the model as users' replays run it, on the model frame by frame for
//! the story (both must show the same), and on the kernel.

mod carriers;
mod catch;
mod course;
mod crew;
mod failure;
mod player;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

pub use catch::{Catch, Catches, catch};
pub use failure::{CaseDifference, DataFailure};

use crate::case::{Case, House, Inject};
use crate::cases::{self, HouseMix, Mix};
use crate::exercise::Histogram;
use crate::model::Options;
use course::Course;
use player::Player;

/// What is to be played.
#[derive(Clone, Debug)]
pub struct DataCampaign {
    /// How many cases, those of the differences included.
    pub cases: u64,
    /// How many of [`DataReport::differences`]: each is two cases, one per carrier.
    pub differences: u64,
    /// Seed of houses and cases.
    pub seed: u64,
    /// Cases before the next house is built, which takes as long as a hundred of them.
    pub cases_per_house: u64,
    /// How many houses are played at the same time; the outcome does not depend on it.
    pub threads: usize,
    /// What houses are made of.
    pub houses: HouseMix,
    /// What cases are made of.
    pub mix: Mix,
    /// Which kernel the model is, and with which deliberate faults.
    pub model: Options,
}

impl DataCampaign {
    /// A campaign against the model as it should be, for this kernel.
    #[must_use]
    pub fn new(cases: u64, seed: u64, model: Options) -> Self {
        Self {
            cases,
            differences: cases / 10,
            seed,
            cases_per_house: 250,
            threads: crew::threads(),
            houses: HouseMix::default(),
            mix: Mix::default(),
            model,
        }
    }

    /// The same in houses where most ports that receive do so in generic mode.
    #[must_use]
    pub fn generic(cases: u64, seed: u64, model: Options) -> Self {
        let houses = HouseMix { generic: GENERIC, ..HouseMix::default() };
        Self { houses, cases_per_house: 100, ..Self::new(cases, seed, model) }
    }

    /// A count of the clauses that it is about.
    fn histogram(&self) -> Histogram {
        if self.houses.generic > 0.0 { Histogram::of_generic_cases() } else { Histogram::of_cases() }
    }
}

/// How many receiving ports are in generic mode where a campaign is about that.
const GENERIC: f64 = 0.7;

/// A campaign without a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataReport {
    /// Cases on both sides, those of carriers included.
    pub cases: u64,
    /// Cases in which frames came from a socket at the far end.
    pub sockets: u64,
    /// Cases with a burst of 16 to 64 frames in one poll.
    pub bursts: u64,
    /// Triples (A, B, ingress), each played with both carriers of "A without B".
    pub differences: u64,
    /// Houses.
    pub houses: u64,
    /// Frames that came in.
    pub frames: u64,
    /// Frames that left by a port and were captured there.
    pub copies: u64,
    /// How often each clause was exercised.
    pub exercised: Histogram,
}

impl DataReport {
    /// Of no case.
    fn empty(exercised: Histogram) -> Self {
        Self { exercised, ..Self::default() }
    }

    /// Adds another house's.
    fn merge(&mut self, other: &Self) {
        self.cases += other.cases;
        self.sockets += other.sockets;
        self.bursts += other.bursts;
        self.differences += other.differences;
        self.houses += other.houses;
        self.frames += other.frames;
        self.copies += other.copies;
        self.exercised.merge(&other.exercised);
    }

    fn add(&mut self, case: &Case) {
        let long = |frames: usize| (16..=64).contains(&frames);
        self.cases += 1;
        self.sockets += u64::from(case.bursts.iter().any(|burst| burst.how == Inject::Socket));
        let burst = |burst: &crate::case::Burst| burst.how == Inject::Poll && long(burst.frames.len());
        self.bursts += u64::from(case.bursts.iter().any(burst));
        self.frames += case.bursts.iter().map(|burst| burst.frames.len() as u64).sum::<u64>();
    }
}

/// Plays a campaign; `progress` hears the number of cases so far, after each. Needs CAP_BPF, CAP_NET_ADMIN,
/// CAP_NET_RAW and CAP_SYS_ADMIN.
///
/// # Errors
/// The first difference, shrunk, or what the bench can't do.
pub fn campaign(
    what: &DataCampaign,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<DataReport, DataFailure> {
    let course = Course::of(what);
    crew::play(what.threads, course.houses, progress, &|no, seen| {
        let mut runner = course.runner(no);
        let house = draw(&cases::houses(what.houses), &mut runner)?;
        let (cases, differences) = (course.cases(no), course.differences(no));
        let task = Task { what, house: &house, cases, differences };
        task.play(&mut runner, seen)
    })
}

/// What is to be played in one house.
struct Task<'a> {
    what: &'a DataCampaign,
    house: &'a House,
    cases: u64,
    differences: u64,
}

impl Task<'_> {
    fn play(&self, runner: &mut TestRunner, seen: &mut dyn FnMut(u64)) -> Result<DataReport, DataFailure> {
        let mut report = DataReport { houses: 1, ..DataReport::empty(self.what.histogram()) };
        let mut player = Player::new(self.house, self.what)?;
        let strategy = cases::cases_in(self.house, self.what.mix);
        for _ in 0..self.cases {
            player.one(&strategy, runner, &mut report)?;
            seen(1);
        }
        let strategy = cases::differences_in(self.house);
        for _ in 0..self.differences {
            carriers::one(&mut player, self.house, &strategy, runner, &mut report)?;
            seen(2);
        }
        player.finish(&report)?;
        Ok(report)
    }
}

/// The next value of a strategy, which is not to be shrunk.
fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> Result<S::Value, DataFailure> {
    let tree = strategy.new_tree(runner).map_err(|reason| DataFailure::Draw(reason.to_string()))?;
    Ok(tree.current())
}
