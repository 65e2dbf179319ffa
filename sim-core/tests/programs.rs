//! Programs as a scenario names them: what `build` makes, and what each says about itself.
//!
//! What they do with a frame is tested beside them, where a context can be made by hand.

use xdpsim_core::program::{Effects, Sharing, XdpProgram};
use xdpsim_core::programs::{LearningSwitch, UnknownMap, Verdict, build};
use xdpsim_core::scenario::{ExcludeSource, GroupSource, KeySource, Op, ProgramKind};
use xdpsim_devmap::{IfIndex, MapId, RedirectFlags, XdpAction};

fn ports(name: &str) -> Option<MapId> {
    (name == "ports").then_some(MapId(3))
}

fn built(kind: &ProgramKind) -> Box<dyn XdpProgram> {
    build(kind, &mut ports).unwrap_or_else(|error| panic!("{kind:?}: {error}"))
}

fn script(ops: &[Op]) -> ProgramKind {
    ProgramKind::Script(vec![vec![Op::Return(XdpAction::PASS)], ops.to_vec()])
}

/// All kinds that use a map, with this one.
fn kinds_with_map(map: &str) -> Vec<ProgramKind> {
    let map = || map.to_owned();
    let by = |key| ProgramKind::RedirectMap { map: map(), key, flags: 0 };
    vec![
        by(KeySource::Const(1)),
        by(KeySource::IngressIfindex),
        by(KeySource::RxQueueIndex),
        by(KeySource::FrameByte { offset: 0, modulo: 2 }),
        ProgramKind::Broadcast { map: map(), flags: RedirectFlags::EXCLUDE_INGRESS },
        ProgramKind::LearningSwitch { map: map(), table_max: 8 },
        ProgramKind::FlowHash { map: map(), targets: 2 },
        script(&[Op::RedirectMap { map: map(), key: 0, flags: 0 }]),
        script(&[Op::RedirectInner { map: map(), outer: 0, key: 0, flags: 0 }]),
        script(&[Op::RedirectMulti { map: map(), ex_map: None, flags: 0 }]),
        ProgramKind::RedirectMulti { map: map(), ex_map: Some(map()), flags: 1 },
        ProgramKind::RedirectGroup {
            map: map(),
            group: GroupSource::Const(1),
            exclude: ExcludeSource::IngressIfindex,
            flags: 0,
        },
    ]
}

/// All kinds that use none, and whether they redirect.
fn kinds_without_map() -> Vec<(ProgramKind, bool)> {
    let redirect = Op::Redirect { ifindex: IfIndex(2), flags: 0 };
    let quiet = [
        Op::SetByte { offset: 0, value: 1 },
        Op::AdjustHead(-4),
        Op::AdjustMeta(-4),
        Op::AdjustTail(4),
        Op::ReturnHelper,
        Op::Return(XdpAction::REDIRECT),
    ];
    vec![
        (ProgramKind::Verdict(XdpAction::TX), false),
        (ProgramKind::Rewrite { offset: 0, bytes: vec![1, 2] }, false),
        (ProgramKind::Redirect { ifindex: IfIndex(2), flags: 0 }, true),
        (ProgramKind::Script(Vec::new()), false),
        (script(&quiet), false),
        (script(&[redirect]), true),
    ]
}

#[test]
fn programs_say_whether_they_redirect() {
    for (kind, redirects) in kinds_without_map() {
        assert_eq!(built(&kind).effects(), Effects { redirects }, "{kind:?}");
    }
    for kind in kinds_with_map("ports") {
        assert_eq!(built(&kind).effects(), Effects { redirects: true }, "{kind:?}");
    }
}

#[test]
fn programs_say_who_shares_their_state() {
    let all =
        kinds_with_map("ports").into_iter().chain(kinds_without_map().into_iter().map(|(kind, _)| kind));
    for kind in all {
        let expected = match kind {
            ProgramKind::LearningSwitch { .. } => Sharing::Shared,
            ProgramKind::Script(_) => Sharing::PerCpu,
            _ => Sharing::None,
        };
        let program = built(&kind);
        assert_eq!(program.sharing(), expected, "{kind:?}");
        let copy = program.clone_box();
        assert_eq!((copy.sharing(), copy.effects()), (expected, program.effects()), "{kind:?}");
    }
}

#[test]
fn a_map_that_is_not_there_is_named() {
    for kind in kinds_with_map("prots") {
        let error = build(&kind, &mut ports).err();
        assert_eq!(error, Some(UnknownMap("prots".into())), "{kind:?}");
    }
    assert_eq!(
        UnknownMap("prots".into()).to_string(),
        "the program uses map `prots`, but there is no map of that name: create it, or correct the name"
    );
}

#[test]
fn a_program_without_maps_asks_for_none() {
    for (kind, _) in kinds_without_map() {
        assert!(build(&kind, &mut |name| panic!("{name}")).is_ok(), "{kind:?}");
    }
}

#[test]
fn programs_can_be_made_without_a_scenario() {
    assert_eq!(Verdict::new(XdpAction::DROP).effects(), Effects { redirects: false });
    assert_eq!(LearningSwitch::new(MapId(1), 64).sharing(), Sharing::Shared);
}
