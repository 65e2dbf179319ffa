//! Step 2 of RFC v1: `dev_map_enqueue_multi()`, and `dev_map_redirect_multi()` in generic mode.
//!
//! Both groups are looked up anew; what the helper found plays no part (MCAST-05). Every target gets a clone,
//! the first bad one stops the walk, the original is freed at the end (MCAST-17). Generic mode converts nothing,
//! leaks nothing, and transmits each clone at once (MCAST-29).
//!
//! Rules: MCAST-02, MCAST-03, MCAST-05, MCAST-08 to MCAST-11, MCAST-15 to MCAST-29, MCAST-32 to MCAST-36.

use xdpsim_devmap::{Cursor, Entry, GroupIndex, GroupPair, MapId, MapTable};

use super::bug::Bug;
use super::exclude::ExcludeSet;
use super::helper::forward_key;
use crate::engine::cpu::Cpu;
use crate::engine::env::{Env, World};
use crate::fate::Fate;
use crate::mutation::Mutations;
use crate::netdev::Kind;
use crate::redirect::enqueue::Refused;
use crate::redirect::info::Early;
use crate::sink::Sink;
use crate::story::Step;

/// A walk in which every target gets a clone: v1 and v2.
pub(super) struct CloneWalk {
    /// The forward group.
    pub forward: MapId,
    /// Whom it leaves out, and the exclude group if that is to be read again when it changes.
    pub excluded: ExcludeSet,
    pub exclude: Option<MapId>,
    /// Restarts when the current key vanishes (MCAST-34).
    pub literal: bool,
    /// Do programs of entries run (MCAST-32, MCAST-49)?
    pub programs: bool,
}

impl Cpu {
    /// A frame for the forward group of the index in redirect info, less the exclude group.
    #[cold]
    pub(crate) fn multicast_rfc<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        containing: MapId,
        literal: bool,
    ) -> Result<(), Refused> {
        let index = GroupIndex::from_argument(self.ri.tgt_index);
        let GroupPair { forward, exclude } = self.find_groups(env.world, containing, index);
        self.tell(env, slot, Step::Groups { map: containing, index, forward, exclude });
        let Some(forward) = forward else {
            if literal {
                self.tell_bug(env, slot, Bug::GroupGone);
            }
            return Err(Refused::nowhere(Fate::NoForwardGroup));
        };
        if !self.generic && !self.converts(env, slot) {
            return Err(Refused::nowhere(Fate::NotConverted));
        }
        let missing_is_nobody = (literal && !self.generic) || env.mutated(Mutations::RFC_MISSING_IS_NOBODY);
        let fate = if exclude.is_none() && missing_is_nobody {
            Fate::NoExcludeGroup
        } else {
            let excluded = exclude_set(env.world, &env.world.maps, exclude, self.poll.ifindex);
            let walk = CloneWalk { forward, excluded, exclude, literal, programs: true };
            self.clone_to_all(env, slot, walk)?
        };
        if literal {
            self.tell_native_bug(env, slot, Bug::OriginalLeaked);
        }
        if fate != Fate::OrigFreed || !env.mutated(Mutations::RFC_ORIGINAL_SENT) {
            self.end_slot(env, slot, None, fate);
        }
        Ok(())
    }

    /// Both lookups (MCAST-05.b), but for planted faults.
    fn find_groups(&self, world: &World, containing: MapId, index: GroupIndex) -> GroupPair {
        let mutations = world.profile.mutations;
        let mut groups = world.maps.groups(containing, index);
        if mutations.has(Mutations::RFC_KEYS_SHIFTED) {
            groups.forward = world.maps.inner(containing, forward_key(index, mutations));
        }
        if let (Early::Found(found), true) = (self.ri.early, mutations.has(Mutations::RFC_GROUP_OF_HELPER)) {
            groups.forward = Some(found);
        }
        if index.exclude().0 == 0 && mutations.has(Mutations::RFC_ZERO_IS_NO_GROUP) {
            groups.exclude = None;
        }
        groups
    }

    /// A clone to every target that is not left out; the original is not sent. Says how that ended: native
    /// bad targets are found before they are cloned for, generic ones after (MCAST-29).
    pub(super) fn clone_to_all<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        mut walk: CloneWalk,
    ) -> Result<Fate, Refused> {
        let bound = walk.bound(&env.world.maps);
        let len_max = plain_clone_len_max(env.world, self.poll.dev);
        let (mut cursor, mut visited, mut fate) = (None, 0, Fate::Nobody);
        while visited < bound {
            let maps = env.maps_in_walk(visited);
            if env.maps_change_at(visited) {
                walk.excluded = exclude_set(env.world, maps, walk.exclude, self.poll.ifindex);
            }
            let Some((at, entry)) = walk.next(maps, cursor) else { break };
            (cursor, visited) = (Some(at), visited + 1);
            if let Some(skip) = walk.excluded.skip(maps, &entry) {
                self.left_out(env, slot, entry.dev, skip);
                continue;
            }
            let target = if walk.programs { entry } else { Entry { prog: None, ..entry } };
            match self.clone_as_posted(env, slot, target, (len_max, fate == Fate::Nobody)) {
                Err(_) if env.mutated(Mutations::RFC_SKIPS_BAD_TARGETS) => continue,
                sent => sent?,
            }
            fate = Fate::OrigFreed;
        }
        Ok(fate)
    }

    /// One target of a walk that any failure stops. Fragments are the clone's business (MCAST-36).
    fn clone_as_posted<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        target: Entry,
        (len_max, first): (u32, bool),
    ) -> Result<(), Refused> {
        if self.generic {
            // So posted: not ENOMEM.
            let fate = |fate| if fate == Fate::CloneFailed { Fate::SkbCloneFailed } else { fate };
            let sent = self.send_clone(env, slot, target, len_max);
            return sent.map_err(|refused| Refused { fate: fate(refused.fate), ..refused });
        }
        let takes = self.target_takes(env, slot, target.dev, false);
        takes.map_err(|refusal| Refused { fate: refusal.into(), target: Some(target.dev) })?;
        if first && env.mutated(Mutations::RFC_ORIGINAL_SENT) {
            return self.send_original(env, slot, target);
        }
        self.send_clone(env, slot, target, len_max)
    }

    /// In literal mode, after a program's run: the first call of the helper (MCAST-06).
    #[cold]
    pub(crate) fn tell_first_call<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8) {
        if self.ri.early != Early::NotAsked && !*env.told_first_call {
            *env.told_first_call = true;
            self.tell_bug(env, slot, Bug::KeyAsPointer);
        }
    }
}

impl CloneWalk {
    /// One step, of the maps as they are now.
    fn next(&self, maps: &MapTable, after: Option<Cursor>) -> Option<(Cursor, Entry)> {
        match self.literal {
            true => maps.next_target_by_key(self.forward, after),
            false => maps.next_target(self.forward, after),
        }
    }

    /// A walk that begins anew again and again has no bound as posted; this one has (MCAST-34).
    fn bound(&self, maps: &MapTable) -> u64 {
        let size = maps.get(self.forward).map_or(0, |map| map.attr().max_entries);
        2 * u64::from(size)
    }
}

/// Everybody in the exclude group (MCAST-16), but for planted faults.
fn exclude_set(
    world: &World,
    maps: &MapTable,
    exclude: Option<MapId>,
    ingress: xdpsim_devmap::IfIndex,
) -> ExcludeSet {
    let mutations = world.profile.mutations;
    if mutations.has(Mutations::RFC_EXCLUDES_BY_KEY) {
        return ExcludeSet::of_keys_as_ifindexes(maps, exclude);
    }
    let excluded = ExcludeSet::of_values(maps, exclude);
    let ingress = Some(ingress).filter(|_| mutations.has(Mutations::RFC_EXCLUDES_INGRESS));
    excluded.and_ingress(ingress)
}

/// How long a frame of this ingress may be, headroom included, to be cloned: v1 leaves no room for the
/// shared info at the end of the page (MCAST-27).
fn plain_clone_len_max(world: &World, ingress: xdpsim_devmap::DevId) -> u32 {
    match world.devices.get(ingress).kind {
        Kind::Ideal => u32::MAX,
        _ => world.profile.page_size,
    }
}
