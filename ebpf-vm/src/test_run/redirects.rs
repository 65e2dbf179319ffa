//! What maps of devices hold (DEVMAP, DEVMAP_HASH), and what `bpf_redirect_map()` answers from them.
//!
//! Entries are bytes as bpf(2) writes them. Every interface exists; programs of entries have no descriptors here
//! (EINVAL). What becomes of a redirected frame is for the simulator (`xdpsim replay`).

use std::collections::BTreeMap;

use xdpsim_devmap::{Errno, RedirectFlags, XdpAction};

use crate::helpers::Entry;
use crate::machine::Machine;
use crate::maps::{Kind, UPDATE_EXIST, UPDATE_NOEXIST};
use crate::memory::MapIdx;

#[derive(Clone, Debug)]
struct Targets {
    kind: Kind,
    max_entries: u32,
    value_size: usize,
    entries: BTreeMap<u32, Vec<u8>>,
}

/// All maps of devices of a machine.
#[derive(Clone, Debug, Default)]
pub struct RedirectMaps {
    /// By place; none for maps of other types.
    maps: Vec<Option<Targets>>,
}

impl RedirectMaps {
    /// Empty ones for a machine.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let targets = |map| match machine.maps().get(map) {
            Some(Entry::Outside(kind, spec)) => Some(Targets {
                kind: *kind,
                max_entries: spec.max_entries,
                value_size: spec.value_size as usize,
                entries: BTreeMap::new(),
            }),
            _ => None,
        };
        Self { maps: machine.map_names().map(|(map, _)| targets(map)).collect() }
    }

    /// Is this a map of devices?
    #[must_use]
    pub fn has(&self, map: MapIdx) -> bool {
        self.get(map).is_ok()
    }

    fn get(&self, map: MapIdx) -> Result<&Targets, Errno> {
        self.maps.get(map.0 as usize).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    /// An entry.
    ///
    /// # Errors
    /// ENOENT if there is none.
    pub fn lookup(&self, map: MapIdx, key: u32) -> Result<&[u8], Errno> {
        self.get(map)?.entries.get(&key).map(Vec::as_slice).ok_or(Errno::ENOENT)
    }

    /// Writes an entry: an interface.
    ///
    /// # Errors
    /// The kernel's.
    pub fn update(&mut self, map: MapIdx, key: u32, value: &[u8], flags: u64) -> Result<(), Errno> {
        let targets = self.maps.get_mut(map.0 as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        if value.len() != targets.value_size {
            return Err(Errno::EINVAL);
        }
        targets.update(key, value, flags)
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// EINVAL beyond an array's end, ENOENT if a hash has none.
    pub fn delete(&mut self, map: MapIdx, key: u32) -> Result<(), Errno> {
        let targets = self.maps.get_mut(map.0 as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        let there = targets.entries.remove(&key).is_some();
        match targets.kind {
            Kind::DevmapHash if !there => Err(Errno::ENOENT),
            Kind::DevmapHash => Ok(()),
            _ if key >= targets.max_entries => Err(Errno::EINVAL),
            _ => Ok(()),
        }
    }

    /// All entries by rising key.
    pub fn entries(&self, map: MapIdx) -> impl Iterator<Item = (u32, &[u8])> {
        let entries = self.get(map).ok().map(|targets| &targets.entries);
        entries.into_iter().flatten().map(|(key, value)| (*key, value.as_slice()))
    }

    /// Does a program's lookup find something?
    pub(super) fn has_target(&self, map: MapIdx, key: u32) -> bool {
        self.get(map).is_ok_and(|targets| targets.entries.contains_key(&key))
    }

    /// `bpf_redirect_map()`: the verdict.
    pub(super) fn redirect(&self, map: MapIdx, key: u64, flags: u64) -> XdpAction {
        let Ok(targets) = self.get(map) else { return XdpAction::ABORTED };
        let flags = RedirectFlags::from_bits_retain(flags);
        if !flags.allowed_on_devmap() {
            return XdpAction::ABORTED;
        }
        let found = targets.entries.contains_key(&(key as u32)) || flags.contains(RedirectFlags::BROADCAST);
        if found { XdpAction::REDIRECT } else { flags.fallback() }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |word| u32::from_le_bytes(std::array::from_fn(|byte| word[byte])))
}

impl Targets {
    fn update(&mut self, key: u32, value: &[u8], flags: u64) -> Result<(), Errno> {
        let (first, program) = (word(value, 0), word(value, 4).cast_signed());
        let there = self.entries.contains_key(&key);
        if flags > UPDATE_EXIST {
            return Err(Errno::EINVAL);
        }
        match self.kind {
            Kind::DevmapHash => {
                if first == 0 || program > 0 {
                    return Err(Errno::EINVAL);
                }
                if there && flags == UPDATE_NOEXIST {
                    return Err(Errno::EEXIST);
                }
                if !there && self.entries.len() >= self.max_entries as usize {
                    return Err(Errno::E2BIG);
                }
            }
            _ => {
                if key >= self.max_entries {
                    return Err(Errno::E2BIG);
                }
                if flags == UPDATE_NOEXIST {
                    return Err(Errno::EEXIST);
                }
                if program > 0 {
                    return Err(Errno::EINVAL);
                }
            }
        }
        // Of a DEVMAP, 0 clears the slot.
        if first == 0 {
            self.entries.remove(&key);
            return Ok(());
        }
        let mut value = value.to_vec();
        // Behind the target stands the program's id when it is read: none.
        value.iter_mut().skip(4).for_each(|byte| *byte = 0);
        self.entries.insert(key, value);
        Ok(())
    }
}
