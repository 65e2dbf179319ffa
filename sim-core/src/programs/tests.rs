//! What each program does with a frame: the helper calls it makes, its verdict, and the bytes it leaves.

mod group;
mod learning_switch;
mod redirects;
mod script;
mod writes;

use xdpsim_devmap::{
    CpuId, DevId, DevmapValue, IfIndex, MapAttr, MapId, MapKey, MapTable, MapValue, ProgFd, ProgInfo,
    QueueId, UpdateEnv, UpdateFlags, XdpAction,
};

use crate::batch::{Desc, FrameNo};
use crate::frame::{FrameMut, Store};
use crate::mutation::Mutations;
use crate::profile::Bounds;
use crate::program::{Ctx, Random, XdpProgram};
use crate::redirect::RedirectInfo;
use crate::story::HelperCall;
use crate::time::Nanos;

/// A devmap with the entries 0 to 9, to the interfaces of the same numbers (0: to 10).
const PORTS: MapId = MapId(1);
/// A map of maps that holds PORTS under key 5.
const OUTER: MapId = MapId(2);

/// A helper call, without what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Redirect(u32, u64),
    Map(MapId, u64, u64),
    Multi(MapId, Option<MapId>, u64),
}

/// What one run did.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ran {
    verdict: XdpAction,
    calls: Vec<Call>,
    frame: Vec<u8>,
    meta_len: u16,
    copied: bool,
}

impl Ran {
    /// With this one helper call and the frame untouched?
    fn is_one_call(&self, verdict: XdpAction, call: Call) -> bool {
        self.verdict == verdict && self.calls == [call] && !self.copied
    }

    /// With this verdict only?
    fn is_only(&self, verdict: XdpAction) -> bool {
        self.verdict == verdict && self.calls.is_empty() && !self.copied
    }
}

/// A frame's surroundings.
#[derive(Clone, Copy)]
struct Arrival {
    ifindex: IfIndex,
    queue: QueueId,
    bounds: Bounds,
}

/// Interface 1, queue 0, usual buffers.
const FIRST: Arrival =
    Arrival { ifindex: IfIndex(1), queue: QueueId(0), bounds: Bounds { page_size: 4096, meta_max: 252 } };

struct Everything;

impl UpdateEnv for Everything {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        Some(DevId(ifindex.0))
    }
    fn prog_by_fd(&self, _: ProgFd) -> Option<ProgInfo> {
        None
    }
}

fn maps() -> MapTable {
    let mut maps = MapTable::default();
    assert_eq!(maps.create(&MapAttr::devmap("ports", 16)), Ok(PORTS));
    assert_eq!(maps.create(&MapAttr::array_of_maps("outer", 8, PORTS)), Ok(OUTER));
    for key in 0..10 {
        let ifindex = if key == 0 { 10 } else { key };
        let value = MapValue::Dev(DevmapValue::device(IfIndex(ifindex)));
        maps.update(PORTS, MapKey(key), value, UpdateFlags::ANY, &Everything).unwrap();
    }
    maps.update(OUTER, MapKey(5), MapValue::Inner(PORTS), UpdateFlags::ANY, &Everything).unwrap();
    maps
}

fn resolve(name: &str) -> Option<MapId> {
    maps().by_name(name)
}

/// Runs a program on one frame.
fn run_at(arrival: Arrival, program: &mut dyn XdpProgram, input: &[u8]) -> Ran {
    run_desc(arrival, program, input, Desc::arrived(0, input.len() as u32, FrameNo(0)))
}

/// Runs a program on one frame on [`FIRST`].
fn run(program: &mut dyn XdpProgram, input: &[u8]) -> Ran {
    run_at(FIRST, program, input)
}

fn run_desc(arrival: Arrival, program: &mut dyn XdpProgram, input: &[u8], mut desc: Desc) -> Ran {
    let (mut ri, maps, mut random) = (RedirectInfo::default(), maps(), Random::new(0, CpuId(0)));
    let (mut store, mut log) = (Store::default(), Vec::new());
    let mut ctx = Ctx {
        ri: &mut ri,
        maps: &maps,
        random: &mut random,
        log: Some(&mut log),
        mutations: Mutations::empty(),
        rules: crate::rules::Rules::Mainline,
        keep_keys: false,
        latest: crate::FrameNo(0),
        ingress_ifindex: arrival.ifindex,
        egress_ifindex: None,
        rx_queue_index: arrival.queue,
        cpu: CpuId(0),
        now: Nanos::ZERO,
    };
    let verdict = program.run(&mut ctx, &mut FrameMut::new(&mut store, input, &mut desc, arrival.bounds));
    let call = |call: &HelperCall| match *call {
        HelperCall::Redirect { ifindex, flags, .. } => Call::Redirect(ifindex.0, flags),
        HelperCall::RedirectMap { map, key, flags, .. } => Call::Map(map, key, flags),
        HelperCall::RedirectGroups { map, index, flags, .. } => Call::Map(map, index.0.into(), flags),
        HelperCall::RedirectMulti { map, ex_map, flags, .. } => Call::Multi(map, ex_map, flags),
        HelperCall::Elsewhere { .. } => unreachable!("no program in Rust redirects there"),
    };
    Ran {
        verdict,
        calls: log.iter().map(call).collect(),
        frame: store.bytes(input, desc).to_vec(),
        meta_len: desc.meta_len(),
        copied: store.arena_len() > 0,
    }
}
