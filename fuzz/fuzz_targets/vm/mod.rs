//! What the targets of the virtual machine share: surroundings that answer, and what a run shows.

use xdpsim_devmap::{CpuId, Errno, IfIndex};
use xdpsim_vm::helpers::World;
use xdpsim_vm::{Engine, Fault, Limits, MapIdx, Memory};

/// Instructions of one run.
pub const LIMITS: Limits = Limits { budget: 20_000 };

/// Surroundings in which each call has another answer, the same in every engine.
#[derive(Clone, Default)]
pub struct Surroundings(u64);

impl Surroundings {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 33
    }
}

impl World for Surroundings {
    fn cpu(&self) -> CpuId {
        CpuId(1)
    }
    fn now(&self) -> u64 {
        self.0
    }
    fn random(&mut self) -> u32 {
        self.next() as u32
    }
    fn redirect(&mut self, port: IfIndex, flags: u64) -> u64 {
        u64::from(port.0).wrapping_add(flags) % 5
    }
    fn redirect_map(&mut self, _: MapIdx, key: u64, flags: u64) -> u64 {
        key.wrapping_add(flags) % 5
    }
    fn has_target(&mut self, _: MapIdx, key: u32) -> bool {
        key % 2 == 0
    }
    fn event(&mut self, _: MapIdx, slot: u32, _: &[u8]) -> Result<(), Errno> {
        if slot % 2 == 0 { Ok(()) } else { Err(Errno::ENOENT) }
    }
}

/// What a run shows: its result, the packet's buffer and bounds, all values of maps.
pub type Shown = (Result<u64, Box<Fault>>, Vec<u8>, (u32, u32, u32), Vec<Vec<u8>>);

/// What is left in memory after a run that ended so.
pub fn shown(r0: Result<u64, Box<Fault>>, memory: &Memory) -> Shown {
    (r0, memory.packet().buffer().to_vec(), memory.packet().bounds(), slabs(memory))
}

/// All values of maps.
pub fn slabs(memory: &Memory) -> Vec<Vec<u8>> {
    (0..memory.maps()).map(|map| memory.slab(MapIdx(map)).all().to_vec()).collect()
}

/// What all engines show, each on its own copy of everything: they must agree.
pub fn everywhere<T: std::fmt::Debug + PartialEq>(mut run: impl FnMut(Engine) -> T) -> T {
    let (first, others) = Engine::ALL.split_first().expect("there is the reference");
    let expected = run(*first);
    for engine in others {
        assert_eq!(expected, run(*engine), "the {first} says the left, the {engine} the right");
    }
    expected
}
