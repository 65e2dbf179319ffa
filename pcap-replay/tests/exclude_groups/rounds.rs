//! Random rounds: kernel, simulation and the difference of groups say the same.

use xdpsim_core::Fate;
use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::need;

use crate::cases::{FORMS, Form, POLL, PORTS, Random, Round, copies};
use crate::kernel::Kernel;
use crate::{Programs, object, simulated};

/// Polls of 64 frames for each object: what a test run spends on this.
const ROUNDS: usize = 12;

#[derive(Default)]
struct Counts {
    cases: usize,
    copies: usize,
    excluded: usize,
    /// Frames of polls with more than one exclude number.
    mixed: usize,
    /// Copies that nobody was woken for.
    late: usize,
}

impl Counts {
    fn told(&self, what: &str) {
        let Self { cases, copies, excluded, mixed, late } = self;
        need::compared(&format!(
            "exclude groups, {what}: {cases} random cases ({mixed} in polls with several exclude groups), \
             {copies} copies ({late} waited for a wake-up), {excluded} excluded; the kernel, the simulation of the objects and the groups' difference agree"
        ));
    }
}

fn compare(form: &Form, programs: Programs, switch: &mut Switch, counts: &mut Counts) {
    let failed = |error| -> ! { panic!("{}, {programs:?}: {error}", form.name) };
    let mode = switch.mode();
    let mut kernel =
        Kernel::new(form, &object(form.name), programs, switch).unwrap_or_else(|error| failed(error));
    let mut random = Random(0x6d63_6173 ^ programs as u64);
    for number in 0..ROUNDS {
        let round = Round::draw(form, &mut random);
        let expected = round.expected();
        let here = simulated::play(form, programs, mode, &round);
        kernel.set(&round, switch).unwrap_or_else(|error| failed(error));
        let mut left = kernel.play(&round, &here.left, switch).unwrap_or_else(|error| failed(error));
        let who = || format!("{}, {programs:?}, {mode:?}, round {number}: {round:?}", form.name);
        assert_eq!(left, here.left, "left the kernel, right simulated: {}", who());
        assert_eq!(here.report.clones as usize, round.clones(), "copies made: {}", who());
        let excluded = copies(&round.everything()) - copies(&expected);
        assert_eq!(here.report.count(Fate::EntryDropped) as usize, excluded, "copies dropped: {}", who());
        let late = copies(&expected) - copies(&left);
        let rest = kernel.wake(&round, late, switch).unwrap_or_else(|error| failed(error));
        left.iter_mut().zip(rest).for_each(|(left, rest): (&mut Vec<_>, _)| left.extend(rest));
        assert_eq!(left, expected, "left the kernel, right the difference of groups: {}", who());
        counts.late += late;
        counts.cases += POLL;
        counts.copies += copies(&left);
        counts.excluded += excluded;
        counts.mixed += if round.exclude_numbers() > 1 { POLL } else { 0 };
    }
}

/// Rule: MCAST-K11.a, MCAST-K11.b, MCAST-K11.d, MCAST-K13.a, MCAST-P30, FLU-06.b, FLU-06.c, MCAST-02.a, MCAST-02.b, MCAST-03.a, MCAST-09.a, MCAST-10.b, MCAST-11.b
#[test]
fn native_notes_and_masks_leave_out_what_the_groups_say() {
    let test = "native_notes_and_masks_leave_out_what_the_groups_say";
    let Some(()) = need::kernel(test) else { return };
    let mut switch = Switch::new(PORTS, Mode::Native).unwrap_or_else(|error| panic!("{error}"));
    for programs in [Programs::Note, Programs::Mask] {
        let mut counts = Counts::default();
        FORMS.iter().for_each(|form| compare(form, programs, &mut switch, &mut counts));
        counts.told(&format!("native, {programs:?}"));
        assert!(counts.cases >= 3000 && counts.mixed >= 1000 && counts.excluded >= 1000);
    }
}

/// Rule: MCAST-K12.b, MCAST-16.a, MCAST-18.b, MCAST-19
#[test]
fn in_generic_mode_a_variable_of_the_cpu_does_it() {
    let test = "in_generic_mode_a_variable_of_the_cpu_does_it";
    let Some(()) = need::kernel(test) else { return };
    let mut switch = Switch::new(PORTS, Mode::Generic).unwrap_or_else(|error| panic!("{error}"));
    let mut counts = Counts::default();
    FORMS.iter().for_each(|form| compare(form, Programs::Cpu, &mut switch, &mut counts));
    counts.told("generic, Cpu");
    assert!(counts.cases >= 2500 && counts.mixed >= 1000 && counts.excluded >= 1000);
}
