//! The surroundings of a program under test: time that stands still until it is set, numbers from a seed, redirects that
//! are written down.

use xdpsim_devmap::{CpuId, Errno, IfIndex, XdpAction};

use super::RedirectMaps;
use crate::fib::Fib;
use crate::helpers::World;
use crate::machine::Machine;
use crate::maps::Kind;
use crate::memory::MapIdx;

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// `bpf_redirect()`.
    Interface(IfIndex),
    /// `bpf_redirect_map()`.
    Map {
        /// The map's name.
        map: String,
        /// The key.
        key: u64,
        /// The flags.
        flags: u64,
        /// What is there: an interface, a queue's length; none of a broadcast and of an XSKMAP.
        target: Option<u32>,
    },
}

/// What a program sent with `bpf_perf_event_output()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The map's name.
    pub map: String,
    /// The slot of the map: a CPU.
    pub slot: u32,
    /// The bytes.
    pub data: Vec<u8>,
}

/// A call of a redirect helper that succeeded.
#[derive(Clone, Copy, Debug)]
enum Armed {
    Interface(IfIndex),
    Map(MapIdx, u64, u64),
}

/// The surroundings of a program under test.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The CPU that programs run on.
    pub cpu: CpuId,
    /// What `bpf_ktime_get_ns()` says.
    pub now: u64,
    /// Somebody takes perf events; else programs get ENOENT, as while nobody has opened a buffer.
    pub listening: bool,
    /// Devices, routes and neighbours, for `bpf_fib_lookup()`.
    pub fib: Fib,
    random: u64,
    redirects: RedirectMaps,
    armed: Option<Armed>,
    events: Vec<Event>,
    printed: Vec<String>,
    names: Vec<String>,
}

impl Bench {
    /// For a machine, with empty redirect maps.
    #[must_use]
    pub fn new(machine: &Machine, seed: u64) -> Self {
        Self {
            cpu: CpuId(0),
            now: 0,
            listening: true,
            fib: Fib::new(),
            random: seed,
            redirects: RedirectMaps::new(machine),
            armed: None,
            events: vec![],
            printed: vec![],
            names: machine.map_names().map(|(_, map)| map.name.clone()).collect(),
        }
    }

    /// What the redirect maps hold.
    #[must_use]
    pub fn redirects(&self) -> &RedirectMaps {
        &self.redirects
    }

    /// What the redirect maps hold.
    pub fn redirects_mut(&mut self) -> &mut RedirectMaps {
        &mut self.redirects
    }

    /// Before a run: no redirect yet.
    pub fn begin(&mut self) {
        self.armed = None;
    }

    /// Where the last run's redirect leads, if this was its verdict.
    pub fn take_redirect(&mut self, machine: &mut Machine, verdict: u32) -> Option<Redirect> {
        let armed = self.armed.take().filter(|_| XdpAction(verdict) == XdpAction::REDIRECT)?;
        Some(match armed {
            Armed::Interface(ifindex) => Redirect::Interface(ifindex),
            Armed::Map(map, key, flags) => {
                let broadcast = flags & 8 != 0;
                let bytes = (key as u32).to_le_bytes();
                let entry = match self.redirects.lookup(map, key as u32) {
                    Ok(entry) => Ok(entry.to_vec()),
                    Err(_) => machine.lookup(map, &bytes),
                };
                let target =
                    entry.ok().and_then(|value| value.first_chunk().copied().map(u32::from_le_bytes));
                let target = target.filter(|_| !broadcast);
                Redirect::Map { map: self.names[map.0 as usize].clone(), key, flags, target }
            }
        })
    }

    /// What programs have printed (`bpf_trace_printk()`) since it was taken last.
    pub fn take_printed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.printed)
    }

    /// The events since they were taken last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

impl World for Bench {
    fn cpu(&self) -> CpuId {
        self.cpu
    }

    fn now(&self) -> u64 {
        self.now
    }

    /// SplitMix64.
    fn random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }

    fn redirect(&mut self, ifindex: IfIndex, flags: u64) -> u64 {
        if flags != 0 {
            return u64::from(XdpAction::ABORTED.0);
        }
        self.armed = Some(Armed::Interface(ifindex));
        u64::from(XdpAction::REDIRECT.0)
    }

    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        let verdict = self.redirects.redirect(map, key, flags);
        self.armed = (verdict == XdpAction::REDIRECT).then_some(Armed::Map(map, key, flags));
        verdict.0.into()
    }

    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        self.redirects.has_target(map, key)
    }

    fn event(&mut self, map: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        if !self.listening {
            return Err(Errno::ENOENT);
        }
        let map = self.names[map.0 as usize].clone();
        self.events.push(Event { map, slot, data: data.to_vec() });
        Ok(())
    }

    fn redirect_elsewhere(&mut self, target: Option<(MapIdx, Kind, u64)>) -> u64 {
        self.armed = target.map(|(map, _, key)| Armed::Map(map, key, 0));
        u64::from(XdpAction::REDIRECT.0)
    }

    fn print(&mut self, text: &[u8]) {
        self.printed.push(String::from_utf8_lossy(text).into_owned());
    }

    fn fib(&self) -> &Fib {
        &self.fib
    }
}
