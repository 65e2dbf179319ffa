//! What stands in redirect maps, on both sides: the same slots, with the loopback device, a CPU, or nothing behind.

use std::collections::BTreeMap;

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_oracle::bpf::{Map as KernelMap, map_type};
use xdpsim_vm::MapIdx;
use xdpsim_vm::helpers::World;
use xdpsim_vm::load::Object;

const BROADCAST: u64 = 8;
const EXCLUDE_INGRESS: u64 = 16;
const ABORTED: u64 = 0;
const REDIRECT: u64 = 4;
/// Keys that devices and CPUs are put under.
const KEYS: [u32; 3] = [1, 2, 3];

/// Surroundings with the same entries in redirect maps as the kernel has.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// Of each redirect map: is it of devices, and the keys that have something.
    maps: BTreeMap<u32, (bool, Vec<u32>)>,
}

impl Ports {
    /// Fills the kernel's redirect maps.
    pub fn fill(object: &Object, kernel: &[KernelMap]) -> Self {
        let mut maps = BTreeMap::new();
        for (at, (def, map)) in (0..).zip(object.maps.iter().zip(kernel)) {
            let devices = [map_type::DEVMAP, map_type::DEVMAP_HASH].contains(&def.spec.map_type);
            // Sockets need queues of a device, and are none here.
            let others = [map_type::CPUMAP, map_type::XSKMAP].contains(&def.spec.map_type);
            if !devices && !others {
                continue;
            }
            let keys = match def.spec.map_type {
                map_type::XSKMAP => &[][..],
                map_type::CPUMAP => &[1],
                _ => &KEYS,
            };
            let first: u32 = if devices { 1 } else { 192 };
            let mut value = first.to_le_bytes().to_vec();
            value.resize(def.spec.value_size as usize, 0);
            let put = |key: &&u32| map.update(&key.to_le_bytes(), &value, 0).is_ok();
            maps.insert(at, (devices, keys.iter().filter(put).copied().collect()));
        }
        Self { maps }
    }
}

impl World for Ports {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        1
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn redirect(&mut self, _: IfIndex, flags: u64) -> u64 {
        if flags == 0 { REDIRECT } else { ABORTED }
    }
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        let (devices, keys) = &self.maps[&map.0];
        let known = if *devices { BROADCAST | EXCLUDE_INGRESS | 3 } else { 3 };
        match () {
            () if flags & !known != 0 => ABORTED,
            () if flags & BROADCAST != 0 || keys.contains(&(key as u32)) => REDIRECT,
            () => flags & 3,
        }
    }
    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        self.maps[&map.0].1.contains(&key)
    }
}
