//! Redirect info made by hand: what no program can bring about.

use std::collections::BTreeMap;

use xdpsim_devmap::{CpuId, Errno, IfIndex, MapId, MapKind, RedirectFlags, XdpAction};

use super::RedirectInfo;
use crate::batch::{Batch, Desc, FrameNo, Ingress};
use crate::engine::domain::{Domain, Timing};
use crate::fate::Fate;
use crate::frame::FrameMut;
use crate::poll::Decided;
use crate::profile::Path;
use crate::program::{Ctx, PollFrames, XdpProgram};
use crate::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use crate::sink::{NullSink, Recorder, Sink};
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

/// What a frame's program does: its first byte chooses, the second is the key or an ifindex.
#[derive(Clone, Copy)]
struct Chosen {
    /// By the fast form where a program ends with the helper.
    fast: bool,
}

const FLAGS: [u64; 6] = [0, 2, 1, RedirectFlags::BROADCAST.bits(), 1 << 20, 3];

impl Chosen {
    fn key(frame: &FrameMut<'_>) -> u64 {
        frame.byte(1).unwrap_or(0).into()
    }

    fn flags(frame: &FrameMut<'_>) -> u64 {
        FLAGS[usize::from(frame.byte(2).unwrap_or(0)) % FLAGS.len()]
    }

    /// Does it end with `bpf_redirect_map()`?
    fn redirects(frame: &FrameMut<'_>) -> bool {
        frame.byte(0).unwrap_or(0) % 8 < 6
    }

    fn choose(ctx: &mut Ctx<'_>, frame: &FrameMut<'_>) -> XdpAction {
        match frame.byte(0).unwrap_or(0) % 8 {
            0..6 => ctx.redirect_map(MapId(1), Self::key(frame), Self::flags(frame)),
            6 => ctx.redirect(IfIndex(Self::key(frame) as u32), Self::flags(frame)),
            // With whatever the frames before have left.
            _ => XdpAction::REDIRECT,
        }
    }
}

impl XdpProgram for Chosen {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        Self::choose(ctx, frame)
    }

    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        let mut i = 0;
        ctx.begin();
        while i < poll.len() {
            let frame = poll.frame(i);
            let flags = Self::flags(&frame);
            // As many as end with the same redirect.
            let same = |frame: &FrameMut<'_>| Self::redirects(frame) && Self::flags(frame) == flags;
            let keys: Vec<u64> = (i..poll.len())
                .map_while(|i| Some(poll.frame(i)).filter(same).map(|f| Self::key(&f)))
                .collect();
            if self.fast && !keys.is_empty() && ctx.redirects_in_stretches(MapId(1), flags) {
                ctx.redirect_map_stretch(MapId(1), flags, i, &keys, out);
                i += keys.len();
            } else {
                let act = Self::choose(ctx, &poll.frame(i));
                out.verdict(i, act, ctx);
                i += 1;
            }
            ctx.begin();
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}

/// Frames in polls, and what became of them, with the redirect info that is left.
fn played<S: Sink>(own: Chosen, bytes: &[u8], sink: S) -> (Vec<String>, RedirectInfo, S) {
    let ports = ["a", "b", "c"].map(PortSpec::ideal).to_vec();
    let mut scenario = Scenario { ports, ..Scenario::default() };
    scenario.maps = vec![MapSpec::new("map", MapKind::Devmap, 8).with(0, "b").with(3, "c").with(5, "a")];
    scenario.programs = vec![ProgramSpec::xdp("chosen", ProgramKind::Verdict(XdpAction::REDIRECT))];
    scenario.ports[0].xdp = Some("chosen".into());
    let own: Box<dyn XdpProgram> = Box::new(own);
    let plan =
        Plan::with_programs(&scenario, BTreeMap::from([("chosen".to_owned(), own)])).expect("it is legal");
    let mut domain = plan.domain(0, Timing::Asap, true, sink);
    let count = bytes.len() as u32 / 60;
    let frames: Vec<Desc> = (0..count).map(|i| Desc::arrived(60 * i, 60, FrameNo(i.into()))).collect();
    let stamps = vec![Nanos(1); frames.len()];
    let ingress = Ingress::One(plan.port("a").expect("port a"));
    domain.feed(&Batch { first: FrameNo(0), bytes, frames: &frames, stamps: &stamps, ingress });
    domain.finish();
    let ends = domain.ledgers().flat_map(|ledger| ledger.ends().map(|end| format!("{end:?}"))).collect();
    let left = *domain.redirect_info(CpuId(0)).expect("one CPU");
    (ends, left, domain.into_sink())
}

/// Rule: HLP-03.a, HLP-04.a, HLP-12.a, HLP-19.a
#[test]
fn a_redirect_that_ends_a_program_is_the_call_and_its_verdict() {
    let mut random = 1_u64;
    let mut byte = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u8
    };
    let mut bytes = vec![0; 60 * 2000];
    for frame in bytes.chunks_mut(60) {
        // Mostly keys that are there, and no flags.
        let key = [0, 3, 5, 1, 9][usize::from(byte()) % 5];
        frame[..3].copy_from_slice(&[byte(), key, byte() & byte() & byte() & 7]);
    }
    let [fast, slow] = [true, false].map(|fast| played(Chosen { fast }, &bytes, NullSink));
    assert_eq!((&fast.0, fast.1), (&slow.0, slow.1));
    assert!(fast.0.len() > 8, "{:?}", fast.0);
    // Somebody who wants events gets the same ones.
    let [fast, slow] = [true, false].map(|fast| played(Chosen { fast }, &bytes, Recorder::default()));
    assert_eq!((fast.0, fast.1), (slow.0, slow.1));
    assert_eq!(fast.2.events, slow.2.events);
}
