//! Redirect info made by hand: what no program can bring about.

use std::collections::BTreeMap;

use xdpsim_devmap::{Errno, IfIndex, MapId, MapKind, RedirectFlags, XdpAction};

use super::RedirectInfo;
use crate::batch::{Batch, Desc, FrameNo, Ingress};
use crate::engine::domain::{Domain, Timing};
use crate::fate::Fate;
use crate::frame::FrameMut;
use crate::profile::Path;
use crate::program::{Ctx, XdpProgram};
use crate::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use crate::sink::Recorder;
use crate::time::Nanos;
use crate::trace::Event;
use crate::world::Plan;

/// Leaves this armed and returns XDP_REDIRECT.
struct Arms(RedirectInfo);

impl XdpProgram for Arms {
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        *ctx.ri = self.0;
        XdpAction::REDIRECT
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(Self(self.0))
    }
}

/// One frame whose program returns XDP_REDIRECT while this is armed.
fn redirect_with(info: RedirectInfo, path: Path) -> Domain<Recorder> {
    let mut scenario =
        Scenario { ports: vec![PortSpec::ideal("a"), PortSpec::ideal("b")], ..Scenario::default() };
    scenario.profile.path = path;
    scenario.maps = vec![MapSpec::new("map", MapKind::Devmap, 1).with(0, "b")];
    scenario.programs = vec![ProgramSpec::xdp("redirect", ProgramKind::Verdict(XdpAction::REDIRECT))];
    scenario.ports[0].xdp = Some("redirect".into());
    let own: Box<dyn XdpProgram> = Box::new(Arms(info));
    let own = BTreeMap::from([("redirect".to_owned(), own)]);
    let plan = Plan::with_programs(&scenario, own).expect("a scenario that can be built");
    let ingress = plan.port("a").expect("port a");
    let mut domain = plan.domain(0, Timing::Capture, true, Recorder::default());
    domain.feed(&Batch {
        first: FrameNo(0),
        bytes: &[0; 60],
        frames: &[Desc::arrived(0, 60, FrameNo(0))],
        stamps: &[Nanos(1)],
        ingress: Ingress::One(ingress),
    });
    domain.finish();
    domain
}

/// Broadcast over a map with id 1, key 5; the map as given.
fn broadcast(map: Option<MapId>) -> RedirectInfo {
    RedirectInfo {
        tgt_index: 5,
        map,
        flags: RedirectFlags::BROADCAST,
        map_id: 1,
        map_type: Some(MapKind::Devmap),
        ..RedirectInfo::default()
    }
}

fn fates(domain: &Domain<Recorder>) -> Vec<Fate> {
    domain.ledgers().flat_map(|ledger| ledger.ends().map(|(_, _, fate, ..)| fate)).collect()
}

/// Rule: RED-07.a
#[test]
fn a_broadcast_without_a_map_finds_no_entry() {
    for path in [Path::Auto, Path::FrameByFrame] {
        let domain = redirect_with(broadcast(None), path);
        assert_eq!(fates(&domain), [Fate::NoMap]);
        let sink = domain.into_sink();
        assert!(sink.deliveries.is_empty());
        let [(_, Event::Redirect { err, map_id, map_index, to_ifindex, .. })] = sink.events[..] else {
            panic!("{:?}", sink.events);
        };
        assert_eq!((err, map_id, map_index, to_ifindex), (Some(Errno::ENOENT), 1, 5, IfIndex(0)));
    }
}

/// Rule: RED-07.a
#[test]
fn the_same_broadcast_with_its_map_succeeds() {
    for path in [Path::Auto, Path::FrameByFrame] {
        assert_eq!(fates(&redirect_with(broadcast(Some(MapId(1))), path)), [Fate::Delivered]);
    }
}
