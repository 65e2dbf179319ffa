//! The campaign on the data path: house after house, case after case, until enough were played or the two
//! sides part.
//!
//! The same seed and numbers give the same houses and cases on every machine. A case that differs is shrunk
//! in its house, which is what stays; its report is the shortest case found, told by [`crate::compare`].
//!
//! Every case is played three times: on the model as users' replays run it, on the model frame by frame for
//! the story (both must show the same), and on the kernel.

mod carriers;
mod failure;
mod player;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRunner};

pub use failure::{CaseDifference, DataFailure};

use crate::case::{Case, House, Inject};
use crate::cases::{self, HouseMix, Mix};
use crate::exercise::Histogram;
use crate::model::Options;
use player::Player;

/// What is to be played.
#[derive(Clone, Debug)]
pub struct DataCampaign {
    /// How many cases, at least.
    pub cases: u64,
    /// How many of [`DataReport::differences`], at least: each is two cases more, one per carrier.
    pub differences: u64,
    /// Seed of houses and cases.
    pub seed: u64,
    /// Cases before the next house is built, which takes as long as a hundred of them.
    pub cases_per_house: u64,
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
            houses: HouseMix::default(),
            mix: Mix::default(),
            model,
        }
    }
}

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
pub fn campaign(what: &DataCampaign, progress: &mut dyn FnMut(u64)) -> Result<DataReport, DataFailure> {
    let mut report = DataReport { exercised: Histogram::of_cases(), ..DataReport::default() };
    let mut runner = TestRunner::new(config(what.seed));
    let houses = cases::houses(what.houses);
    while report.cases < what.cases || report.differences < what.differences {
        let house = draw(&houses, &mut runner)?;
        report.houses += 1;
        in_house(what, &house, &mut runner, &mut report, progress)?;
    }
    Ok(report)
}

/// As many cases as a house is good for, and its part of the differences.
fn in_house(
    what: &DataCampaign,
    house: &House,
    runner: &mut TestRunner,
    report: &mut DataReport,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataFailure> {
    let mut player = Player::new(house, what)?;
    let strategy = cases::cases_in(house, what.mix);
    let end = report.cases + what.cases_per_house.min(what.cases.saturating_sub(report.cases));
    while report.cases < end {
        player.one(&strategy, runner, report)?;
        progress(report.cases);
    }
    let share = (what.cases_per_house * what.differences).div_ceil(what.cases.max(1));
    let end = report.differences + share.min(what.differences.saturating_sub(report.differences));
    let strategy = cases::differences_in(house);
    while report.differences < end {
        carriers::one(&mut player, house, &strategy, runner, report)?;
        progress(report.cases);
    }
    player.finish(report)
}

/// The next value of a strategy, which is not to be shrunk.
fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> Result<S::Value, DataFailure> {
    let tree = strategy.new_tree(runner).map_err(|reason| DataFailure::Draw(reason.to_string()))?;
    Ok(tree.current())
}

fn config(seed: u64) -> Config {
    Config {
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 2_000,
        ..Config::default()
    }
}
