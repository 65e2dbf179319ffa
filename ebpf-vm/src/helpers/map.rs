//! Helpers of maps: arguments out of memory, the operation, its answer.

use xdpsim_devmap::{CpuId, Errno};

use super::{Entry, Helpers, World, id, length, map_argument, signed};
use crate::fault::HelperFault;
use crate::host::HelperId;
use crate::maps::{Caller, Kind, Map};
use crate::memory::{MapIdx, Memory, handle_address, slab_address};

const OUTSIDE: HelperFault =
    HelperFault::Misuse("this map holds redirect targets, which programs cannot change here");

const NO_GROUPS: HelperFault = HelperFault::Misuse(
    "a kernel takes no map of maps here (MCAST-K01): look the inner map up, or choose the rules of the RFC in a scenario",
);
const NO_MULTI: HelperFault = HelperFault::Misuse(
    "no kernel has this function: choose the rules `two-maps` in a scenario (MCAST-39), and pass maps of devices",
);

impl<W: World> Helpers<'_, W> {
    pub(super) fn own(&mut self, arg: u64) -> Result<(MapIdx, &mut Map), HelperFault> {
        let at = map_argument(arg, 1)?;
        match self.maps.get(at) {
            Some(Entry::Own(_)) => {}
            Some(Entry::Targets(_) | Entry::Outside(..)) => return Err(OUTSIDE),
            None => return Err(HelperFault::Argument { number: 1, expected: "a map" }),
        }
        self.maps.own(at).map(|map| (at, map)).ok_or(OUTSIDE)
    }

    /// Looks into a redirect map: a handle that nobody can read, or null; that an entry is there is what programs ask
    /// for (MCAST-K11). None for other maps.
    fn lookup_target(&mut self, memory: &Memory, arg: u64, key: u64) -> Result<Option<u64>, HelperFault> {
        let at = map_argument(arg, 1)?;
        let key = |memory: &Memory| -> Result<u32, HelperFault> {
            let key = memory.bytes(key, 4)?;
            Ok(u32::from_le_bytes([key[0], key[1], key[2], key[3]]))
        };
        let there = match self.maps.get(at) {
            Some(Entry::Targets(targets)) => targets.has(key(memory)?),
            Some(Entry::Outside(..)) => self.world.has_target(at, key(memory)?),
            _ => return Ok(None),
        };
        Ok(Some(if there { handle_address(at) } else { 0 }))
    }

    /// `bpf_redirect_map()`: of maps that are kept here, as the kernel's lookup has it.
    pub(super) fn redirect_map(&mut self, map: u64, key: u64, flags: u64) -> Result<u64, HelperFault> {
        /// What is returned where nothing is found: ABORTED to TX, in the flags.
        const ACTIONS: u64 = 3;
        let at = map_argument(map, 1)?;
        let targets = match self.maps.get(at) {
            Some(Entry::Targets(targets)) => targets,
            Some(Entry::Outside(..)) => return Ok(self.world.redirect_map(at, key, flags)),
            Some(Entry::Own(own)) if matches!(own.kind(), Kind::ArrayOfMaps | Kind::HashOfMaps) => {
                return self.world.redirect_groups(at, key, flags).ok_or(NO_GROUPS);
            }
            _ => return Err(HelperFault::Argument { number: 1, expected: "a redirect map" }),
        };
        // Of the key, 32 bits are looked at; the target keeps all.
        let found = flags & !ACTIONS == 0 && targets.has(key as u32);
        Ok(match (flags & !ACTIONS, found) {
            (0, true) => self.world.redirect_elsewhere(Some((at, targets.kind(), key))),
            (0, false) => {
                self.world.redirect_elsewhere(None);
                flags & ACTIONS
            }
            // Unknown flags leave what was redirected before.
            _ => 0,
        })
    }

    /// `bpf_redirect_map_multi()`: a null exclude map is none.
    pub(super) fn redirect_map_multi(
        &mut self,
        map: u64,
        ex_map: u64,
        flags: u64,
    ) -> Result<u64, HelperFault> {
        let map = map_argument(map, 1)?;
        let ex_map = if ex_map == 0 { None } else { Some(map_argument(ex_map, 2)?) };
        self.world.redirect_map_multi(map, ex_map, flags).ok_or(NO_MULTI)
    }

    /// Looks up the value of one CPU: its address, or null; of a map of maps, the inner map.
    pub(super) fn lookup(
        &mut self,
        memory: &Memory,
        map: u64,
        key: u64,
        cpu: CpuId,
    ) -> Result<u64, HelperFault> {
        let at = map_argument(map, 1)?;
        let Some(map) = self.maps.own(at) else {
            return match self.lookup_target(memory, map, key)? {
                Some(found) => Ok(found),
                None => self.own(map).map(|_| 0),
            };
        };
        let key = memory.bytes(key, map.spec().key_size)?;
        if matches!(map.kind(), Kind::ArrayOfMaps | Kind::HashOfMaps) {
            return Ok(map.reference(key).map_or(0, |inner| handle_address(MapIdx(inner))));
        }
        let slot = map.lookup(key, Caller::Program(cpu));
        Ok(slot.map_or(0, |slot| slab_address(at, memory.slab(at).offset(slot))))
    }

    pub(super) fn lookup_percpu(
        &mut self,
        memory: &Memory,
        map: u64,
        key: u64,
        cpu: u64,
    ) -> Result<u64, HelperFault> {
        let (_, own) = self.own(map)?;
        let size = own.spec().value_size as usize;
        let stride = if own.kind().is_percpu() { size.next_multiple_of(8) } else { size };
        let cpus = own.value_len(Caller::Control) / stride.max(1);
        match u16::try_from(cpu as u32) {
            Ok(cpu) if usize::from(cpu) < cpus => self.lookup(memory, map, key, CpuId(cpu)),
            _ => Ok(0),
        }
    }

    pub(super) fn update(&mut self, memory: &mut Memory, args: [u64; 4]) -> Result<u64, HelperFault> {
        let [map, key, value, flags] = args;
        let (cpu, mut scratch) = (self.world.cpu(), std::mem::take(&mut self.maps.scratch));
        let (at, map) = self.own(map)?;
        let [key_bytes, value_bytes] = &mut scratch;
        fetch(memory, key, map.spec().key_size, key_bytes)?;
        fetch(memory, value, map.spec().value_size, value_bytes)?;
        if matches!(map.kind(), Kind::ProgArray | Kind::PerfEventArray | Kind::ArrayOfMaps | Kind::HashOfMaps)
        {
            return Err(HelperFault::Misuse("programs cannot change maps of this type"));
        }
        let slab = memory.slab_mut(at);
        let done = map.update(slab, key_bytes, value_bytes, flags, Caller::Program(cpu));
        self.maps.scratch = scratch;
        Ok(signed(done.map(|()| 0)))
    }

    pub(super) fn delete(&mut self, memory: &Memory, map: u64, key: u64) -> Result<u64, HelperFault> {
        let (_, map) = self.own(map)?;
        let key = memory.bytes(key, map.spec().key_size)?;
        Ok(signed(map.delete(key).map(|()| 0)))
    }

    fn queue(&mut self, map: u64) -> Result<(MapIdx, &mut Map), HelperFault> {
        let (at, map) = self.own(map)?;
        match map.kind() {
            Kind::Queue | Kind::Stack => Ok((at, map)),
            _ => Err(HelperFault::Argument { number: 1, expected: "a queue or stack" }),
        }
    }

    pub(super) fn push(
        &mut self,
        memory: &mut Memory,
        map: u64,
        value: u64,
        flags: u64,
    ) -> Result<u64, HelperFault> {
        let (cpu, mut scratch) = (self.world.cpu(), std::mem::take(&mut self.maps.scratch));
        let (at, map) = self.queue(map)?;
        fetch(memory, value, map.spec().value_size, &mut scratch[1])?;
        let done = map.update(memory.slab_mut(at), &[], &scratch[1], flags, Caller::Program(cpu));
        self.maps.scratch = scratch;
        Ok(signed(done.map(|()| 0)))
    }

    pub(super) fn pop(&mut self, memory: &mut Memory, map: u64, to: u64) -> Result<u64, HelperFault> {
        let (at, map) = self.queue(map)?;
        let (slot, size) = (map.pop(), map.spec().value_size);
        give(memory, at, slot, to, size)
    }

    pub(super) fn peek(&mut self, memory: &mut Memory, map: u64, to: u64) -> Result<u64, HelperFault> {
        let (at, map) = self.queue(map)?;
        let (slot, size) = (map.peek(), map.spec().value_size);
        give(memory, at, slot, to, size)
    }

    pub(super) fn ring(
        &mut self,
        helper: HelperId,
        memory: &mut Memory,
        args: [u64; 4],
    ) -> Result<u64, HelperFault> {
        let [first, b, c, d] = args;
        if helper == id::RINGBUF_SUBMIT || helper == id::RINGBUF_DISCARD {
            return self.close_record(helper, memory, first);
        }
        let mut scratch = std::mem::take(&mut self.maps.scratch);
        let (at, map) = self.own(first)?;
        let ring = map.ring().ok_or(HelperFault::Argument { number: 1, expected: "a ring buffer" })?;
        let result = match helper {
            id::RINGBUF_RESERVE => {
                let start = ring.reserve(memory.slab_mut(at), b, c);
                start.map_or(0, |start| slab_address(at, start))
            }
            id::RINGBUF_OUTPUT => {
                fetch(memory, b, length(c, 3)?, &mut scratch[1])?;
                signed(ring.output(memory.slab_mut(at), &scratch[1], d).map(|()| 0))
            }
            _ => ring.query(b),
        };
        self.maps.scratch = scratch;
        Ok(result)
    }

    fn close_record(
        &mut self,
        helper: HelperId,
        memory: &mut Memory,
        record: u64,
    ) -> Result<u64, HelperFault> {
        const EXPECTED: HelperFault = HelperFault::Argument {
            number: 1,
            expected: "the start of a record that bpf_ringbuf_reserve() gave",
        };
        for at in (0..memory.maps()).map(MapIdx) {
            let start = record.wrapping_sub(slab_address(at, 0));
            let (Ok(start), Some(ring)) = (u32::try_from(start), self.maps.own(at).and_then(Map::ring))
            else {
                continue;
            };
            let slab = memory.slab_mut(at);
            let closed = if helper == id::RINGBUF_SUBMIT {
                ring.submit(slab, start)
            } else {
                ring.discard(slab, start)
            };
            return if closed { Ok(0) } else { Err(EXPECTED) };
        }
        Err(EXPECTED)
    }
}

/// Copies an argument out of memory.
fn fetch(memory: &Memory, at: u64, len: u32, to: &mut Vec<u8>) -> Result<(), HelperFault> {
    to.clear();
    to.extend_from_slice(memory.bytes(at, len)?);
    Ok(())
}

/// Copies a queue's element into the program's memory; zeroes, if there is none.
fn give(
    memory: &mut Memory,
    at: MapIdx,
    slot: Result<u32, Errno>,
    to: u64,
    size: u32,
) -> Result<u64, HelperFault> {
    match slot {
        Ok(slot) => {
            let from = slab_address(at, memory.slab(at).offset(slot));
            memory.copy(from, to, size)?;
            Ok(0)
        }
        Err(errno) => {
            memory.bytes_mut(to, size)?.fill(0);
            Ok(signed(Err(errno)))
        }
    }
}
