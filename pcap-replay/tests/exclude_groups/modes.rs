//! The wrong form for a mode, and what can be seen of the right one.

use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::need;
use xdpsim_oracle::trace::Tracepoint;

use crate::cases::{FORMS, Form, PORTS, Random, Round, copies, ifindex};
use crate::kernel::Kernel;
use crate::{Programs, object, simulated};

const HH: &Form = &FORMS[3];
const ROUNDS: usize = 3;

fn switch(mode: Mode) -> Switch {
    Switch::new(PORTS, mode).unwrap_or_else(|error| panic!("{error}"))
}

/// Rule: MCAST-K12.a
#[test]
fn in_generic_mode_notes_do_not_arrive() {
    let Some(()) = need::kernel("in_generic_mode_notes_do_not_arrive") else { return };
    const XDP_DROP: u32 = 1;
    let mut switch = switch(Mode::Generic);
    for programs in [Programs::Note, Programs::Mask] {
        for closed in [false, true] {
            let mut object = object(HH.name);
            if closed {
                object.set_global("without_note", &XDP_DROP.to_le_bytes()).expect("its variable");
            }
            let mut kernel = Kernel::new(HH, &object, programs, &mut switch).unwrap();
            let round = Round::draw(HH, &mut Random(12));
            kernel.set(&round, &switch).unwrap();
            assert!(copies(&round.everything()) > copies(&round.expected()));
            let open = if closed { vec![Vec::new(); PORTS] } else { round.everything() };
            assert_eq!(
                kernel.play(&round, &open, &mut switch).unwrap(),
                open,
                "{programs:?}, closed: {closed}"
            );
        }
    }
}

/// All copies of a bulk are judged by what the variable holds when it is flushed; the simulation knows.
///
/// Rule: MCAST-K12.c
#[test]
fn natively_a_variable_of_the_cpu_is_wrong_in_a_batch() {
    let Some(()) = need::kernel("natively_a_variable_of_the_cpu_is_wrong_in_a_batch") else { return };
    let mut switch = switch(Mode::Native);
    let mut kernel = Kernel::new(HH, &object(HH.name), Programs::Cpu, &mut switch).unwrap();
    let mut random = Random(5);
    let mut wrong = 0;
    for number in 0..ROUNDS {
        let round = Round::draw(HH, &mut random);
        kernel.set(&round, &switch).unwrap();
        let alone = kernel.play_one_by_one(&round, &mut switch).unwrap();
        assert_eq!(alone, round.expected(), "round {number}, polls of one frame");
        let simulated = simulated::play(HH, Programs::Cpu, Mode::Native, &round).left;
        let mut together = kernel.play(&round, &simulated, &mut switch).unwrap();
        assert_eq!(together, simulated, "round {number}: {round:?}");
        let rest = kernel.wake(&round, 0, &mut switch).unwrap();
        together.iter_mut().zip(rest).for_each(|(all, rest): (&mut Vec<_>, _)| all.extend(rest));
        wrong += usize::from(together != round.expected());
    }
    assert_eq!(wrong, ROUNDS);
}

/// Rule: MCAST-K11.c
#[test]
fn the_tracepoints_of_a_frame_and_its_excluded_copies() {
    let test = "the_tracepoints_of_a_frame_and_its_excluded_copies";
    let Some(()) = need::kernel(test) else { return };
    let mut switch = switch(Mode::Native);
    let mut kernel = Kernel::new(HH, &object(HH.name), Programs::Note, &mut switch).unwrap();
    let mut round = Round::draw(HH, &mut Random(1));
    let group = |ports: &[usize]| ports.iter().map(|port| (ifindex(*port), *port)).collect();
    round.ingress = 0;
    round.indexes = vec![0x1_0001];
    round.groups.insert(1 << 16, group(&[0, 1, 2, 3]));
    round.groups.insert(1, group(&[0, 3, 5]));
    kernel.set(&round, &switch).unwrap();
    let mut tracer = switch.tracer().unwrap();
    assert_eq!(kernel.play(&round, &round.expected(), &mut switch).unwrap(), round.expected());
    let mut events = Vec::new();
    tracer.drain(|event| events.push(event)).unwrap();
    let redirects: Vec<_> = events.iter().filter(|event| event.tracepoint == Tracepoint::Redirect).collect();
    assert_eq!(redirects.len(), 1, "{events:?}");
    assert_eq!((redirects[0].to_ifindex, redirects[0].err), (0, 0));
    let mut sent: Vec<(u32, i32, i32, i32)> = events
        .iter()
        .filter(|event| event.tracepoint == Tracepoint::DevmapXmit)
        .map(|event| (event.to_ifindex, event.sent, event.drops, event.err))
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, [(2, 0, 1, 0), (3, 1, 0, 0), (4, 1, 0, 0), (5, 0, 1, 0)], "{events:?}");
    assert_eq!(events.len(), 5, "no errors: {events:?}");
}
