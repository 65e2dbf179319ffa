//! A program in the running kernel: `BPF_PROG_TEST_RUN`.
//!
//! For more than one run the kernel puts a program into its dispatcher and takes it out again, which takes 30 ms, unless it
//! is attached somewhere: so it is, to the loopback device of a namespace that nobody else is in.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;

use xdpsim_oracle::bpf::asm::Insn;
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, XdpLink};
use xdpsim_oracle::need::{self, Need};
use xdpsim_oracle::net::Netns;
use xdpsim_vm::load::Object;

use super::traffic::{Kind, PORTS};

/// The loopback device.
const LO: u32 = 1;

/// A program with its maps.
pub struct Kernel {
    object: Object,
    maps: Vec<Map>,
    prog: Prog,
    namespace: Netns,
    _link: XdpLink,
}

/// What keeps this machine or user from it.
pub fn missing() -> Option<String> {
    let missing = need::missing(&Need::KERNEL);
    let names: Vec<String> = missing.iter().map(Need::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

impl Kernel {
    /// Loads it.
    pub fn new(kind: Kind) -> Self {
        let object = kind.object();
        let namespace = Netns::new().unwrap_or_else(|error| panic!("{error}"));
        let inside = namespace.enter().unwrap_or_else(|error| panic!("{error}"));
        let maps = object.maps.iter().map(|def| {
            let spec = def.spec;
            let plain =
                MapCreate::new(spec.map_type, spec.key_size, spec.value_size, spec.max_entries, "bench");
            let map = Map::create(&MapCreate { flags: spec.flags, ..plain });
            map.unwrap_or_else(|error| panic!("map {}: {error}", def.name))
        });
        let maps: Vec<Map> = maps.collect();
        let mut second = false;
        let insns: Vec<Insn> = object.programs[0]
            .insns
            .iter()
            .map(|insn| {
                let first = insn.code == 0x18 && !second;
                second = first;
                let imm = if first && insn.src == 1 { maps[insn.imm as usize].as_raw_fd() } else { insn.imm };
                Insn::raw(insn.code, insn.dst, insn.src, insn.off, imm)
            })
            .collect();
        let prog = Prog::load(&ProgLoad::xdp("bench", &insns)).unwrap_or_else(|error| panic!("{error}"));
        let link = XdpLink::generic(&prog, LO).unwrap_or_else(|error| panic!("{error}"));
        let by_name = |name: &str| &maps[object.map(name).expect("its map").0.0 as usize];
        for (map, key, value) in kind.contents() {
            by_name(map).update(&key, &value, 0).expect("room for it");
        }
        if object.map("ports").is_some() {
            (0..PORTS).for_each(|port| by_name("ports").set(port, LO).expect("a device"));
        }
        drop(inside);
        Self { object, maps, prog, namespace, _link: link }
    }

    /// Runs once: the verdict and the bytes.
    pub fn run(&mut self, frame: &[u8]) -> (u32, Vec<u8>) {
        let _inside = self.namespace.enter().unwrap_or_else(|error| panic!("{error}"));
        let ran = self.prog.test_run(frame).unwrap_or_else(|error| panic!("{error}"));
        (ran.verdict, ran.data)
    }

    /// Runs so many times on a frame, which the program gets as it left it: nanoseconds a run, as the kernel says.
    pub fn time(&mut self, frame: &[u8], repeat: u32) -> f64 {
        let _inside = self.namespace.enter().unwrap_or_else(|error| panic!("{error}"));
        self.prog.time(frame, repeat).unwrap_or_else(|error| panic!("{error}")).into()
    }

    /// What its maps hold, but for devices: by map and key.
    pub fn contents(&mut self) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
        let mut all = BTreeMap::new();
        for (def, map) in self.object.maps.iter().zip(&self.maps).filter(|(def, _)| def.name != "ports") {
            let spec = def.spec;
            let plain = MapCreate::new(spec.map_type, spec.key_size, spec.value_size, spec.max_entries, "");
            let mut key: Option<Vec<u8>> = None;
            loop {
                let mut next = vec![0; spec.key_size as usize];
                if map.next_key(key.as_deref(), &mut next).is_err() {
                    break;
                }
                let mut value = vec![0; plain.value_len()];
                map.lookup(&next, &mut value).expect("it is there");
                all.insert((def.name.clone(), next.clone()), super::summed(spec.map_type, value));
                key = Some(next);
            }
        }
        all
    }
}
