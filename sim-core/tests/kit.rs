//! The test kit: its laws hold of the model and can be broken, counterexamples shrink, say how to be found
//! again, and can be kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use xdpsim_core::kit::{Counterexample, Held, Law, OwnPrograms, Played, Property, Sent, Trial, laws};
use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::strategies::scenarios::{self, MAP_ID};
use xdpsim_core::strategies::trials;
use xdpsim_core::{Ctx, FrameMut, MapKind, Nanos, RedirectFlags, XdpAction, XdpProgram};

const BROADCAST: u64 = RedirectFlags::BROADCAST.bits();
const EXCLUDE: u64 = RedirectFlags::EXCLUDE_INGRESS.bits();

/// A program from a closure that sees the context and the frame.
#[derive(Clone)]
struct Own<F>(F);

impl<F> XdpProgram for Own<F>
where
    F: Fn(&mut Ctx<'_>, &mut FrameMut<'_>) -> XdpAction + Clone + Send + Sync + 'static,
{
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        (self.0)(ctx, frame)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

/// Looks for a counterexample with a fixed seed.
fn find<F>(program: F, law: impl Fn(&Played<'_>) -> Law) -> Result<Held, Box<Counterexample>>
where
    F: Fn(&mut Ctx<'_>, &mut FrameMut<'_>) -> XdpAction + Clone + Send + Sync + 'static,
{
    Property::new("own").program("own", Own(program)).seed(7).cases(200).find(trials::around("own"), law)
}

fn flood(ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
    ctx.redirect_map(MAP_ID, 0, BROADCAST | EXCLUDE)
}

/// Rule: LAW-09.a, FLU-03.b, RSS-08.c
#[test]
fn the_laws_of_the_model_hold_in_every_world() {
    let all = |played: &Played<'_>| {
        laws::conservation(played)?;
        laws::fifo_per_port(played)?;
        laws::same_on_any_threads(played)
    };
    Property::new("the_laws_of_the_model_hold_in_every_world").cases(400).check(trials::any_trial(), all);
}

#[test]
fn a_forwarder_without_a_bug_keeps_its_promises() {
    let promises = |played: &Played<'_>| {
        laws::no_frame_back(played)?;
        laws::no_byte_changed(played)?;
        laws::conservation(played)
    };
    let held = find(flood, promises).expect("it has no bug");
    assert!(held.trials == 200 && held.frames > 2_000 && held.delivered > held.frames, "{held:?}");
}

#[test]
fn a_frame_that_goes_back_is_found_and_shrunk() {
    // Tagged frames take a short cut that forgets the flag.
    let buggy = |ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>| {
        let tagged = frame.data().get(12..14) == Some(&[0x81, 0x00]);
        ctx.redirect_map(MAP_ID, 0, if tagged { BROADCAST } else { BROADCAST | EXCLUDE })
    };
    let found = find(buggy, laws::no_frame_back).expect_err("a bug");
    let Trial { scenario, frames, .. } = &found.trial;
    assert_eq!((scenario.ports.len(), frames.len(), frames[0].bytes.len()), (2, 1, 60), "{found}");
    assert_eq!(frames[0].bytes[12..14], [0x81, 0x00], "{found}");
    assert_eq!(found.broken.why, "frame 1 left by p1, on which it came in");
    assert_eq!(found.broken.silent, ["p1"]);
}

#[test]
#[should_panic(expected = "`own` was not tested: of")]
fn a_property_that_saw_nothing_leave_fails() {
    let drops = |_: &mut Ctx<'_>, _: &mut FrameMut<'_>| XdpAction::DROP;
    let property = Property::new("own").program("own", Own(drops)).cases(20);
    property.check(trials::around("own"), laws::no_frame_back);
}

#[test]
fn the_seed_of_a_failure_finds_it_first() {
    // Seldom: long multicast frames to one of the groups.
    let sends_some_back = |ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>| {
        let group_4 = frame.data().first() == Some(&1) && frame.data().get(5) == Some(&4);
        let back = group_4 && frame.len() > 1470;
        ctx.redirect_map(MAP_ID, 0, if back { BROADCAST } else { BROADCAST | EXCLUDE })
    };
    let found = find(sends_some_back, laws::no_frame_back).expect_err("a bug");
    assert!(found.after > 0, "{found}");
    let property = Property::new("own").program("own", Own(sends_some_back)).seed(found.seed);
    let again = property.find(trials::around("own"), laws::no_frame_back).expect_err("the same bug");
    assert_eq!((again.after, &again.trial), (0, &found.trial));
    let command = format!("PROPTEST_RNG_SEED={} cargo test own", found.seed);
    assert!(found.to_string().contains(&command), "{found}");
}

#[test]
fn every_promise_can_be_broken() {
    let broken = |found: Result<Held, Box<Counterexample>>| found.expect_err("a bug").broken;
    let writes = |ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>| {
        frame.data_mut().iter_mut().skip(20).take(1).for_each(|byte| *byte ^= 1);
        ctx.redirect_map(MAP_ID, 0, BROADCAST | EXCLUDE)
    };
    let why = broken(find(writes, laws::no_byte_changed)).why;
    assert!(why.ends_with("with another byte at offset 20"), "{why}");

    let why = broken(find(flood, |played| laws::no_copy_to_excluded(played, ["p2"])));
    assert_eq!(
        (why.why.as_str(), why.silent.as_slice()),
        ("frame 1 left by p2, which is excluded", &["p2".to_owned()][..])
    );

    let drops = |_: &mut Ctx<'_>, frame: &mut FrameMut<'_>| {
        if frame.len() > 100 { XdpAction::DROP } else { XdpAction::PASS }
    };
    let why = broken(find(drops, laws::nothing_lost)).why;
    assert_eq!(why, "frame 1, which came in on p1, ends as dropped (HLP-13)");

    let trial = on_two_cpus();
    let mut played = trial.play().expect("it builds");
    played.run.report.arrivals += 1;
    let why = laws::conservation(&played).expect_err("a frame too many").why;
    assert_eq!(why, "40 frames were sent; 41 arrivals + 0 copies, but 40 fates");

    let panics = |_: &mut Ctx<'_>, frame: &mut FrameMut<'_>| XdpAction(u32::from(frame.data()[59]));
    let cut = find(panics, laws::conservation).expect_err("a panic");
    assert_eq!(cut.broken.law, "no panic");
    assert!(cut.trial.frames.len() == 1 && cut.trial.frames[0].bytes.len() < 60, "{cut}");
}

/// Frames that came in on two queues, polled by two CPUs.
fn on_two_cpus() -> Trial {
    let mut scenario = Scenario { cpus: 2, ..Scenario::default() };
    scenario.ports = ["a", "b"].map(PortSpec::ideal).to_vec();
    scenario.ports[0].queues = 2;
    scenario.ports[0].rss = xdpsim_core::scenario::Rss::RoundRobin;
    scenario.ports[0].xdp = Some("own".into());
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 4).with(1, "a").with(2, "b")];
    let to_b = ProgramKind::Verdict(XdpAction::PASS);
    scenario.programs = vec![ProgramSpec::xdp("own", to_b)];
    let frames = (0..40u64).map(|i| Sent::new("a", Nanos(1 + i / 4), [i as u8; 60])).collect();
    Trial::new(scenario, frames)
}

#[test]
fn state_that_cpus_share_without_saying_so_is_noticed() {
    let count = Arc::new(AtomicU32::new(0));
    let every_third = move |ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>| {
        if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            XdpAction::DROP
        } else {
            ctx.redirect_map(MAP_ID, 2, 0)
        }
    };
    let own = |program: Box<dyn XdpProgram>| OwnPrograms::from([("own".to_owned(), program)]);
    let trial = on_two_cpus();
    let played = trial.play_with(&own(Box::new(Own(every_third)))).expect("it builds");
    let why = laws::same_on_any_threads(&played).expect_err("a hidden counter").why;
    assert!(why.starts_with("the deliveries differ"), "{why}");

    let to_b = |ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>| ctx.redirect_map(MAP_ID, 2, 0);
    let played = trial.play_with(&own(Box::new(Own(to_b)))).expect("it builds");
    assert_eq!(played.lab().plan().domains(), 2);
    assert_eq!(laws::same_on_any_threads(&played), Ok(()));
}

#[test]
fn a_kept_scenario_repeats_what_the_program_did() {
    let buggy = |ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>| {
        let _ = frame.adjust_head(-4);
        frame.data_mut().iter_mut().skip(1).take(1).for_each(|byte| *byte = 0x55);
        ctx.redirect_map(MAP_ID, 0, BROADCAST)
    };
    let found = find(buggy, laws::no_frame_back).expect_err("a bug");
    let text = found.scenario_text("own.pcapng");
    for part in [
        "# Found by the property `own`: no frame back to its ingress: frame 1 left by p1, on which it came in\n",
        "# `own` is a program in Rust.",
        "kind = \"script\"\ncycle = [\n",
        "\"redirect_map ports 0x0 0x8\", \"adjust_head -4\", \"set_byte 0 0\", \"set_byte 1 85\"",
        "\"return redirect\"]",
        "[replay]\ningress = \"p1\"\ncaptures = [\"own.pcapng\"]\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("[expect]"), "a script in the place of a program proves nothing of it\n{text}");
}

#[test]
fn a_named_program_is_kept_with_what_is_expected() {
    let flood = ProgramKind::Broadcast { map: scenarios::MAP.into(), flags: RedirectFlags::empty() };
    let around = scenarios::around_program(ProgramSpec::xdp("flood", flood));
    let (frame, timeline) =
        (xdpsim_core::strategies::frames::good(), xdpsim_core::strategies::timelines::at_once());
    let property = Property::new("flooding::never sends back").seed(3);
    let found = property.find(trials::of(around, frame, timeline), laws::no_frame_back).expect_err("it does");
    let text = found.scenario_text("x.pcapng");
    let end = "[replay]\ningress = \"p1\"\ncaptures = [\"x.pcapng\"]\n\n[expect]\narrivals = 1\nsilent = [\"p1\"]\n";
    assert!(text.contains("kind = \"broadcast\"") && text.ends_with(end), "{text}");
}
