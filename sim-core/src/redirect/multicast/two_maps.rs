//! Step 2 of the series with two maps, v2 to v20.
//!
//! v2 walks as RFC v1 does. Later versions skip bad targets, and the last target gets the original; v3 and v4
//! gave it to the first, which is told as a [`Bug`] and otherwise done as v5 does it. A frame that nobody gets
//! is not even converted (MCAST-46). Generic mode differs in what an empty map is (MCAST-47).
//!
//! Rules: MCAST-41 to MCAST-49.

use xdpsim_devmap::{Entry, MapId, MapKind};

use super::bug::Bug;
use super::exclude::ExcludeSet;
use super::rfc::CloneWalk;
use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::fate::{Fate, Skip};
use crate::mutation::Mutations;
use crate::redirect::broadcast::clone_len_max;
use crate::redirect::enqueue::Refused;
use crate::redirect::is_devmap;
use crate::rules::{TwoMapsClass, TwoMapsVersion};
use crate::sink::Sink;

impl Cpu {
    /// A frame for everybody in the forward map who is not in the exclude map of redirect info.
    #[cold]
    pub(crate) fn multicast_two_maps<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        (map, with_flag): (MapId, bool),
        version: TwoMapsVersion,
    ) -> Result<(), Refused> {
        let ex_map = self.ri.ex_map.take();
        if !env.world.maps.kind(map).is_some_and(is_devmap) {
            return Err(Refused::nowhere(Fate::NoTarget));
        }
        let excluded = self.exclude_set_of(env, ex_map, with_flag, version);
        let programs = version.runs_entry_programs();
        if version.class() != TwoMapsClass::V2 {
            return self.send_to_all(env, slot, map, (excluded, version));
        }
        if !self.generic && !self.converts(env, slot) {
            return Err(Refused::nowhere(Fate::NotConverted));
        }
        let walk = CloneWalk { forward: map, excluded, exclude: ex_map, literal: false, programs };
        let fate = self.clone_to_all(env, slot, walk)?;
        self.tell_native_bug(env, slot, Bug::MultiOriginalLeaked);
        self.end_slot(env, slot, None, fate);
        Ok(())
    }

    /// Members by value up to v7, by key from v8 on (MCAST-43); the ingress with the flag, which v2 only
    /// heeds with an exclude map (MCAST-42).
    fn exclude_set_of<S: Sink>(
        &self,
        env: &Env<'_, S>,
        ex_map: Option<MapId>,
        with_flag: bool,
        version: TwoMapsVersion,
    ) -> ExcludeSet {
        let by_key =
            version.class() >= TwoMapsClass::V8To20 && !env.mutated(Mutations::MULTI_EXCLUDES_BY_VALUE);
        let needs_map =
            version.class() == TwoMapsClass::V2 || env.mutated(Mutations::MULTI_INGRESS_NEEDS_MAP);
        let excluded = match by_key {
            true => ExcludeSet::of_keys(ex_map),
            false => ExcludeSet::of_values(&env.world.maps, ex_map),
        };
        let heeded = with_flag && (ex_map.is_some() || !needs_map);
        excluded.and_ingress(heeded.then_some(self.poll.ifindex))
    }

    /// v3 to v20: a clone to all but the last, to whom the original goes.
    fn send_to_all<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        map: MapId,
        (excluded, version): (ExcludeSet, TwoMapsVersion),
    ) -> Result<(), Refused> {
        let world = env.world;
        let len_max = clone_len_max(world, self.poll.dev);
        if self.generic && self.is_empty_hash(env, map) {
            return Err(Refused::nowhere(Fate::EmptyForwardMap));
        }
        let mut last: Option<Entry> = None;
        for (_, entry) in world.maps.targets(map) {
            if let Some(skip) = self.skip_of(env, slot, &excluded, &entry) {
                self.left_out(env, slot, entry.dev, skip);
                continue;
            }
            let entry = Entry { prog: entry.prog.filter(|_| version.runs_entry_programs()), ..entry };
            match last.replace(entry) {
                None if !self.generic && !self.converts(env, slot) => {
                    return Err(Refused::nowhere(Fate::NotConverted));
                }
                None => {}
                Some(before) => {
                    if let Err(refused) = self.send_clone(env, slot, before, len_max) {
                        self.tell_native_bug(env, slot, Bug::FreedTwice);
                        return Err(refused);
                    }
                    if version.class() == TwoMapsClass::V3To4 {
                        self.tell_native_bug(env, slot, Bug::CloneOfQueued);
                    }
                }
            }
        }
        match last {
            Some(entry) => self.send_original(env, slot, entry),
            None => {
                self.tell_native_bug(env, slot, Bug::NobodyLeaked);
                self.end_slot(env, slot, None, Fate::Nobody);
                Ok(())
            }
        }
    }

    /// Left out, or no target (MCAST-44)?
    fn skip_of<S: Sink>(
        &self,
        env: &Env<'_, S>,
        slot: u8,
        excluded: &ExcludeSet,
        entry: &Entry,
    ) -> Option<Skip> {
        let refusal = || self.target_takes(env, slot, entry.dev, true).err();
        excluded.skip(&env.world.maps, entry).or_else(|| refusal().map(Skip::from))
    }

    /// The first key of an empty hash is an error of the generic walk, the first slot of an empty array is not.
    fn is_empty_hash<S: Sink>(&self, env: &Env<'_, S>, map: MapId) -> bool {
        let maps = &env.world.maps;
        maps.kind(map) == Some(MapKind::DevmapHash) && maps.targets(map).next().is_none()
    }
}
