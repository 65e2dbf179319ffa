//! Timed changes: what an operator does with `ip` and `bpftool` while frames flow.
//!
//! Rules: MAP-12 to MAP-14, DRV-01, DRV-11, ENQ-07, TRC-10.

use xdpsim_devmap::{AttachType, CpuId, DevId, Errno, IfIndex, MapId, MapKey, NetnsId, ProgId, UpdateFlags};

use super::domain::{Domain, Feed};
use crate::batch::FrameNo;
use crate::driver::DriverState;
use crate::fate::Fate;
use crate::netdev::Device;
use crate::sink::Sink;
use crate::time::Nanos;
use crate::trace::{Event, Stamp};
use crate::world::{FirstIfIndex, apply_update};

/// A change with its names resolved.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    SetUp(DevId, bool),
    SetMtu(DevId, u32),
    SetGro(DevId, bool),
    AddUpper(DevId, DevId),
    RemoveUpper(DevId, DevId),
    SetNetns(DevId, NetnsId),
    Unregister(DevId),
    SetXdp(DevId, Option<ProgId>),
    UpdateDev { map: MapId, key: MapKey, port: DevId, prog: Option<ProgId>, flags: UpdateFlags },
    UpdateInner { map: MapId, key: MapKey, inner: MapId, flags: UpdateFlags },
    DeleteEntry { map: MapId, key: MapKey },
}

/// A change that the kernel would have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeFailed {
    /// Its place in the scenario, from 0.
    pub index: usize,
    /// The errno.
    pub errno: Errno,
}

/// A moment within the poll of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// When the program has run and its verdict is still to be acted on (MCAST-05).
    BeforeEnqueue,
    /// When the multicast of the frame has visited so many entries (MCAST-34).
    InWalk(u32),
}

/// All changes of a run; by frame and by time, each in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// In order of frame number, later ones first.
    pub by_frame: Vec<(FrameNo, usize, Act)>,
    /// In order of time, later ones first.
    pub by_time: Vec<(Nanos, usize, Act)>,
    /// In the middle of a poll, by frame; in order of frame and moment, later ones first.
    pub in_polls: Vec<(FrameNo, Moment, usize, Act)>,
    pub failed: Vec<ChangeFailed>,
}

impl Changes {
    /// None left?
    pub fn is_done(&self) -> bool {
        self.by_frame.is_empty() && self.by_time.is_empty() && self.in_polls.is_empty()
    }

    /// Is one to come in the middle of a poll?
    #[inline]
    pub fn any_in_polls(&self) -> bool {
        !self.in_polls.is_empty()
    }

    /// How many were never made.
    pub fn left(&self) -> usize {
        self.by_frame.len() + self.by_time.len() + self.in_polls.len()
    }

    /// Is one due before this frame arrives at this time?
    #[inline]
    pub fn due(&self, no: FrameNo, clock: Nanos, began: Nanos) -> bool {
        self.by_frame.last().is_some_and(|&(at, ..)| at <= no)
            || self.by_time.last().is_some_and(|&(at, ..)| began.after(at) <= clock)
    }
}

impl<S: Sink> Domain<S> {
    /// Makes all changes that are due: those by time at their time, then those by frame. Interrupts due
    /// earlier have been served; frames that still wait see the change when they are polled.
    #[cold]
    pub(crate) fn make_changes(&mut self, no: FrameNo, began: Nanos, feed: &Feed<'_>) {
        while let Some((at, index, act)) = self.changes.by_time.pop() {
            let time = began.after(at);
            if time > self.clock {
                self.changes.by_time.push((at, index, act));
                break;
            }
            self.wait_until(time, feed);
            self.trigger = no;
            self.make_change(index, act, feed);
        }
        while let Some((at, index, act)) = self.changes.by_frame.pop() {
            if at > no {
                self.changes.by_frame.push((at, index, act));
                break;
            }
            self.wait_until(self.clock, feed);
            self.trigger = no;
            self.make_change(index, act, feed);
        }
    }

    fn wait_until(&mut self, time: Nanos, feed: &Feed<'_>) {
        if self.timing == super::domain::Timing::Capture {
            self.run_due(time, feed);
        }
        self.now = self.now.max(time);
    }

    pub(super) fn make_change(&mut self, index: usize, act: Act, feed: &Feed<'_>) {
        let before = self.memory_models();
        self.try_change(index, act);
        self.world.changed();
        self.tell_memory_models(&before);
        self.purge_dead_rings(feed);
        self.purge_dead_queues(feed);
    }

    /// Makes it, or notes that the kernel would not have.
    pub(super) fn try_change(&mut self, index: usize, act: Act) {
        if let Err(errno) = self.change(act)
            && self.speaks_for_all()
        {
            self.changes.failed.push(ChangeFailed { index, errno });
        }
    }

    /// Every domain makes every change; what is seen of it from outside is told once.
    fn speaks_for_all(&self) -> bool {
        self.cpus[0].id == CpuId(0)
    }

    /// Receive queues with a registered memory model, by device: those of open devices with a program
    /// (TRC-10).
    fn memory_models(&self) -> Vec<(IfIndex, u16)> {
        let queues = |device: &Device| if device.up && device.has_program() { device.queues } else { 0 };
        self.world.devices.iter().map(|(_, device)| (device.ifindex, queues(device))).collect()
    }

    fn tell_memory_models(&mut self, before: &[(IfIndex, u16)]) {
        for (&(ifindex, had), (now, has)) in before.iter().zip(self.memory_models()) {
            for _ in has..had {
                self.tell_event(Event::MemDisconnect { ifindex });
            }
            for _ in had..has {
                self.tell_event(Event::MemConnect { ifindex: now });
            }
        }
    }

    fn change(&mut self, act: Act) -> Result<(), Errno> {
        let kernel = self.world.profile.kernel;
        let devices = &mut self.world.devices;
        match act {
            Act::SetUp(dev, up) => devices.set_up(dev, up, kernel),
            Act::SetMtu(dev, mtu) => devices.get_mut(dev).mtu = mtu,
            Act::SetGro(dev, on) => devices.set_gro(dev, on),
            Act::AddUpper(dev, upper) => devices.get_mut(dev).uppers.push(upper),
            Act::RemoveUpper(dev, upper) => devices.get_mut(dev).uppers.retain(|&one| one != upper),
            Act::SetNetns(dev, netns) => self.move_device(dev, netns),
            Act::Unregister(dev) => self.unregister(dev),
            Act::SetXdp(dev, prog) => return self.set_xdp(dev, prog),
            Act::UpdateDev { .. } | Act::UpdateInner { .. } => return apply_update(&mut self.world, act),
            Act::DeleteEntry { map, key } => return self.world.maps.delete(map, key),
        }
        Ok(())
    }

    /// To another namespace: closed, without its entries (MAP-13) and masters; it keeps its number there
    /// if that is free.
    fn move_device(&mut self, dev: DevId, netns: NetnsId) {
        self.world.maps.device_gone(dev);
        let wanted = self.world.devices.get(dev).ifindex;
        let taken = self.world.devices.by_index(netns, wanted).is_some();
        let ifindex = if taken { FirstIfIndex::free(&self.world.devices, netns) } else { wanted };
        let device = self.world.devices.get_mut(dev);
        (device.netns, device.ifindex, device.up) = (netns, ifindex, false);
        device.uppers.clear();
    }

    /// The device goes, with its entries and its driver; a veth takes its other end along.
    fn unregister(&mut self, dev: DevId) {
        let peer = self.world.devices.get(dev).peer();
        for dev in [Some(dev), peer].into_iter().flatten() {
            self.world.maps.device_gone(dev);
            let device = self.world.devices.get_mut(dev);
            (device.registered, device.up, device.prog) = (false, false, None);
            device.features_fixed = Some(crate::netdev::Features::empty());
            if peer.is_none() {
                self.drivers[dev.0 as usize] = DriverState::None;
            }
            for id in 0..self.world.devices.len() {
                self.world.devices.get_mut(DevId(id as u32)).uppers.retain(|&upper| upper != dev);
            }
        }
    }

    fn set_xdp(&mut self, dev: DevId, prog: Option<ProgId>) -> Result<(), Errno> {
        let info = prog.map(|id| self.world.program(id).info);
        if info.is_some_and(|info| info.attach_type != AttachType::Xdp) {
            return Err(Errno::EINVAL); // MAP-16
        }
        let page_size = self.world.profile.page_size;
        let attach = info.map(|info| (info.id, info.frags));
        let attached = self.world.devices.attach(dev, attach, page_size);
        attached.map_err(|refusal| {
            self.tell_event(Event::LinkAttachFailed { msg: refusal.message });
            refusal.errno
        })
    }

    fn tell_event(&mut self, event: Event) {
        if S::EVENTS && self.speaks_for_all() {
            let at = Stamp { time: self.now, trigger: self.trigger, cpu: self.cpus[0].id.0 };
            self.sink.event(at, event);
        }
    }

    /// A veth end that lost its NAPI frees what was in its rings (LAW-06); they are new when it gets one
    /// again (DRV-06).
    pub(crate) fn purge_dead_rings(&mut self, feed: &Feed<'_>) {
        for id in 0..self.drivers.len() {
            let dev = DevId(id as u32);
            if !self.world.devices.get(dev).napi {
                self.empty_ring(dev, feed, |_| Fate::Purged);
                if let DriverState::Veth(end) = &mut self.drivers[id] {
                    end.renew_rings(self.world.profile.mutations);
                }
            }
        }
    }

    /// Which changes the kernel would have refused so far.
    pub fn changes_failed(&self) -> &[ChangeFailed] {
        &self.changes.failed
    }

    /// How many changes the run ended too early for.
    #[must_use]
    pub fn changes_left(&self) -> usize {
        self.changes.left()
    }
}
