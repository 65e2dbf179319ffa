//! Differences a second, of every design, as a mask and one by one.

use std::hint::black_box;
use std::time::Instant;

use xdpsim_devmap::IfIndex;
use xdpsim_devmap::groups::encoding::{DenseBitmap, Design, Encoding, Limits, Query};

use crate::workload::{self, EXCLUDE, FORWARD, PORTS};

/// Millions of differences a second that the best design is to reach as a mask.
const MASKS: f64 = 60.0;
/// The same with every port delivered.
const LISTS: f64 = 12.0;
/// A round takes about so long: less than a scheduler's time slice, so that the best of many rounds was not interrupted.
const ROUND_SECONDS: f64 = 0.002;
/// Questions of the shortest round.
const FEWEST: usize = 32;

/// How a result is delivered and used.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Mask,
    OneByOne,
}

/// A measured way to get differences.
struct Row {
    name: String,
    form: Form,
    best: f64,
    median: f64,
}

/// Checks and times all designs, and prints a line for each.
pub fn print(rounds: u32, only: &str) {
    let pairs = workload::questions(FORWARD, false);
    let expected = sum_of_ports(&*workload::fill(Design::DenseBitmap), &pairs);
    let left = expected.1 as f64 / pairs.len() as f64;
    let mut rows = Vec::new();
    for design in Design::ALL {
        if !design.name().contains(only) && design.id() != only {
            continue;
        }
        let encoding = workload::fill(design);
        let by_ingress = design == Design::MainlineFlags;
        if !by_ingress {
            assert_eq!(sum_of_ports(&*encoding, &pairs), expected, "{design} and dense bitmap");
        }
        let asked = if by_ingress { workload::questions(FORWARD, true) } else { pairs.clone() };
        let name = format!("{design}{}", if by_ingress { ", ingress only" } else { "" });
        if encoding.mask_words().is_some() {
            let time = |asked: &[Query]| masks(&*encoding, asked);
            rows.push(Row::measure(name.clone(), Form::Mask, rounds, &asked, time));
        }
        rows.push(Row::measure(name, Form::OneByOne, rounds, &asked, |asked| lists(&*encoding, asked)));
        if design == Design::DenseBitmap {
            rows.extend(in_registers(rounds, &pairs));
        }
    }
    println!(
        "{PORTS} ports, {FORWARD} forward and {EXCLUDE} exclude groups, {left:.1} ports left on average"
    );
    println!("millions of differences a second     best   median");
    for form in [Form::Mask, Form::OneByOne] {
        println!("{}", form.name());
        rows.iter().filter(|row| row.form == form).for_each(Row::print);
        judge(&rows, form);
    }
}

/// The dense bitmap as its own type: no call by a table of functions, and a mask that never leaves a register.
fn in_registers(rounds: u32, pairs: &[Query]) -> [Row; 2] {
    let limits = Limits::new(PORTS, FORWARD, EXCLUDE);
    let mut dense = DenseBitmap::create(&limits).expect("8 KB");
    workload::define(&mut dense);
    let name = "dense bitmap, by its own type".to_owned();
    [
        Row::measure(name.clone(), Form::Mask, rounds, pairs, |pairs| {
            let sum = pairs.iter().fold(0_u64, |sum, query| {
                sum.wrapping_add(dense.mask64(query).expect("groups that are there"))
            });
            black_box(sum);
        }),
        Row::measure(name, Form::OneByOne, rounds, pairs, |pairs| {
            let mut list = Vec::with_capacity(PORTS as usize);
            let mut sum = 0_u64;
            for query in pairs {
                dense.deliver(query, &mut list).expect("groups that are there");
                sum = list.iter().fold(sum, |sum, port| sum.wrapping_add(u64::from(port.0)));
            }
            black_box(sum);
        }),
    ]
}

fn masks(encoding: &dyn Encoding, queries: &[Query]) {
    let mut words = vec![0; encoding.mask_words().expect("a design with masks")];
    let mut sum = 0_u64;
    for query in queries {
        encoding.mask(query, &mut words).expect("groups that are there");
        sum = words.iter().fold(sum, |sum, word| sum.wrapping_add(*word));
    }
    black_box(sum);
}

fn lists(encoding: &dyn Encoding, queries: &[Query]) {
    black_box(sum_of_ports(encoding, queries));
}

/// The sum of all ports of all answers, and how many these are.
fn sum_of_ports(encoding: &dyn Encoding, queries: &[Query]) -> (u64, u64) {
    let mut list: Vec<IfIndex> = Vec::with_capacity(PORTS as usize);
    let (mut sum, mut count) = (0_u64, 0_u64);
    for query in queries {
        encoding.deliver(query, &mut list).expect("groups that are there");
        sum = list.iter().fold(sum, |sum, port| sum.wrapping_add(u64::from(port.0)));
        count += list.len() as u64;
    }
    (sum, count)
}

impl Row {
    /// Times so many rounds, each with as many questions as fit; the next round goes on where one ended.
    fn measure(
        name: String,
        form: Form,
        rounds: u32,
        asked: &[Query],
        mut answer: impl FnMut(&[Query]),
    ) -> Row {
        let mut time = |asked: &[Query]| {
            let started = Instant::now();
            answer(asked);
            started.elapsed().as_secs_f64().max(1e-9)
        };
        time(&asked[..FEWEST]);
        let fit = ROUND_SECONDS / time(&asked[..FEWEST]) * FEWEST as f64;
        let count = (fit as usize).clamp(FEWEST, asked.len());
        let parts = asked.chunks_exact(count).cycle();
        let rates = parts.take(rounds.max(1) as usize).map(|part| count as f64 / time(part) / 1e6);
        let mut rates: Vec<f64> = rates.collect();
        rates.sort_by(f64::total_cmp);
        Row { name, form, best: rates[rates.len() - 1], median: rates[rates.len() / 2] }
    }

    fn print(&self) {
        println!("  {:34} {:7.2} {:8.2}", self.name, self.best, self.median);
    }
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Mask => "as a mask",
            Form::OneByOne => "one by one",
        }
    }

    fn target(self) -> f64 {
        match self {
            Form::Mask => MASKS,
            Form::OneByOne => LISTS,
        }
    }
}

/// The best of a form against its target.
fn judge(rows: &[Row], form: Form) {
    let of_form = rows.iter().filter(|row| row.form == form);
    if let Some(best) = of_form.max_by(|one, other| one.best.total_cmp(&other.best)) {
        let verdict = if best.best >= form.target() { "met" } else { "MISSED" };
        println!("  best: {}, {:.1}; target {:.0}: {verdict}", best.name, best.best, form.target());
    }
}
