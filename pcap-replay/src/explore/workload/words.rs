//! Words of the command line that stand for parts of a workload.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A word that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}`: expected {expected}")]
pub struct WordError {
    /// What was written.
    pub text: String,
    /// What can be.
    pub expected: &'static str,
}

/// Which groups frames go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popularity {
    /// All equally often.
    Uniform,
    /// A few often and most of them seldom, about as Zipf's law has it.
    Skewed,
}

impl FromStr for Popularity {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "skewed" => Ok(Self::Skewed),
            _ => Err(WordError { text: text.to_owned(), expected: "uniform or skewed" }),
        }
    }
}

impl fmt::Display for Popularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Skewed => "skewed",
        })
    }
}

/// Digits alone: a sign is no number of ports.
pub(super) fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
