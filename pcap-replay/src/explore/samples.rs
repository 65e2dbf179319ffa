//! Made-up sweeps for tests.

use super::report::{Report, Settings};
use super::results::{Asked, Cell, Figures, Lookup, Outcome, Update};

/// Two sizes with designs of each kind; one is refused, one too large.
pub(super) fn report() -> Report {
    let settings = Settings(vec![("ports", "8,64".to_owned()), ("groups", "16".to_owned())]);
    let cells = [8, 64].into_iter().flat_map(|ports| {
        let copies = f64::from(ports) / 8.0;
        let built = |design: &str, bytes, ops, made, writes| Cell {
            design: design.to_owned(),
            ports,
            groups: 16,
            outcome: Outcome::Built(figures(bytes, ops, made, copies, writes)),
        };
        let other = |design: &str, outcome| Cell { design: design.to_owned(), ports, groups: 16, outcome };
        [
            built("D1", 30_000, 90.0, copies, 1.0),
            other("D2", Outcome::Refused { reason: "no \"two\", none".to_owned() }),
            built("D3", 20_000, 40.0, copies, 1.0),
            built("D4", 90_000, 20.0, copies, 17.0),
            built("D5", 300, 6.0, copies, 1.0),
            other("D6", Outcome::TooLarge { needed: 1 << 40, limit: 1 << 30 }),
            built("D15", 30_000, 60.0, 2.0 * copies, 1.0),
        ]
    });
    Report { settings, cells: cells.collect() }
}

fn figures(formula_bytes: u64, ops: f64, copies: f64, delivered: f64, writes: f64) -> Figures {
    let update = Update { writes, maps: 0.0, ops: writes + 1.0 };
    Figures {
        members: 256,
        formula_bytes,
        heap_bytes: formula_bytes / 2,
        asked: Asked::Group,
        checked: 256,
        lookup: Lookup { ops, copies, programs: copies - delivered, delivered },
        change: update,
        bond_gains: Some(update),
        port_gone: update,
        times: None,
    }
}
