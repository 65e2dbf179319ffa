//! Step 2 for BPF_F_BROADCAST: `dev_map_enqueue_multi()`, entry by entry.
//!
//! The walk keeps the last valid target back: each further one sends a clone to the one before, and
//! the original goes to the last. Rules: BRD-01 to BRD-12.

use xdpsim_devmap::{DevId, Entry, IfIndex, MapId, MapKey};

use super::enqueue::Refused;
use crate::engine::cpu::Cpu;
use crate::engine::env::{Env, World};
use crate::fate::{Fate, Skip};
use crate::frame::SHARED_INFO_SIZE;
use crate::mutation::Mutations;
use crate::netdev::Kind;
use crate::sink::Sink;
use crate::story::Step;

/// Upper devices that fit the kernel's array: `MAX_NEST_DEV`.
pub const UPPERS_MAX: usize = 8;

/// Whom EXCLUDE_INGRESS leaves out, by ifindex number only (BRD-08).
pub(crate) struct Excluded {
    ingress: Option<(IfIndex, DevId)>,
    uppers: Vec<(IfIndex, DevId)>,
}

impl Excluded {
    /// The exclusion list of an ingress, or the overflow of BRD-08.
    pub fn of(world: &World, ingress: DevId, exclude: bool) -> Result<Self, Refused> {
        if !exclude {
            return Ok(Self { ingress: None, uppers: Vec::new() });
        }
        let device = world.devices.get(ingress);
        let limited = !world.profile.mutations.has(Mutations::UPPERS_UNLIMITED);
        if limited && device.uppers.len() > UPPERS_MAX {
            return Err(Refused::nowhere(Fate::TooManyUppers));
        }
        let kept = world.profile.mutations.has(Mutations::INGRESS_KEPT);
        let ingress = if kept { None } else { Some((device.ifindex, ingress)) };
        let uppers = device.uppers.iter().map(|&dev| (world.devices.get(dev).ifindex, dev));
        Ok(Self { ingress, uppers: uppers.collect() })
    }

    /// Is this target left out, and why?
    pub fn skip(&self, world: &World, target: DevId) -> Option<Skip> {
        let number = world.devices.get(target).ifindex;
        let by_device = world.profile.mutations.has(Mutations::EXCLUDE_BY_DEVICE);
        let is =
            |&(ifindex, dev): &(IfIndex, DevId)| if by_device { dev == target } else { ifindex == number };
        if self.uppers.iter().any(is) {
            Some(Skip::Upper)
        } else {
            self.ingress.as_ref().filter(|one| is(one)).map(|_| Skip::Ingress)
        }
    }
}

impl Excluded {
    /// A planted fault: keys are taken for ifindexes.
    #[cold]
    fn skip_key(&self, key: MapKey) -> Option<Skip> {
        let is = |&(ifindex, _): &(IfIndex, DevId)| ifindex.0 == key.0;
        self.ingress.as_ref().filter(|one| is(one)).map(|_| Skip::Ingress)
    }
}

/// How long a frame of this ingress may be, headroom included, to be cloned: a clone has one page
/// (BRD-10). Frames of an ideal port sit in buffers of any size, and so do their clones.
pub(crate) fn clone_len_max(world: &World, ingress: DevId) -> u32 {
    match world.devices.get(ingress).kind {
        Kind::Ideal => u32::MAX,
        _ => world.profile.page_size.saturating_sub(SHARED_INFO_SIZE),
    }
}

impl Cpu {
    /// One frame to all valid targets of a map, following the kernel's walk line by line.
    pub(crate) fn broadcast<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        map: MapId,
        exclude: bool,
    ) -> Result<(), Refused> {
        let world = env.world;
        let excluded = Excluded::of(world, self.poll.dev, exclude)?;
        let len_max = clone_len_max(world, self.poll.dev);
        let mut last: Option<Entry> = None;
        let mut made = 0;
        for (key, entry) in world.maps.targets(map) {
            if let Some(skip) = self.skip_reason(env, slot, &excluded, (key, entry.dev)) {
                if env.mutated(Mutations::SKIP_IS_ERROR) && !matches!(skip, Skip::Ingress | Skip::Upper) {
                    return Err(Refused { fate: Fate::Down, target: Some(entry.dev) });
                }
                self.skipped(env, slot, entry.dev, skip);
                continue;
            }
            if let Some(before) = last.replace(entry) {
                if let Err(fate) = self.enqueue_clone(env, slot, before, len_max) {
                    if env.mutated(Mutations::CLONE_FAILURE_UNDOES) {
                        self.undo_clones(world, slot, made, map, &excluded);
                    }
                    return Err(Refused { fate, target: Some(before.dev) });
                }
                made += 1;
            }
        }
        match last {
            Some(entry) => self.bq_enqueue(env, slot, entry.dev, entry.prog, false),
            None if env.mutated(Mutations::NOBODY_IS_ERROR) => return Err(Refused::nowhere(Fate::NoMap)),
            None => self.end_slot(env, slot, None, Fate::Nobody),
        }
        Ok(())
    }

    /// `is_valid_dst()` and then `is_ifindex_excluded()` (BRD-01, BRD-05).
    fn skip_reason<S: Sink>(
        &self,
        env: &Env<'_, S>,
        slot: u8,
        excluded: &Excluded,
        (key, target): (MapKey, DevId),
    ) -> Option<Skip> {
        let desc = self.poll.desc(slot);
        match env.world.devices.get(target).accepts(desc.len, desc.has_frags(), &env.world.profile) {
            Err(refusal) => Some(refusal.into()),
            Ok(()) if env.mutated(Mutations::EXCLUDE_BY_KEY) => excluded.skip_key(key),
            Ok(()) => excluded.skip(env.world, target),
        }
    }

    /// Notes that a target was left out.
    pub(super) fn skipped<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, dev: DevId, skip: Skip) {
        self.ledger.skipped(self.poll.dev, dev, skip, 1);
        if S::STORY {
            self.tell(env, slot, Step::Skipped { dev, skip });
        }
    }

    /// `dev_map_enqueue_clone()`: a byte copy with the same headroom and metadata in one page (BRD-12).
    /// `len_max`: what it may have, headroom included.
    pub(super) fn enqueue_clone<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        to: Entry,
        len_max: u32,
    ) -> Result<(), Fate> {
        let desc = self.poll.desc(slot);
        if desc.has_frags() {
            return Err(Fate::CloneFrags);
        }
        let too_large = u32::from(desc.headroom()) + desc.len > len_max;
        if too_large || env.faults.clone_fails(to.dev) {
            return Err(Fate::CloneFailed);
        }
        self.ledger.clones += 1;
        self.bq_enqueue(env, slot, to.dev, to.prog, true);
        Ok(())
    }

    /// A planted fault: takes back what was queued before a clone failed.
    #[cold]
    fn undo_clones(&mut self, world: &World, slot: u8, made: usize, map: MapId, excluded: &Excluded) {
        let len = self.poll.desc(slot).len;
        let targets = world.maps.targets(map).map(|(_, entry)| entry.dev);
        let valid = targets.filter(|&dev| world.devices.get(dev).up && excluded.skip(world, dev).is_none());
        for dev in valid.take(made) {
            self.queues[dev.0 as usize].pop(len);
            self.ledger.clones -= 1;
        }
    }
}
