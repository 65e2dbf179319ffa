//! Programs of one's own that share state, redirect beyond the model, and are looked at after the run.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use xdpsim_core::scenario::{PortSpec, ProgramKind, ProgramSpec};
use xdpsim_core::{
    Batch, BuildError, Ctx, Desc, DevId, Fate, FrameMut, FrameNo, Ingress, Kin, Nanos, NullSink, Plan,
    Report, Scenario, Sharing, Timing, XdpAction, XdpProgram,
};

/// What all programs of an object have in common.
#[derive(Clone, Default)]
struct Seen(Vec<(&'static str, FrameNo)>);

/// Notes each frame; even ones go to a CPU that is there, odd ones to one that is not.
struct Notes {
    name: &'static str,
    seen: Arc<Mutex<Seen>>,
}

impl XdpProgram for Notes {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let number = ctx.frame_number(frame);
        self.seen.lock().unwrap().0.push((self.name, number));
        ctx.redirect_elsewhere(number.0.is_multiple_of(2), 3, XdpAction::DROP.0.into())
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        self.clone_with(&mut Kin::default())
    }

    fn clone_with(&self, kin: &mut Kin) -> Box<dyn XdpProgram> {
        let seen = kin.share(&self.seen, |template| Mutex::new(template.lock().unwrap().clone()));
        Box::new(Self { name: self.name, seen })
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Shared
    }
}

fn scenario() -> Scenario {
    let kind = || ProgramKind::Object { object: "notes.o".into(), function: None, maps: Vec::new() };
    let port = |name: &str, program: &str| PortSpec { xdp: Some(program.into()), ..PortSpec::ideal(name) };
    Scenario {
        ports: vec![port("a", "one"), port("b", "other")],
        programs: vec![ProgramSpec::xdp("one", kind()), ProgramSpec::xdp("other", kind())],
        ..Scenario::default()
    }
}

fn plan() -> Plan {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let program = |name: &'static str| -> (String, Box<dyn XdpProgram>) {
        (name.to_owned(), Box::new(Notes { name, seen: Arc::clone(&seen) }))
    };
    let own = BTreeMap::from([program("one"), program("other")]);
    Plan::with_programs(&scenario(), own).unwrap()
}

/// Two frames on each port; what the programs noted, and the books.
fn run(plan: &Plan) -> (Vec<(&'static str, u64)>, Report) {
    let mut domain = plan.domain(0, Timing::Asap, true, NullSink);
    let frames: Vec<Desc> = (0..4).map(|i| Desc::arrived(0, 60, FrameNo(i))).collect();
    let ports = [DevId(0), DevId(0), DevId(1), DevId(1)];
    domain.feed(&Batch {
        first: FrameNo(0),
        bytes: &[0; 60],
        frames: &frames,
        stamps: &[Nanos::ZERO; 4],
        ingress: Ingress::Each(&ports),
    });
    domain.finish();
    let programs: Vec<&Notes> =
        domain.programs().filter_map(|one| one.as_any()?.downcast_ref::<Notes>()).collect();
    let [one, other] = programs[..] else { panic!("two programs ran") };
    assert!(Arc::ptr_eq(&one.seen, &other.seen));
    let seen = one.seen.lock().unwrap().0.iter().map(|(name, number)| (*name, number.0)).collect();
    let mut report = Report::default();
    report.add(plan, &domain);
    (seen, report)
}

#[test]
fn programs_that_are_copied_together_share_their_state_and_each_run_begins_anew() {
    let plan = plan();
    let expected = vec![("one", 0), ("one", 1), ("other", 2), ("other", 3)];
    assert_eq!(run(&plan).0, expected);
    assert_eq!(run(&plan).0, expected);
}

/// Rule: HLP-04.a
#[test]
fn a_redirect_beyond_the_model_is_a_fate_and_a_missing_entry_the_fallback() {
    let report = run(&plan()).1;
    assert_eq!((report.count(Fate::NotModelled), report.count(Fate::LookupDropped)), (2, 2));
    assert!(report.is_balanced());
}

#[test]
fn an_objects_program_needs_its_code() {
    let error = Plan::new(&scenario()).err();
    assert_eq!(error, Some(BuildError::Unknown { what: "code of an object", name: "one".into() }));
}
