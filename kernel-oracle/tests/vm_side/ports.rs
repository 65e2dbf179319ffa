//! What stands in redirect maps, on both sides: the same slots, with the loopback device or a CPU behind.

use std::collections::BTreeMap;

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_oracle::bpf::{Map as KernelMap, map_type};
use xdpsim_vm::MapIdx;
use xdpsim_vm::helpers::World;
use xdpsim_vm::load::Object;
use xdpsim_vm::machine::Machine;

const BROADCAST: u64 = 8;
const EXCLUDE_INGRESS: u64 = 16;
const ABORTED: u64 = 0;
const REDIRECT: u64 = 4;
/// Keys that devices are put under; CPUs have the first of them alone.
const KEYS: [u32; 3] = [1, 2, 3];
const LOOPBACK: u32 = 1;
const QUEUE_SIZE: u32 = 192;

/// Surroundings with the same entries in device maps as the kernel has.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The keys of each device map that have a device.
    devices: BTreeMap<u32, Vec<u32>>,
    kernel: (u16, u16),
}

impl Ports {
    /// Fills both sides' redirect maps. Sockets need queues of a device, and are none.
    pub fn fill(object: &Object, kernel: &[KernelMap], machines: &mut [Machine]) -> Self {
        let mut devices = BTreeMap::new();
        for (at, (def, map)) in (0..).zip(object.maps.iter().zip(kernel)) {
            let value = |first: u32| {
                let mut value = first.to_le_bytes().to_vec();
                value.resize(def.spec.value_size as usize, 0);
                value
            };
            match def.spec.map_type {
                map_type::DEVMAP | map_type::DEVMAP_HASH => {
                    let put = |key: &&u32| map.update(&key.to_le_bytes(), &value(LOOPBACK), 0).is_ok();
                    devices.insert(at, KEYS.iter().filter(put).copied().collect());
                }
                map_type::CPUMAP => {
                    let key = KEYS[0].to_le_bytes();
                    let there = map.update(&key, &value(QUEUE_SIZE), 0).map_err(|error| error.number);
                    for machine in &mut *machines {
                        let here = machine.update(MapIdx(at), &key, &value(QUEUE_SIZE), 0);
                        assert_eq!(here.map_err(|errno| errno.number()), there, "{}", def.name);
                    }
                }
                _ => {}
            }
        }
        Self { devices, kernel: running() }
    }
}

/// The running kernel's version.
fn running() -> (u16, u16) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

impl World for Ports {
    fn cpu(&self) -> CpuId {
        super::CPU
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
        let known = BROADCAST | EXCLUDE_INGRESS | 3;
        match () {
            () if flags & !known != 0 => ABORTED,
            () if flags & BROADCAST != 0 || self.devices[&map.0].contains(&(key as u32)) => REDIRECT,
            () => flags & 3,
        }
    }
    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        self.devices[&map.0].contains(&key)
    }
    fn kernel(&self) -> (u16, u16) {
        self.kernel
    }
}
