//! What a device is to a redirect: features, attachment, and who counts where.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::netdev::{Device, DeviceTable, Features, Kind, XdpMode};
use xdpsim_core::scenario::{Action, At, Change, PeerSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{
    BuildError, DevId, Errno, Event, FrameNo, IfIndex, KernelVersion, Nanos, NetnsId, Profile, ProgId,
    XdpAction,
};

const RECEIVES: Features = Features::BASIC.union(Features::REDIRECT).union(Features::RX_SG);
const ALL: Features = RECEIVES.union(Features::NDO_XMIT).union(Features::NDO_XMIT_SG);

fn device(name: &str, kind: Kind) -> Device {
    Device {
        name: name.into(),
        kind,
        netns: NetnsId::INIT,
        ifindex: IfIndex(1),
        registered: true,
        up: true,
        mtu: 1500,
        gro: false,
        gro_seen: false,
        passes_all: false,
        queues: 1,
        mode: XdpMode::Native,
        prog: None,
        prog_frags: false,
        uppers: Vec::new(),
        features_fixed: None,
        features: Features::empty(),
        limit: 0,
        napi: false,
    }
}

/// Both ends of a pair; `refresh` has run.
fn table(one: impl FnOnce(&mut Device), other: impl FnOnce(&mut Device)) -> DeviceTable {
    let mut devices = DeviceTable::default();
    for (name, peer) in [("v", 1), ("w", 0)] {
        devices.add(device(name, Kind::Veth { peer: DevId(peer), far_end: false }));
    }
    one(devices.get_mut(DevId(0)));
    other(devices.get_mut(DevId(1)));
    devices.refresh(&Profile::default());
    devices
}

/// Rule: DRV-01.a
#[test]
fn a_veth_that_receives_less_than_its_peer_sends_has_no_features() {
    let features = |own, peer| {
        let devices = table(|v| v.queues = own, |w| (w.queues, w.gro, w.gro_seen) = (peer, true, true));
        devices.get(DevId(0)).features
    };
    assert_eq!((features(2, 2), features(3, 2), features(2, 3)), (ALL, ALL, Features::empty()));
    let plain = table(|_| {}, |_| {});
    assert_eq!(plain.get(DevId(0)).features, RECEIVES);
}

/// Rule: DRV-01.b
#[test]
fn the_peers_program_or_gro_makes_a_veth_a_target() {
    let with_program = table(|_| {}, |w| w.prog = Some(ProgId(1)));
    assert_eq!([0, 1].map(|dev| with_program.get(DevId(dev)).features), [ALL, RECEIVES]);
    let with_gro = table(|v| (v.gro, v.gro_seen) = (true, true), |_| {});
    assert_eq!([0, 1].map(|dev| with_gro.get(DevId(dev)).features), [RECEIVES, ALL]);
    let with_agent = table(|_| {}, |w| w.passes_all = true);
    assert_eq!([0, 1].map(|dev| with_agent.get(DevId(dev)).features), [ALL, RECEIVES]);
}

/// The errno of a redirect to v (ifindex 2) before and after each change.
fn after_each(far: PeerSpec, actions: Vec<Action>) -> Vec<Option<Errno>> {
    after_each_on(KernelVersion::V6_12, far, actions)
}

fn after_each_on(kernel: KernelVersion, far: PeerSpec, actions: Vec<Action>) -> Vec<Option<Errno>> {
    let mut scenario = ideal(&["a"]);
    scenario.profile.kernel = kernel;
    scenario.ports.push(behind("v", far));
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    scenario.programs.push(ProgramSpec::xdp("pass", ProgramKind::Verdict(XdpAction::PASS)));
    let frames = actions.len() as u64 + 1;
    let change = |(i, action)| Change { at: At::Frame(FrameNo(i as u64 + 1)), action };
    scenario.changes = actions.into_iter().enumerate().map(change).collect();
    let mut lab = lab(&scenario);
    for i in 0..frames {
        lab.at(Nanos(1 + i)).send("a", &frame(0));
    }
    let run = settled(&mut lab);
    assert_eq!(run.changes_failed, []);
    errors(&run)
}

fn gro(on: bool) -> Action {
    Action::SetGro { port: "v.peer".into(), on }
}

fn up(up: bool) -> Action {
    Action::SetUp { port: "v.peer".into(), up }
}

fn xdp(program: Option<&str>) -> Action {
    Action::SetXdp { port: "v.peer".into(), program: program.map(Into::into) }
}

const NO: Option<Errno> = Some(Errno::EOPNOTSUPP);

/// Rule: DRV-01.b
#[test]
fn features_follow_gro_programs_and_opening() {
    let off = PeerSpec::default();
    assert_eq!(after_each(off.clone(), vec![gro(true), gro(false)]), [NO, None, NO]);
    assert_eq!(after_each(off.clone(), vec![xdp(Some("pass")), xdp(None)]), [NO, None, NO]);
    // With both, either may go.
    let both = vec![gro(true), xdp(Some("pass")), gro(false), xdp(None)];
    assert_eq!(after_each(off.clone(), both), [NO, None, None, None, NO]);
    let both = vec![gro(true), xdp(Some("pass")), xdp(None), gro(false)];
    assert_eq!(after_each(off.clone(), both), [NO, None, None, None, NO]);
    // A toggle while down counts from the next opening on.
    assert_eq!(after_each(off, vec![up(false), gro(true), up(true)]), [NO, NO, NO, None]);
    let on = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
    assert_eq!(after_each(on, vec![up(false), gro(false), up(true)]), [None, None, None, NO]);
}

/// What opens asks its peer; on older kernels the peer is told, too.
///
/// Rule: DRV-01.d
#[test]
fn opening_renews_an_ends_own_features() {
    let new = KernelVersion { major: 6, minor: 18 };
    let (off, near) = (PeerSpec::default(), |up| Action::SetUp { port: "v".into(), up });
    let deeds = vec![up(false), gro(true), up(true), near(false), near(true)];
    let down = Some(Errno::ENETDOWN);
    assert_eq!(after_each_on(new, off.clone(), deeds.clone()), [NO, NO, NO, NO, NO, None]);
    assert_eq!(after_each(off, deeds), [NO, NO, NO, None, down, None]);
    let on = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
    let deeds = vec![up(false), gro(false), up(true), near(false), near(true)];
    assert_eq!(after_each_on(new, on.clone(), deeds.clone()), [None, None, None, None, down, NO]);
    assert_eq!(after_each(on, deeds), [None, None, None, NO, NO, NO]);
}

/// Rule: DRV-01.b
#[test]
fn an_agents_program_can_be_replaced_and_removed() {
    let agent = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    assert_eq!(after_each(agent.clone(), vec![xdp(None)]), [None, NO]);
    assert_eq!(after_each(agent, vec![gro(true), gro(false), xdp(Some("pass"))]), [None; 4]);
}

/// Rule: DRV-01.c
#[test]
fn a_peer_that_goes_down_takes_no_features_away() {
    let on = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
    assert_eq!(after_each(on, vec![up(false), up(true)]), [None; 3]);
    let agent = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: false, queues: 1 };
    assert_eq!(after_each(agent, vec![]), [None]);
}

/// Rule: DRV-02.a
#[test]
fn a_fresh_pair_is_no_target() {
    assert_eq!(after_each(PeerSpec::default(), vec![]), [NO]);
}

/// A veth v with this far end and a program with or without frags support.
fn attached(mtu: u32, queues: u16, own_queues: u16, frags: bool) -> Result<(), Errno> {
    let far = PeerSpec::FarEnd { mtu, gro: false, xdp: false, up: true, queues };
    let port = PortSpec { queues: own_queues, xdp: Some("prog".into()), ..behind("v", far) };
    let spec = ProgramSpec::xdp("prog", ProgramKind::Verdict(XdpAction::PASS));
    let programs = vec![ProgramSpec { frags, ..spec }];
    match Lab::new(&Scenario { ports: vec![port], programs, ..Scenario::default() }) {
        Ok(_) => Ok(()),
        Err(BuildError::Refused { errno, .. }) => Err(errno),
        Err(other) => panic!("{other}"),
    }
}

/// Rule: DRV-11.a
#[test]
fn without_a_peer_nothing_can_be_attached() {
    let mut devices = table(|_| {}, |w| w.registered = false);
    let refusal = devices.attach(DevId(0), Some((ProgId(1), true)), 4096).unwrap_err();
    assert_eq!((refusal.errno, devices.get(DevId(0)).prog), (Errno::ENOTCONN, None));
    assert!(devices.attach(DevId(0), None, 4096).is_ok(), "removing needs no peer");
}

/// Rule: DRV-11.b, DRV-11.c
#[test]
fn the_peers_mtu_must_fit_a_page_or_frags() {
    assert_eq!(attached(3506, 1, 1, false), Ok(()));
    assert_eq!(attached(3507, 1, 1, false), Err(Errno::ERANGE));
    assert_eq!((attached(9000, 1, 1, true), attached(65535, 1, 1, true)), (Ok(()), Ok(())));
    assert_eq!(attached(3506 + 17 * 4096 + 1, 1, 1, true), Err(Errno::ERANGE));
}

/// Rule: DRV-11.d
#[test]
fn receive_queues_must_not_be_fewer_than_the_peers_transmit_queues() {
    assert_eq!((attached(1500, 2, 2, false), attached(1500, 2, 3, false)), (Ok(()), Ok(())));
    assert_eq!(attached(1500, 2, 1, false), Err(Errno::ENOSPC));
}

/// Rule: DRV-11.b, TRC-10.c
#[test]
fn a_program_that_does_not_fit_leaves_the_old_one() {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::DROP));
    scenario.programs.push(ProgramSpec::xdp("small", ProgramKind::Verdict(XdpAction::PASS)));
    let at = At::Frame(FrameNo(1));
    scenario.changes = vec![
        Change { at, action: Action::SetMtu { port: "v.peer".into(), mtu: 4000 } },
        Change { at, action: Action::SetXdp { port: "v".into(), program: Some("small".into()) } },
    ];
    let mut lab = lab(&scenario);
    lab.send("v", &frame(0)).at(Nanos(2)).send("v", &frame(1));
    let run = settled(&mut lab);
    assert_eq!(run.count(xdpsim_core::Fate::Dropped), 2);
    assert_eq!((run.changes_failed[0].index, run.changes_failed[0].errno), (1, Errno::ERANGE));
    let msg = "Peer MTU is too large to set XDP";
    assert_eq!(run.events, [Event::LinkAttachFailed { msg }]);
}

#[test]
fn an_upper_device_runs_no_program() {
    let mut devices = DeviceTable::default();
    let upper = devices.add(device("br0", Kind::Upper));
    let refusal = devices.attach(upper, Some((ProgId(1), true)), 4096).unwrap_err();
    assert_eq!(refusal.errno, Errno::EOPNOTSUPP);
}
