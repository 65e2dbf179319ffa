//! Figures by program and side, and what they are to be.

use super::traffic::Kind;

/// The running kernel.
pub const KERNEL: &str = "kernel";
/// The fast interpreter.
pub const INTERPRETER: &str = "interpreter";
/// The compiler.
pub const JIT: &str = "jit";

/// Nanoseconds a run, of each round.
#[derive(Debug, Default)]
pub struct Report {
    all: Vec<(Kind, &'static str, Vec<f64>)>,
}

impl Report {
    /// A round's figure.
    pub fn add(&mut self, kind: Kind, side: &'static str, nanoseconds: f64) {
        let found = self.all.iter_mut().find(|(of, by, _)| *of == kind && *by == side);
        match found {
            Some((_, _, rounds)) => rounds.push(nanoseconds),
            None => self.all.push((kind, side, vec![nanoseconds])),
        }
    }

    /// The best round and the median.
    fn best(&self, kind: Kind, side: &str) -> Option<(f64, f64)> {
        let (_, _, rounds) = self.all.iter().find(|(of, by, _)| *of == kind && *by == side)?;
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        Some((*sorted.first()?, sorted[sorted.len() / 2]))
    }

    /// Prints a line for each program and side.
    pub fn print(&self) {
        println!("nanoseconds a run      best  median     net | times the kernel's: gross     net  target");
        for (kind, side, _) in &self.all {
            let (Some((best, median)), Some((empty, _))) =
                (self.best(*kind, side), self.best(Kind::Empty, side))
            else {
                continue;
            };
            let net = best - empty;
            let compared = self.compared(*kind, side, best, net);
            println!("{:8} {side:11} {best:7.1} {median:7.1} {net:7.1} | {compared}", kind.name());
        }
    }

    fn compared(&self, kind: Kind, side: &str, best: f64, net: f64) -> String {
        let (Some((kernel, _)), Some((empty, _))) = (self.best(kind, KERNEL), self.best(Kind::Empty, KERNEL))
        else {
            return String::new();
        };
        if side == KERNEL {
            return String::new();
        }
        let ratio = best / kernel;
        let net = if kind == Kind::Empty { "-".into() } else { format!("{:.2}", net / (kernel - empty)) };
        let target = match (kind.targets(), side) {
            (Some((jit, _)), JIT) => judged(ratio, jit),
            (Some((_, interpreter)), INTERPRETER) => judged(ratio, interpreter),
            _ => String::new(),
        };
        format!("{ratio:26.2} {net:>7}  {target}")
    }
}

fn judged(ratio: f64, target: f64) -> String {
    format!("{target:.2} {}", if ratio <= target { "met" } else { "MISSED" })
}

/// A rate, compared with what is wanted.
pub fn judged_rate(rate: f64, wanted: f64) -> String {
    format!("at least {wanted:.1} {}", if rate >= wanted { "met" } else { "MISSED" })
}
