//! One cell: builds a design with a workload, compares what it delivers, counts and measures.
//!
//! Rules: MCAST-P01, MCAST-P29.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use thiserror::Error;
use xdpsim_devmap::groups::encoding::{
    Bond, Design, Encoding, Exclude, GroupId, Limits, MapForm, Member, Ops, Query, Refusal, Side,
};
use xdpsim_devmap::{IfIndex, MapKey};

use super::budget::Budget;
use super::estimate::{self, Scale};
use super::results::{Asked, Figures, Lookup, Outcome, Update};
use super::stopwatch::Stopwatch;
use super::sweep::Place;
use super::workload::{self, Change, Frame, Shape, Workload};

/// Frames whose operations are counted, and that are measured.
const FRAMES: usize = 4_096;
/// Of these, so many are compared with the difference.
const CHECKED: usize = 256;
/// Joins and leaves whose operations are counted, and that are measured.
const CHANGES: usize = 256;

/// A design that does not deliver what it should: a fault of its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{design}, {ports} ports: {frame:?} is delivered to {delivered:?}, expected {expected:?}")]
pub struct Differs {
    design: String,
    ports: u32,
    frame: Frame,
    delivered: Vec<u32>,
    expected: Vec<u32>,
}

/// Sizes of workloads, by ports and groups.
type Scales = BTreeMap<(u32, u32), Arc<OnceLock<Scale>>>;

/// What all cells of a sweep share.
#[derive(Debug)]
pub struct Trials {
    shape: Shape,
    form: MapForm,
    limit: u64,
    memory: Budget,
    stopwatch: Option<Stopwatch>,
    scales: Mutex<Scales>,
}

impl Trials {
    /// Cells of this workload, of which those that run at the same time take `memory` bytes together at most.
    #[must_use]
    pub fn new(shape: &Shape, form: MapForm, memory: u64, times: bool) -> Self {
        Self {
            shape: shape.clone(),
            form,
            limit: memory,
            memory: Budget::new(memory),
            stopwatch: times.then(Stopwatch::default),
            scales: Mutex::default(),
        }
    }

    /// Tries one cell.
    ///
    /// # Errors
    /// If the design does not deliver the difference.
    pub fn run(&self, place: Place<'_>) -> Result<Outcome, Differs> {
        let Some(design) = Design::from_name(place.design) else {
            return Ok(Outcome::Refused { reason: format!("there is no design {}", place.design) });
        };
        let workload = Workload::new(&self.shape, place.ports, place.groups);
        let asked = asked(design, self.shape.exclude);
        let mut limits = limits(&workload, asked, self.form);
        let scale = self.scale(&workload);
        let needed = estimate::bytes(design, &mut limits, &scale, &workload, self.limit);
        let Some(_part) = self.memory.take(needed) else {
            return Ok(match too_many(design, &limits) {
                Some(refusal) => refused(&refusal),
                None => Outcome::TooLarge { needed, limit: self.limit },
            });
        };
        let built = design.create(&limits).and_then(|mut encoding| {
            fill(encoding.as_mut(), &workload, asked)?;
            Ok(encoding)
        });
        match built {
            Ok(encoding) => self.figures(design, encoding, &workload, asked, scale.members),
            Err(refusal) => Ok(refused(&refusal)),
        }
    }

    /// Sizes of a workload, counted once for all designs.
    fn scale(&self, workload: &Workload) -> Scale {
        let key = (workload.ports(), workload.groups());
        let cell =
            Arc::clone(self.scales.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        *cell.get_or_init(|| Scale::of(workload))
    }

    fn figures(
        &self,
        design: Design,
        mut encoding: Box<dyn Encoding>,
        workload: &Workload,
        asked: Asked,
        members: u64,
    ) -> Result<Outcome, Differs> {
        let frames = workload.frames(FRAMES);
        let queries: Vec<Query> = frames.iter().map(|&frame| query(frame, asked)).collect();
        let (formula_bytes, heap_bytes) = (encoding.formula_bytes(), encoding.heap_bytes() as u64);
        for (frame, query) in frames.iter().zip(&queries).take(CHECKED) {
            match delivered(encoding.as_ref(), query) {
                Ok(delivered) => check(design, workload, *frame, delivered)?,
                Err(refusal) => return Ok(refused(&refusal)),
            }
        }
        let mut counted = || {
            let lookup = count_lookups(encoding.as_ref(), &queries)?;
            let change = count_changes(encoding.as_mut(), &workload.changes(CHANGES))?;
            let times = self
                .stopwatch
                .as_ref()
                .map(|watch| watch.measure(encoding.as_mut(), &queries, &workload.changes(CHANGES)));
            let bond_gains = bond_gains(encoding.as_mut(), workload, self.shape.exclude)?;
            let port_gone = update(encoding.port_gone(IfIndex(1))?, 1);
            Ok::<_, Refusal>((lookup, change, times, bond_gains, port_gone))
        };
        Ok(match counted() {
            Err(refusal) => refused(&refusal),
            Ok((lookup, change, times, bond_gains, port_gone)) => Outcome::Built(Figures {
                members,
                formula_bytes,
                heap_bytes,
                asked,
                checked: CHECKED as u64,
                lookup,
                change,
                bond_gains,
                port_gone,
                times,
            }),
        })
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    Outcome::Refused { reason: refusal.to_string() }
}

/// How a design is asked. Where the ingress alone is left out, some designs need no exclude group for it.
fn asked(design: Design, exclude: workload::Exclude) -> Asked {
    let by_ingress = || {
        let encoding = design.create(&Limits::new(2, 1, 0).with_ingress())?;
        encoding.lookup_ops(&Query { forward: GroupId(1), exclude: Exclude::Ingress, ingress: IfIndex(1) })
    };
    match exclude {
        workload::Exclude::Ingress if by_ingress().is_ok() => Asked::Ingress,
        workload::Exclude::Nothing => Asked::Ingress,
        _ => Asked::Group,
    }
}

fn limits(workload: &Workload, asked: Asked, form: MapForm) -> Limits {
    match asked {
        Asked::Group => Limits::new(workload.ports(), workload.groups(), workload.excludes()),
        Asked::Ingress if workload.excludes() == 0 => Limits::new(workload.ports(), workload.groups(), 0),
        Asked::Ingress => Limits::new(workload.ports(), workload.groups(), 0).with_ingress(),
    }
    .with_form(form)
}

/// Whether a design cannot have so many ports or groups, however much memory there is. Asked with one of either, so that
/// nothing large is created.
fn too_many(design: Design, limits: &Limits) -> Option<Refusal> {
    let few_ports = Limits { ports: 1, slots: 1, ..*limits };
    let few_groups = Limits { forward: 1, ..*limits };
    [few_ports, few_groups].iter().find_map(|limits| design.create(limits).err())
}

/// Defines all groups.
fn fill(encoding: &mut dyn Encoding, workload: &Workload, asked: Asked) -> Result<(), Refusal> {
    let (mut ports, mut members) = (Vec::new(), Vec::new());
    let mut define = |encoding: &mut dyn Encoding, side, group, ports: &[u32]| {
        members.clear();
        members.extend(ports.iter().map(|&port| Member::of(IfIndex(port))));
        encoding.define(side, GroupId(group + 1), &members).map(|_| ())
    };
    // Exclude groups first: a design that precomputes has to know them when a forward group comes.
    if asked == Asked::Group {
        for group in 0..workload.excludes() {
            workload.exclude(group, &mut ports);
            define(encoding, Side::Exclude, group, &ports)?;
        }
    }
    for group in 0..workload.groups() {
        workload.group(group, &mut ports);
        define(encoding, Side::Forward, group, &ports)?;
    }
    Ok(())
}

fn query(frame: Frame, asked: Asked) -> Query {
    let exclude = match (frame.exclude, asked) {
        (None, _) => Exclude::Nothing,
        (Some(_), Asked::Ingress) => Exclude::Ingress,
        (Some(number), Asked::Group) => Exclude::Group(GroupId(number + 1)),
    };
    Query { forward: GroupId(frame.group + 1), exclude, ingress: IfIndex(frame.ingress) }
}

fn delivered(encoding: &dyn Encoding, query: &Query) -> Result<Vec<u32>, Refusal> {
    let mut ports = Vec::new();
    encoding.deliver(query, &mut ports)?;
    let mut delivered: Vec<u32> = ports.iter().map(|port| port.0).collect();
    delivered.sort_unstable();
    Ok(delivered)
}

/// Compares with the difference. No port is twice in a group here, so the order does not matter.
fn check(design: Design, workload: &Workload, frame: Frame, delivered: Vec<u32>) -> Result<(), Differs> {
    let (mut expected, mut exclude) = (Vec::new(), Vec::new());
    workload.group(frame.group, &mut expected);
    if let Some(number) = frame.exclude {
        workload.exclude(number, &mut exclude);
    }
    expected.retain(|port| exclude.binary_search(port).is_err());
    if delivered == expected {
        return Ok(());
    }
    Err(Differs { design: design.to_string(), ports: workload.ports(), frame, delivered, expected })
}

fn count_lookups(encoding: &dyn Encoding, queries: &[Query]) -> Result<Lookup, Refusal> {
    let mut sum = Ops::NONE;
    let (mut delivered, mut ports) = (0, Vec::new());
    for query in queries {
        sum += encoding.lookup_ops(query)?;
        encoding.deliver(query, &mut ports)?;
        delivered += ports.len();
    }
    let mean = |sum: u64| sum as f64 / queries.len().max(1) as f64;
    Ok(Lookup {
        ops: mean(sum.total()),
        copies: mean(sum.copies),
        programs: mean(sum.programs),
        delivered: mean(delivered as u64),
    })
}

fn count_changes(encoding: &mut dyn Encoding, changes: &[Change]) -> Result<Update, Refusal> {
    let mut sum = Ops::NONE;
    for change in changes {
        sum += apply(encoding, change)?;
    }
    Ok(update(sum, changes.len()))
}

/// Makes a change; a join and the leave after it leave the groups as they were.
pub(super) fn apply(encoding: &mut dyn Encoding, change: &Change) -> Result<Ops, Refusal> {
    let group = GroupId(change.group + 1);
    match change.joins {
        true => encoding.join(Side::Forward, group, Member::of(IfIndex(change.port))),
        false => encoding.leave(Side::Forward, group, MapKey(change.port)),
    }
}

fn bond_gains(
    encoding: &mut dyn Encoding,
    workload: &Workload,
    exclude: workload::Exclude,
) -> Result<Option<Update>, Refusal> {
    let workload::Exclude::Bonds { members } = exclude else { return Ok(None) };
    // The first bond gets a port of the last one. A device that stands for the bond has no copies to get here.
    if members >= workload.ports() {
        return Ok(None);
    }
    let bond = Bond { device: IfIndex(1), exclude: GroupId(1) };
    encoding.bond_gains(bond, IfIndex(workload.ports())).map(|ops| Some(update(ops, 1)))
}

fn update(ops: Ops, count: usize) -> Update {
    let mean = |sum: u64| sum as f64 / count.max(1) as f64;
    Update { writes: mean(ops.writes), maps: mean(ops.maps), ops: mean(ops.total()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::workload::{Members, Popularity, Size};

    const MEMORY: u64 = 1 << 28;

    fn shape(exclude: workload::Exclude) -> Shape {
        let members = Members { size: Size::Between(1, 9), overlap: 20 };
        Shape { seed: 3, members, exclude, popularity: Popularity::Skewed, plain: 10, learnt: None }
    }

    fn trials(exclude: workload::Exclude, form: MapForm) -> Trials {
        Trials::new(&shape(exclude), form, MEMORY, false)
    }

    fn patterns() -> [workload::Exclude; 5] {
        [
            workload::Exclude::Nothing,
            workload::Exclude::Ingress,
            workload::Exclude::Bonds { members: 3 },
            workload::Exclude::SplitHorizon { segments: 4 },
            workload::Exclude::Arbitrary { sets: 9, size: 5 },
        ]
    }

    /// What is estimated before is what the encoding says once it is there: to the byte where it is made of maps.
    ///
    /// Rule: MCAST-P29, MCAST-P31, MCAST-P32
    #[test]
    fn every_design_delivers_the_difference_and_takes_what_was_estimated() {
        for (exclude, form) in patterns().into_iter().zip(MapForm::ALL.into_iter().cycle()) {
            let trials = trials(exclude, form);
            for design in Design::ALL {
                let place = Place { design: design.id(), ports: 70, groups: 6 };
                let outcome = trials.run(place).expect("delivers the difference");
                let Some(figures) = outcome.figures() else {
                    let flags = design == Design::MainlineFlags;
                    assert!(
                        flags && exclude != workload::Exclude::Ingress,
                        "{design}, {exclude}: {outcome:?}"
                    );
                    continue;
                };
                let workload = Workload::new(&shape(exclude), 70, 6);
                let mut limits = limits(&workload, figures.asked, form);
                let scale = Scale::of(&workload);
                let estimated = estimate::bytes(design, &mut limits, &scale, &workload, MEMORY);
                let near = (figures.formula_bytes / 2)..=(figures.formula_bytes * 2);
                match design.has_maps() {
                    true => assert_eq!(estimated, figures.formula_bytes, "{design}, {exclude}"),
                    false => assert!(near.contains(&estimated), "{design}, {exclude}: {estimated}, {near:?}"),
                }
            }
        }
    }

    #[test]
    fn limits_of_designs_are_told_even_where_memory_would_not_do() {
        let trials =
            Trials::new(&shape(workload::Exclude::Ingress), MapForm::HashOfDevmapHash, 1 << 20, false);
        let run = |design, groups| trials.run(Place { design, ports: 64, groups }).expect("an outcome");
        match run("D1", 65_536) {
            Outcome::Refused { reason } => assert!(reason.contains("65536 forward groups"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(run("D1", 65_535), Outcome::TooLarge { limit: 1_048_576, .. }));
        assert!(matches!(run("D5", 65_535), Outcome::Built(_)));
        assert!(matches!(run("D99", 1), Outcome::Refused { .. }));
    }

    #[test]
    fn one_port_and_one_group_are_enough() {
        for exclude in patterns() {
            for design in Design::ALL {
                let place = Place { design: design.id(), ports: 1, groups: 1 };
                trials(exclude, MapForm::HashOfDevmap).run(place).expect("an outcome");
            }
        }
    }

    #[test]
    fn times_are_measured_if_that_is_wanted() {
        let shape = shape(workload::Exclude::Ingress);
        let trials = Trials::new(&shape, MapForm::HashOfDevmapHash, MEMORY, true);
        let outcome = trials.run(Place { design: "D5", ports: 64, groups: 4 }).expect("an outcome");
        let times = outcome.figures().and_then(|figures| figures.times).expect("times");
        assert!(times.lookup_nanos > 0.0 && times.mask_nanos.is_some_and(|nanos| nanos > 0.0));
    }
}
