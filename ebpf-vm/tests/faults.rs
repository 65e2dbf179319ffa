//! A broken object for each kind of fault: the whole message is kept as a snapshot, and every engine words the same.

mod corpus;

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::helpers::World;
use xdpsim_vm::load::{LoadOptions, Object};
use xdpsim_vm::machine::Machine;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Engine, Limits, MapIdx};

/// Surroundings that none of the objects asks.
struct Nobody;

impl World for Nobody {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        0
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        0
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
}

/// IPv4 without options and nothing behind it: 34 bytes, padded to this length.
fn frame(len: usize) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 20];
    bytes.resize(len, 0);
    bytes
}

fn broken() -> Vec<String> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/objects/broken")).unwrap();
    let files = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".bpf.c").map(str::to_owned)).collect();
    all.sort();
    all
}

/// What a broken object's program does on a frame of this length.
fn story(name: &str, len: usize, engine: Engine) -> String {
    let bytes = corpus::bytes("broken", name);
    let object = Object::load(&format!("{name}.o"), &bytes, LoadOptions::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let limits = Limits { budget: 1 << 16 };
    let mut machine = Machine::builder().object(object).engine(engine).limits(limits).build().unwrap();
    let program = machine.program(name).unwrap();
    machine.memory_mut().packet_in(&frame(len), 256, 256);
    let fields = ContextFields { ingress_ifindex: 7, ..Default::default() };
    let fault = machine.run(program, fields, &mut Nobody).expect_err(name);
    machine.story(&fault).to_string()
}

#[test]
fn each_broken_object_is_told_in_full_by_every_engine() {
    let names = broken();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let told: Vec<String> = Engine::ALL.iter().map(|engine| story(&name, 34, *engine)).collect();
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {told:#?}");
        insta::assert_snapshot!(format!("{name}"), told[0]);
    }
}
