//! How a campaign is dealt out: which cases each house sees depends on the seed and its number alone.

use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRunner};

use super::DataCampaign;

/// A campaign by houses, numbered from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// How many.
    pub houses: u64,
    cases: u64,
    differences: u64,
    seed: u64,
}

impl Course {
    pub fn of(what: &DataCampaign) -> Self {
        let DataCampaign { differences, seed, .. } = *what;
        let cases = what.cases.saturating_sub(2 * differences);
        let houses = cases.max(differences).div_ceil(what.cases_per_house.max(1));
        Self { houses, cases, differences, seed }
    }

    /// Cases of this house, those of the differences not included.
    pub fn cases(&self, house: u64) -> u64 {
        self.share(self.cases, house)
    }

    /// Triples (A, B, ingress) of this house, drawn after its other cases.
    pub fn differences(&self, house: u64) -> u64 {
        self.share(self.differences, house)
    }

    fn share(&self, of: u64, house: u64) -> u64 {
        of * (house + 1) / self.houses - of * house / self.houses
    }

    /// Each house has a sequence of random numbers of its own: the house comes first, then its cases.
    pub fn runner(&self, house: u64) -> TestRunner {
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(house);
        TestRunner::new(Config {
            failure_persistence: None,
            rng_algorithm: RngAlgorithm::ChaCha,
            rng_seed: RngSeed::Fixed(seed),
            max_shrink_iters: 2_000,
            ..Config::default()
        })
    }
}
