//! Sampling: a side runs until enough time has passed, several times; the median counts.

use std::time::Duration;

use crate::failure::Failure;
use crate::traffic::ROUND;

/// What was run, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Rounds of frames.
    pub rounds: u64,
    /// From the first frame to the last one's end.
    pub time: Duration,
    /// Copies that a ring refused.
    pub lost: u64,
}

impl Run {
    fn plus(self, other: Self) -> Self {
        let (rounds, time) = (self.rounds + other.rounds, self.time + other.time);
        Self { rounds, time, lost: self.lost + other.lost }
    }

    /// Millions of frames a second.
    fn rate(&self) -> f64 {
        (self.rounds * ROUND) as f64 / self.time.as_secs_f64() / 1e6
    }
}

/// The kernel or the model, in the world of a row.
pub trait Side {
    /// Redirects at least so many rounds of frames and checks what came of them.
    fn run(&mut self, rounds: u64) -> Result<Run, Failure>;
}

/// The runs of a side.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    runs: Vec<Run>,
    rounds: u64,
}

impl Samples {
    /// Warms a side up, by which it also finds out how much it does in this time.
    pub fn warm_up(side: &mut impl Side, least: Duration) -> Result<Self, Failure> {
        let run = side.run(1)?;
        let rounds = run.rounds as f64 * least.as_secs_f64() / run.time.as_secs_f64();
        Ok(Self { runs: Vec::new(), rounds: (rounds.ceil() as u64).max(1) })
    }

    /// One sample more, of at least this time.
    pub fn add(&mut self, side: &mut impl Side, least: Duration) -> Result<(), Failure> {
        let mut sample = side.run(self.rounds)?;
        while sample.time < least {
            sample = sample.plus(side.run(self.rounds)?);
        }
        self.runs.push(sample);
        Ok(())
    }

    /// Rates in millions of frames a second: the lowest, the median, the highest.
    pub fn rates(&self) -> [f64; 3] {
        let mut rates: Vec<f64> = self.runs.iter().map(Run::rate).collect();
        rates.sort_by(f64::total_cmp);
        match rates.len() {
            0 => [f64::NAN; 3],
            len => [rates[0], (rates[(len - 1) / 2] + rates[len / 2]) / 2.0, rates[len - 1]],
        }
    }

    /// Copies lost, of all samples.
    pub fn lost(&self) -> u64 {
        self.runs.iter().map(|run| run.lost).sum()
    }

    /// Frames of all samples.
    pub fn frames(&self) -> u64 {
        self.runs.iter().map(|run| run.rounds * ROUND).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes 3 ms for a round.
    struct Slow(Vec<u64>);

    impl Side for Slow {
        fn run(&mut self, rounds: u64) -> Result<Run, Failure> {
            self.0.push(rounds);
            Ok(Run { rounds, time: Duration::from_millis(3) * rounds as u32, lost: rounds })
        }
    }

    #[test]
    fn a_sample_takes_the_time_asked_for() {
        let (mut side, least) = (Slow(Vec::new()), Duration::from_millis(10));
        let mut samples = Samples::warm_up(&mut side, least).unwrap();
        samples.add(&mut side, least).unwrap();
        samples.add(&mut side, Duration::from_millis(20)).unwrap();
        assert_eq!(side.0, [1, 4, 4, 4]);
        assert_eq!((samples.lost(), samples.frames()), (12, 12 * ROUND));
    }

    #[test]
    fn the_median_lies_between_lowest_and_highest() {
        let run = |millis| Run { rounds: 1, time: Duration::from_millis(millis), lost: 0 };
        let rates = |times: &[u64]| {
            Samples { runs: times.iter().map(|&millis| run(millis)).collect(), rounds: 1 }.rates()
        };
        let rate = |millis| run(millis).rate();
        assert_eq!(rates(&[4, 1, 2]), [rate(4), rate(2), rate(1)]);
        assert_eq!(rates(&[1, 2]), [rate(2), (rate(1) + rate(2)) / 2.0, rate(1)]);
        assert!(rates(&[]).iter().all(|rate| rate.is_nan()));
    }
}
