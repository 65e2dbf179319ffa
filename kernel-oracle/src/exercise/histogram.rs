//! How often each clause was exercised, over many cases.

use std::collections::BTreeMap;
use std::fmt;

use super::{Clause, View, clauses, exercised, generic_clauses};

/// A clause that was exercised less often than this is not checked.
const ENOUGH: u64 = 20;

/// Cases by clause. Adding is commutative: parts of a campaign merge to what the whole would have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Cases in all.
    pub cases: u64,
    /// Cases that exercised a clause; also clauses that another part counts, such as the map campaign's.
    pub by_clause: BTreeMap<String, u64>,
}

impl Histogram {
    /// Nothing yet: every clause that cases can exercise, with 0.
    #[must_use]
    pub fn of_cases() -> Self {
        Self::of(clauses())
    }

    /// The same for the clauses about generic mode.
    #[must_use]
    pub fn of_generic_cases() -> Self {
        Self::of(generic_clauses())
    }

    fn of(clauses: impl Iterator<Item = &'static Clause>) -> Self {
        Self { cases: 0, by_clause: clauses.map(|clause| (clause.id.to_owned(), 0)).collect() }
    }

    /// Only the clauses about generic mode.
    #[must_use]
    pub fn only_generic(mut self) -> Self {
        self.by_clause.retain(|id, _| generic_clauses().any(|clause| clause.id == id));
        self
    }

    /// Adds a case.
    pub fn add(&mut self, view: &View<'_>) {
        self.cases += 1;
        exercised(view).for_each(|id| self.count(id, 1));
    }

    /// A clause was exercised so many times more.
    pub fn count(&mut self, clause: &str, times: u64) {
        match self.by_clause.get_mut(clause) {
            Some(sum) => *sum += times,
            None => _ = self.by_clause.insert(clause.to_owned(), times),
        }
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.cases += other.cases;
        other.by_clause.iter().for_each(|(clause, &times)| self.count(clause, times));
    }

    /// Clauses that were exercised fewer than 20 times, with how often.
    pub fn rare(&self) -> impl Iterator<Item = (&str, u64)> {
        let rare = self.by_clause.iter().filter(|&(_, &times)| times < ENOUGH);
        rare.map(|(clause, &times)| (clause.as_str(), times))
    }

    /// `{"cases": N, "clauses": {"BRD-01.a": N, …}}`, by clause.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Ids consist of letters, digits, `-` and `.`: nothing to escape.
        let clauses: Vec<String> =
            self.by_clause.iter().map(|(id, times)| format!("\"{id}\": {times}")).collect();
        format!("{{\"cases\": {}, \"clauses\": {{{}}}}}", self.cases, clauses.join(", "))
    }
}

impl fmt::Display for Histogram {
    /// A line a rule: its clauses by letter, each with how often it was exercised.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (clause, times) in &self.by_clause {
            let (rule, letter) = clause.split_once('.').unwrap_or((clause, ""));
            rules.entry(rule).or_default().push(format!("{letter} {times}"));
        }
        writeln!(f, "{} cases", self.cases)?;
        rules.iter().try_for_each(|(rule, clauses)| writeln!(f, "{rule}  {}", clauses.join("  ")))
    }
}
