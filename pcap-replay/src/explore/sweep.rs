//! All cells of a sweep, side by side.
//!
//! Owns order, threads and what happens between cells; what a cell is, [`super::trial`] knows.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::results::{Cell, Outcome};

/// The place of a cell: design, ports, groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<'a> {
    /// The design, by its number.
    pub design: &'a str,
    /// Ports.
    pub ports: u32,
    /// Groups.
    pub groups: u32,
}

impl<'a> Place<'a> {
    /// The place of a finished cell.
    #[must_use]
    pub fn of(cell: &'a Cell) -> Self {
        Self { design: &cell.design, ports: cell.ports, groups: cell.groups }
    }
}

/// The places of a sweep, in the order in which they are reported.
#[must_use]
pub fn places<'a>(designs: &[&'a str], ports: &[u32], groups: &[u32]) -> Vec<Place<'a>> {
    let sizes = ports.iter().flat_map(|&ports| groups.iter().map(move |&groups| (ports, groups)));
    sizes
        .flat_map(|(ports, groups)| designs.iter().map(move |&design| Place { design, ports, groups }))
        .collect()
}

/// Tries every place that is not among `done`, and returns the cells of all places in their order. `finished` is told
/// each cell when it is there, in any order.
///
/// # Errors
/// The first that a trial or `finished` has; no cell is begun after it.
pub fn run<E: Send>(
    places: &[Place<'_>],
    done: &[Cell],
    threads: NonZeroUsize,
    trial: impl Fn(Place<'_>) -> Result<Outcome, E> + Sync,
    finished: impl Fn(&Cell) -> Result<(), E> + Sync,
) -> Result<Vec<Cell>, E> {
    let known: BTreeMap<Place<'_>, &Cell> = done.iter().map(|cell| (Place::of(cell), cell)).collect();
    let one = |&place: &Place<'_>| {
        if let Some(&cell) = known.get(&place) {
            return Ok(cell.clone());
        }
        let Place { design, ports, groups } = place;
        let cell = Cell { design: design.to_owned(), ports, groups, outcome: trial(place)? };
        finished(&cell).map(|()| cell)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build();
    match pool {
        // Cells differ a thousandfold, so each is a task of its own.
        Ok(pool) => pool.install(|| places.par_iter().with_max_len(1).map(one).collect()),
        // A system without threads to give: one after the other.
        Err(_) => places.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

    fn refused(place: Place<'_>) -> Outcome {
        Outcome::Refused { reason: format!("{place:?}") }
    }

    #[test]
    fn cells_come_in_the_order_of_their_places_and_finished_ones_are_kept() {
        let places = places(&["D1", "D2"], &[8, 4], &[1, 2]);
        let tried = Mutex::new(0);
        let sweep = |done: &[Cell]| {
            let trial = |place: Place<'_>| {
                *tried.lock().expect("no panic") += 1;
                Ok::<_, ()>(refused(place))
            };
            run(&places, done, TWO, trial, |_| Ok(())).expect("no error")
        };
        let cells = sweep(&[]);
        assert_eq!(cells.iter().map(Place::of).collect::<Vec<_>>(), places);
        assert_eq!((cells[0].ports, cells[7].ports), (8, 4));
        assert_eq!(sweep(&cells[2..]), cells);
        assert_eq!(*tried.lock().expect("no panic"), 8 + 2);
    }

    #[test]
    fn an_error_ends_the_sweep() {
        let places = places(&["D1"], &[1], &[1, 2, 3]);
        let trial = |place: Place<'_>| if place.groups == 2 { Err("two") } else { Ok(refused(place)) };
        assert_eq!(run(&places, &[], TWO, trial, |_| Ok(())), Err("two"));
        let full = |_: &Cell| Err("full");
        assert_eq!(run(&places[..1], &[], TWO, trial, full), Err("full"));
    }
}
