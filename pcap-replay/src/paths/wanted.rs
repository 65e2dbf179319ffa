//! Which paths are to be told: by fate, errno, rule and port.
//!
//! Words of one kind are alternatives, kinds restrict each other: `--fate lost --port eth1` is what was
//! lost and has to do with eth1.

use thiserror::Error;
use xdpsim_core::rule::RuleId;
use xdpsim_core::{DevId, Errno, Fate, Plan, Skip};

use super::leg::{FramePath, Leg};
use crate::output::totals::Class;
use crate::scenario::suggest;

/// Every loss, whatever the fate.
const LOST: &str = "lost";

/// A word that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`--{flag} {word}`: there is no such {flag}")]
pub struct WantedError {
    flag: &'static str,
    word: String,
    /// What there is.
    pub help: String,
}

/// What a path must have to be told. Without any wish: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    fates: Vec<Ending>,
    errnos: Vec<Errno>,
    rules: Vec<RuleId>,
    ports: Vec<DevId>,
}

/// A word for how a frame ended or why a target was left out; some words are both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Lost,
    Of(Option<Fate>, Option<Skip>),
}

impl Wanted {
    /// Reads the words as they were typed.
    ///
    /// # Errors
    /// At the first that names nothing.
    pub fn new(
        plan: &Plan,
        fates: &[String],
        errnos: &[String],
        rules: &[String],
        ports: &[String],
    ) -> Result<Self, WantedError> {
        Ok(Self {
            fates: each(fates, ending)?,
            errnos: each(errnos, errno)?,
            rules: each(rules, rule)?,
            ports: each(ports, |word| port(plan, word))?,
        })
    }

    /// Are all paths wanted?
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Is this one?
    #[must_use]
    pub fn has(&self, path: &FramePath) -> bool {
        any(&self.fates, path, |leg, ending| ending.is(leg))
            && any(&self.errnos, path, |leg, errno| matches!(leg, Leg::End(end) if end.errno == Some(*errno)))
            && any(&self.rules, path, |leg, rule| leg.rules().contains(rule))
            && any(&self.ports, path, |leg, port| leg.port() == Some(*port))
    }
}

impl Ending {
    fn is(self, leg: &Leg) -> bool {
        match (self, leg) {
            (Self::Lost, Leg::End(end)) => Class::of(end.fate) == Class::Lost,
            (Self::Of(fate, _), Leg::End(end)) => fate == Some(end.fate),
            (Self::Of(_, skip), Leg::LeftOut { skip: why, .. }) => skip == Some(*why),
            _ => false,
        }
    }
}

/// No wish is met by every path, one by a leg.
fn any<T>(wishes: &[T], path: &FramePath, met: impl Fn(&Leg, &T) -> bool) -> bool {
    let mut found = wishes.is_empty();
    path.walk(&mut |leg| found = found || wishes.iter().any(|wish| met(leg, wish)));
    found
}

fn each<T>(words: &[String], read: impl Fn(&str) -> Result<T, WantedError>) -> Result<Vec<T>, WantedError> {
    words.iter().map(|word| read(word)).collect()
}

fn ending(word: &str) -> Result<Ending, WantedError> {
    if word == LOST {
        return Ok(Ending::Lost);
    }
    let fate = Fate::ALL.iter().copied().find(|fate| fate.name() == word);
    let skip = Skip::ALL.iter().copied().find(|skip| skip.name() == word);
    if fate.is_some() || skip.is_some() {
        return Ok(Ending::Of(fate, skip));
    }
    let names = Fate::ALL.iter().map(|fate| fate.name());
    let names: Vec<&str> = names.chain(Skip::ALL.iter().map(|skip| skip.name())).chain([LOST]).collect();
    Err(unknown("fate", word, &names, "`lost` is every loss; docs/vanished.md lists the fates"))
}

fn errno(word: &str) -> Result<Errno, WantedError> {
    let by_number = || word.trim_start_matches('-').parse().ok().and_then(Errno::from_number);
    let names: Vec<&str> = Errno::ALL.iter().map(|errno| errno.name()).collect();
    let found = Errno::from_name(&word.to_uppercase()).or_else(by_number);
    found.ok_or_else(|| unknown("errno", word, &names, "a name such as ENETDOWN, or its number"))
}

fn rule(word: &str) -> Result<RuleId, WantedError> {
    let names: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.name()).collect();
    let found = RuleId::from_name(&word.to_uppercase());
    found.ok_or_else(|| unknown("rule", word, &names, "an ID such as RED-04; docs/semantics has them all"))
}

fn port(plan: &Plan, word: &str) -> Result<DevId, WantedError> {
    let names: Vec<&str> = plan.ports().map(|(_, port)| port.name.as_str()).collect();
    plan.port(word).ok_or_else(|| unknown("port", word, &names, "`xdpsim replay` lists the ports"))
}

fn unknown(flag: &'static str, word: &str, names: &[&str], otherwise: &str) -> WantedError {
    let help = suggest::did_you_mean(word, names.iter().copied()).unwrap_or_else(|| otherwise.to_owned());
    WantedError { flag, word: word.to_owned(), help }
}
