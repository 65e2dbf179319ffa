//! The laws MCAST-P15 to MCAST-P20, P26, P27 and P30 of the engine, and P21 of its index, on random groups.

use std::collections::BTreeMap;

use proptest::prelude::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{MapSpec, ProgramKind};
use xdpsim_core::strategies::groups::{Pair, pairs};
use xdpsim_core::{
    Ctx, Effects, Errno, Fate, FrameMut, GroupIndex, MapId, MapKey, MapKind, Rules, XdpAction, XdpProgram,
};

use super::*;

/// Runs of the engine are cheap, but there are many laws.
const CASES: u32 = 96;

pub fn cases() -> ProptestConfig {
    ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() }
}

/// What a frame is sent by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// RFC v1 by an index.
    Rfc(Rules),
    /// Two maps of this version, with these flags and, or not, an exclude map keyed by ifindex.
    Multi(u8, u64, bool),
    /// Mainline's flags; nobody is excluded but by them.
    Mainline(u64),
}

#[derive(Clone, Debug)]
pub struct Case {
    form: Form,
    pair: Pair,
    ingress: usize,
    generic: bool,
    down: Vec<usize>,
    frames: u8,
}

impl Case {
    pub fn new(form: Form, pair: &Pair) -> Self {
        Self { form, pair: pair.clone(), ingress: 0, generic: false, down: Vec::new(), frames: 1 }
    }

    pub fn scenario(&self) -> Scenario {
        let mut scenario = ideal(&PORTS);
        let Pair { forward, exclude, .. } = &self.pair;
        let map = |name, members: &Vec<usize>| self.pair.map(name, members, &PORTS);
        scenario.maps = vec![map("f", forward)];
        match self.form {
            Form::Rfc(rules) => {
                scenario.profile.rules = rules;
                scenario.maps.push(map("x", exclude));
                scenario.maps.push(containing(MapKind::HashOfMaps, &[(0x1_0000, "f"), (1, "x")]));
            }
            Form::Multi(version, _, with_map) => {
                scenario.profile.rules = multi(version);
                let keyed = MapSpec::new("x", MapKind::DevmapHash, 16);
                let members = PORTS.iter().enumerate().filter(|(port, _)| exclude.contains(port));
                let keyed = members.fold(keyed, |map, (port, name)| map.with(port as u32 + 1, name));
                scenario.maps.extend(with_map.then_some(keyed));
            }
            Form::Mainline(_) => {}
        }
        self.down.iter().for_each(|&port| scenario.ports[port].up = port == self.ingress);
        let ingress = PORTS[self.ingress];
        let call = match self.form {
            Form::Rfc(_) => to_key("c", 0x1_0001, 0),
            Form::Mainline(flags) => to_key("f", 0, flags),
            Form::Multi(..) => vec![PASS],
        };
        script(&mut scenario, ingress, vec![call]);
        if self.generic {
            in_generic_mode(&mut scenario, ingress);
        }
        scenario
    }

    /// The program that no script is.
    fn own(&self) -> BTreeMap<String, Box<dyn XdpProgram>> {
        let Form::Multi(_, flags, with_map) = self.form else { return BTreeMap::new() };
        let ex_map = with_map.then_some(MapId(2));
        let program: Box<dyn XdpProgram> = Box::new(Multi { map: MapId(1), ex_map, flags });
        BTreeMap::from([(format!("on_{}", PORTS[self.ingress]), program)])
    }

    fn lab(&self) -> Lab {
        let lab = Lab::with_programs(&self.scenario(), self.own());
        let mut lab = lab.unwrap_or_else(|error| panic!("{error}"));
        (0..self.frames).for_each(|mark| _ = lab.send(PORTS[self.ingress], &frame(mark)));
        lab
    }

    fn run(&self) -> Run {
        let run = self.lab().run();
        assert!(run.report.is_balanced(), "{:#?}", run.report);
        run
    }
}

/// The ports that got something, as often as they did, ascending.
pub fn receivers(run: &Run) -> Vec<usize> {
    let mut ports: Vec<usize> = run.deliveries().iter().map(|(port, ..)| port.0 as usize).collect();
    ports.sort_unstable();
    ports
}

pub fn sorted(mut ports: Vec<usize>) -> Vec<usize> {
    ports.sort_unstable();
    ports
}

/// The ports that frame 0 was queued for, in order.
fn sequence(lab: &Lab) -> Vec<usize> {
    let place = |name: &String| PORTS.iter().position(|port| port == name).expect("a port");
    queued(lab).iter().map(|(port, _)| place(port)).collect()
}

pub fn without(ports: &[usize], out: &[usize]) -> Vec<usize> {
    ports.iter().copied().filter(|port| !out.contains(port)).collect()
}

/// Versions that take an exclude map that is a hash, and no exclude map.
fn version() -> impl Strategy<Value = u8> {
    prop_oneof![2..5u8, 9..21u8]
}

/// Ports that are down: some, but never the ingress.
fn down() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..PORTS.len(), 0..4)
}

proptest! {
    #![proptest_config(cases())]

    /// Rule: MCAST-P15.a, MCAST-P01.a
    #[test]
    fn the_ingress_counts_with_a_flag_only(pair in pairs(6), ingress in 0..6usize, version in version(), excludes: bool) {
        let difference = pair.difference();
        for form in [Form::Rfc(RFC), Form::Multi(version, 0, true)] {
            let case = Case { ingress, ..Case::new(form, &pair) };
            prop_assert_eq!(&sequence(&case.lab()), &difference, "{:?}", form);
        }
        let flags = u64::from(excludes);
        let case = Case { ingress, ..Case::new(Form::Multi(version, flags, true), &pair) };
        let expected = if excludes { without(&difference, &[ingress]) } else { difference };
        prop_assert_eq!(sequence(&case.lab()), expected);
        let case = Case { ingress, ..Case::new(Form::Mainline(BROADCAST | EXCLUDE_INGRESS), &pair) };
        prop_assert_eq!(sequence(&case.lab()), without(&pair.forward, &[ingress]));
    }

    /// Rule: MCAST-P16.a, MCAST-P16.b
    #[test]
    fn copies_clones_and_originals_add_up(pair in pairs(6), version in 5..21u8, generic: bool, frames in 1..40u8) {
        let left = pair.difference().len() as u64;
        let n = u64::from(frames);
        let freed = |run: &Run| run.count(Fate::OrigFreed) + run.count(Fate::Nobody);
        for rules in [RFC, LITERAL] {
            let run = Case { generic, frames, ..Case::new(Form::Rfc(rules), &pair) }.run();
            prop_assert_eq!((run.report.clones, run.count(Fate::Delivered), freed(&run)), (n * left, n * left, n));
            let leaks = bugs(&run).iter().filter(|bug| **bug == ("rfc_bug", "MCAST-17")).count() as u64;
            prop_assert_eq!(leaks, if rules == LITERAL && !generic { n } else { 0 });
        }
        let flags = Case { generic, frames, ..Case::new(Form::Mainline(BROADCAST), &pair) };
        let multi = Case { generic, frames, ..Case::new(Form::Multi(version, 0, true), &pair) };
        for (case, left) in [(multi, left), (flags, pair.forward.len() as u64)] {
            let run = case.run();
            if run.count(Fate::EmptyForwardMap) > 0 {
                prop_assert!(generic && pair.forward.is_empty());
                continue;
            }
            let expected = (n * left.saturating_sub(1), n * left, if left == 0 { n } else { 0 });
            prop_assert_eq!((run.report.clones, run.count(Fate::Delivered), freed(&run)), expected);
        }
    }

    /// Rule: MCAST-P17.a, MCAST-P18.a
    #[test]
    fn a_bad_target_cuts_v1_and_mainlines_generic_walk_and_is_skipped_by_the_others(
        pair in pairs(6), down in down(), version in 9..21u8, generic: bool,
    ) {
        let difference = pair.difference();
        let cut = |ports: &[usize]| ports.iter().position(|port| down.contains(port));
        let case = |form| Case { generic, down: down.clone(), ..Case::new(form, &pair) };
        let run = case(Form::Rfc(RFC)).run();
        let at = cut(&difference);
        prop_assert_eq!(receivers(&run), sorted(difference[..at.unwrap_or(difference.len())].to_vec()));
        prop_assert_eq!(errors(&run), [at.map(|_| Errno::ENETDOWN)]);
        if let Some(at) = at {
            prop_assert_eq!((run.report.clones, run.count(Fate::Down)), (at as u64, 1));
        }
        let run = case(Form::Multi(version, 0, true)).run();
        prop_assert_eq!(receivers(&run), sorted(without(&difference, &down)));
        let run = case(Form::Mainline(BROADCAST)).run();
        let expected = match generic {
            // A target is handed on when the next one has been found, so the prefix is the same.
            true => pair.forward[..cut(&pair.forward).unwrap_or(pair.forward.len())].to_vec(),
            false => without(&pair.forward, &down),
        };
        prop_assert_eq!(receivers(&run), sorted(expected));
    }

    /// Port 0's uppers are in the exclude group, with it or without it.
    ///
    /// Rule: MCAST-P19.a, MCAST-54.a, MCAST-54.b, MCAST-54.c
    #[test]
    fn flags_are_sets(pair in pairs(6), uppers in prop::collection::btree_set(1..6usize, 0..4), generic: bool, version in 9..21u8) {
        let uppers: Vec<usize> = uppers.into_iter().collect();
        let run = |form: Form, exclude: Vec<usize>| {
            let case = Case { generic, ..Case::new(form, &Pair { exclude, ..pair.clone() }) };
            let (mut scenario, own) = (case.scenario(), case.own());
            scenario.ports[0].uppers = uppers.iter().map(|&port| PORTS[port].to_owned()).collect();
            let mut lab = Lab::with_programs(&scenario, own).unwrap_or_else(|error| panic!("{error}"));
            lab.send("a", &frame(0));
            receivers(&lab.run())
        };
        let all = run(Form::Mainline(BROADCAST), vec![]);
        prop_assert_eq!(&run(Form::Rfc(RFC), vec![]), &all);
        prop_assert_eq!(&run(Form::Multi(version, 0, false), vec![]), &all);
        let others = run(Form::Mainline(BROADCAST | EXCLUDE_INGRESS), vec![]);
        prop_assert_eq!(&run(Form::Rfc(RFC), [&[0][..], &uppers].concat()), &others);
        prop_assert_eq!(&run(Form::Multi(version, 1, true), uppers.clone()), &others);
    }

    /// Rule: MCAST-P20.a, MCAST-P20.b
    #[test]
    fn modes_agree_and_literal_differs_where_the_exclude_group_is_missing(pair in pairs(6), missing: bool, version in version()) {
        let run = |rules, generic| {
            let case = Case { generic, ..Case::new(Form::Rfc(rules), &pair) };
            let mut scenario = case.scenario();
            if missing {
                scenario.maps[2].entries.pop();
            }
            burst(&scenario, "a", 1)
        };
        let meant = run(RFC, false);
        prop_assert_eq!(receivers(&run(RFC, true)), receivers(&meant));
        prop_assert_eq!(receivers(&run(LITERAL, true)), receivers(&meant));
        let posted = run(LITERAL, false);
        match missing {
            true => prop_assert_eq!(receivers(&posted), Vec::<usize>::new()),
            false => prop_assert_eq!(posted.deliveries(), meant.deliveries()),
        }
        let told = posted.events.iter().filter(|event| !matches!(event, xdpsim_core::Event::Bug { .. }));
        prop_assert!(missing || told.eq(&meant.events));
        let multi = |generic| Case { generic, ..Case::new(Form::Multi(version, 0, true), &pair) }.run();
        prop_assert_eq!(receivers(&multi(true)), receivers(&multi(false)));
    }

    /// Rule: MCAST-P21.a
    #[test]
    fn an_index_is_its_two_keys(argument: u64) {
        let index = GroupIndex::from_argument(argument);
        let (MapKey(forward), MapKey(exclude)) = (index.forward(), index.exclude());
        prop_assert_eq!((forward | exclude, forward & exclude), (index.0, 0));
        prop_assert!(forward % 65_536 == 0 && exclude < 65_536);
        prop_assert_eq!(GroupIndex::of_groups((forward >> 16) as u16, exclude as u16), index);
        prop_assert_eq!(GroupIndex::from_argument(argument & 0xffff_ffff), index);
    }

    /// Rule: MCAST-P26.a
    #[test]
    fn the_same_again_is_the_same(pair in pairs(6), literal: bool, version in version(), frames in 1..30u8) {
        for form in [Form::Rfc(if literal { LITERAL } else { RFC }), Form::Multi(version, 1, true)] {
            let case = Case { frames, ..Case::new(form, &pair) };
            let (one, other) = (case.run(), case.run());
            prop_assert_eq!(&one.events, &other.events);
            prop_assert_eq!(one.deliveries(), other.deliveries());
            prop_assert_eq!(&one.report, &other.report);
            let split = case.lab().batches_of(3).run();
            prop_assert_eq!((&split.events, &split.report), (&one.events, &one.report));
        }
    }

    /// Rule: MCAST-P27.a
    #[test]
    fn frames_of_a_batch_arrive_in_order_however_many(pair in pairs(6), version in version(), frames in 1..64u8) {
        for form in [Form::Rfc(RFC), Form::Multi(version, 0, true)] {
            let run = Case { frames, ..Case::new(form, &pair) }.run();
            for (port, name) in PORTS.iter().enumerate() {
                let copies = pair.difference().iter().filter(|&&one| one == port).count();
                let expected: Vec<u64> = (0..u64::from(frames)).flat_map(|no| vec![no; copies]).collect();
                prop_assert_eq!(run.numbers(name), expected);
            }
        }
    }

    /// Every entry of the forward group carries a program that asks a map of ifindexes.
    ///
    /// Rule: MCAST-P30.a
    #[test]
    fn a_filter_at_the_entries_pays_for_who_is_left_out(pair in pairs(6), generic: bool) {
        let keyed = MapSpec::new("x", MapKind::DevmapHash, 16);
        let members = PORTS.iter().enumerate().filter(|(port, _)| pair.exclude.contains(port));
        let keyed = members.fold(keyed, |map, (port, name)| map.with(port as u32 + 1, name));
        let mut scenario = ideal(&PORTS);
        entry_program(&mut scenario, "filter", ProgramKind::Verdict(XdpAction::PASS));
        let forward = MapSpec::new("f", pair.kind, 64);
        let numbered = pair.forward.iter().enumerate();
        let forward = numbered.fold(forward, |map, (key, &port)| map.with_program(key as u32, PORTS[port], "filter"));
        scenario.maps = vec![forward, keyed];
        script(&mut scenario, "a", vec![to_key("f", 0, BROADCAST)]);
        if generic {
            in_generic_mode(&mut scenario, "a");
        }
        let own: Box<dyn XdpProgram> = Box::new(Filter { exclude: MapId(2) });
        let own = BTreeMap::from([("filter".to_owned(), own)]);
        let mut lab = Lab::with_programs(&scenario, own).unwrap_or_else(|error| panic!("{error}"));
        lab.send("a", &frame(0));
        let run = lab.run();
        let (all, left) = (pair.forward.len() as u64, pair.difference());
        prop_assert_eq!(receivers(&run), sorted(left.clone()));
        prop_assert_eq!((run.report.clones, run.count(Fate::EntryDropped)), (all.saturating_sub(1), all - left.len() as u64));
        prop_assert_eq!(errors(&run), [None]);
    }
}

/// Drops what is to leave by a port of a map that is keyed by ifindex (design D15).
#[derive(Clone)]
struct Filter {
    exclude: MapId,
}

impl XdpProgram for Filter {
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        let egress = ctx.egress_ifindex.expect("a devmap program");
        match ctx.lookup(self.exclude, MapKey(egress.0)) {
            Some(_) => XdpAction::DROP,
            None => XdpAction::PASS,
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }

    fn effects(&self) -> Effects {
        Effects { redirects: false }
    }
}
