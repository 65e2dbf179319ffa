//! Which rules a case exercised, and which no case can.
//!
//! For every clause of the families HLP, RED, ENQ, FLU, DVP, BRD, DRV, GEN and TRC there is either a predicate
//! over a told case ("a devmap program returns XDP_DROP"), or a reason why this bench cannot provoke it. A
//! campaign adds up the predicates in a [`Histogram`]. A clause counts as exercised when what it speaks of
//! happened in the model; that the kernel did the same is what the comparison is for.
//!
//! Maps' clauses (MAP) are counted by the map campaign, and the laws (LAW) hold of every case.

mod broadcast;
mod driver;
mod enqueue;
mod flush;
mod generic;
mod helper;
mod histogram;
mod older;
mod unprovoked;
mod view;

pub use histogram::Histogram;
pub use unprovoked::{NOT_PROVOCABLE, Reason};
pub use view::View;

/// A clause and when it is exercised.
pub struct Clause {
    /// Its id, `ENQ-03.a`.
    pub id: &'static str,
    /// What has to happen in a case.
    pub when: &'static str,
    seen: fn(&View<'_>) -> bool,
}

/// Shorthand for the tables.
const fn clause(id: &'static str, when: &'static str, seen: fn(&View<'_>) -> bool) -> Clause {
    Clause { id, when, seen }
}

impl Clause {
    /// Does it happen in this case?
    #[must_use]
    pub fn seen(&self, view: &View<'_>) -> bool {
        (self.seen)(view)
    }
}

/// All clauses that cases can exercise in houses without ports in generic mode, by family.
pub fn clauses() -> impl Iterator<Item = &'static Clause> {
    let tables = [helper::CLAUSES, enqueue::CLAUSES, flush::CLAUSES, broadcast::CLAUSES, driver::CLAUSES];
    tables.into_iter().flatten()
}

/// The clauses about generic mode that cases can exercise.
pub fn generic_clauses() -> impl Iterator<Item = &'static Clause> {
    generic::CLAUSES.iter()
}

/// The clauses that a case exercised, those about older kernels included if the case was told for one.
pub fn exercised(view: &View<'_>) -> impl Iterator<Item = &'static str> {
    let everywhere =
        clauses().chain(generic_clauses()).filter(|clause| clause.seen(view)).map(|clause| clause.id);
    everywhere.chain(older::exercised(view))
}
