//! Programs of the corpus that need no kernel to judge: what they do follows from their source.

mod corpus;

use corpus::load;
use xdpsim_devmap::{CpuId, Errno, IfIndex};
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::load::Object;
use xdpsim_vm::maps::Caller;
use xdpsim_vm::{Fault, Limits, MapIdx, Memory, ProgIdx, Program, Size, interp};

const PASS: u64 = 2;
const REDIRECT: u64 = 4;

/// Surroundings that write down what they are asked.
#[derive(Default)]
struct Recorder {
    now: u64,
    redirects: Vec<(MapIdx, u64, u64)>,
    events: Vec<(u32, Vec<u8>)>,
}

impl World for Recorder {
    fn cpu(&self) -> CpuId {
        CpuId(1)
    }
    fn now(&self) -> u64 {
        self.now
    }
    fn random(&mut self) -> u32 {
        13
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        REDIRECT
    }
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        self.redirects.push((map, key, flags));
        REDIRECT
    }
    fn event(&mut self, _: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        self.events.push((slot, data.to_vec()));
        Ok(())
    }
}

/// An object that can be run.
struct Machine {
    object: Object,
    memory: Memory,
    maps: MapSet,
    programs: Vec<Program>,
    world: Recorder,
}

impl Machine {
    fn new(cpu: &str, name: &str) -> Self {
        let object = load(cpu, name);
        let mut memory = Memory::new();
        let maps = MapSet::create(&object, 2, &mut memory).unwrap();
        let maps_count = object.maps.len() as u32;
        let decode =
            |program: &xdpsim_vm::load::Program| Program::decode(&program.insns, maps_count).unwrap();
        let programs = object.programs.iter().map(decode).collect();
        Self { object, memory, maps, programs, world: Recorder::default() }
    }

    fn run(&mut self, program: &str, packet: &[u8]) -> Result<u64, Box<Fault>> {
        let entry = self.object.programs.iter().position(|found| found.name == program).unwrap();
        self.memory.packet_in(packet, 256, 1024);
        let mut host = Helpers::new(&mut self.maps, &mut self.world);
        interp::run(&self.programs, ProgIdx(entry as u32), &mut self.memory, &mut host, Limits::default())
    }

    fn map(&self, name: &str) -> MapIdx {
        MapIdx(self.object.map(name).unwrap().0.0)
    }

    fn update(&mut self, map: &str, key: &[u8], value: &[u8]) {
        let map = self.map(map);
        let slab = self.memory.slab_mut(map);
        self.maps.own(map).unwrap().update(slab, key, value, 0, Caller::Control).unwrap();
    }

    fn read(&mut self, map: &str, key: &[u8]) -> Vec<u8> {
        let (map, mut value) = (self.map(map), Vec::new());
        self.maps.own(map).unwrap().read(self.memory.slab(map), key, &mut value).unwrap();
        value
    }
}

fn frame(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    [&[2; 12], ether_type.to_be_bytes().as_slice(), rest].concat()
}

fn machines(name: &str) -> impl Iterator<Item = Machine> {
    corpus::CPUS.iter().filter(move |cpu| corpus::exists(cpu, name)).map(move |cpu| Machine::new(cpu, name))
}

#[test]
fn tail_calls_lead_where_the_object_says() {
    for mut machine in machines("tail_calls") {
        let mut verdict = |ether_type| machine.run("entry", &frame(ether_type, &[0; 50])).unwrap();
        // Slot 2 is empty: the entry goes on.
        assert_eq!([verdict(0x0806), verdict(0x0800), verdict(0x0800), verdict(0x86dd)], [1, 2, 2, 3]);
        assert_eq!(machine.read(".bss", &[0; 4]), 2_u64.to_le_bytes());
    }
}

/// A loop and a walk over a map run functions of the program.
#[test]
fn functions_that_helpers_call_are_run() {
    for mut machine in machines("callbacks") {
        assert_eq!(machine.run("callbacks", &frame(0, &[1; 50])), Ok(PASS));
    }
}

/// In place of the walk over a map a helper that is not here: the fault is at its call, which has a line.
#[test]
fn a_helper_that_is_not_here_is_named_with_its_line() {
    let mut machine = Machine::new("v3", "callbacks");
    let mut insns = machine.object.programs[0].insns.clone();
    insns.iter_mut().find(|insn| insn.code == 0x85 && insn.imm == 164).unwrap().imm = 84;
    machine.programs[0] = Program::decode(&insns, machine.object.maps.len() as u32).unwrap();
    let fault = machine.run("callbacks", &frame(0, &[])).unwrap_err();
    let line = machine.object.programs[0].line_at(fault.pc).unwrap();
    assert!(fault.to_string().ends_with("bpf_sk_lookup_tcp() (helper 84) does not exist here"), "{fault}");
    assert_eq!(machine.object.source(line), "bpf_for_each_map_elem(&table, add_value, &sum, 0);");
    // Before it, the loop added 0 to 20, and left R0 with how often it ran; the sum is on the stack.
    let on_stack = (1..=64).map(|words| fault.regs[10] - 8 * words);
    let sums = on_stack.filter(|at| machine.memory.load(*at, Size::Dw) == Ok(210)).count();
    assert_eq!(sums, 1);
}

#[test]
fn elements_are_pushed_and_popped_and_events_told() {
    for mut machine in machines("queues") {
        machine.world.now = 77;
        for bytes in [60, 61, 62, 63, 64] {
            assert_eq!(machine.run("queues", &vec![0; bytes]).unwrap(), PASS);
        }
        // The queue was empty once; then what was pushed came out again.
        assert_eq!(machine.read("free_ports", &[]), 5_u32.to_le_bytes());
        // The stack holds four: the oldest made room, the newest comes out first.
        assert_eq!(machine.read("last_lengths", &[]), 64_u32.to_le_bytes());
        assert_eq!(machine.world.events.last(), Some(&(1, 64_u32.to_le_bytes().to_vec())));
        let (map, mut records) = (machine.map("events"), Vec::new());
        let ring = machine.maps.own(map).unwrap().ring().unwrap();
        ring.take(machine.memory.slab(map), |record| records.push(record.to_vec()));
        assert_eq!(records.len(), 5);
        assert_eq!(records[4], [77_u64.to_le_bytes().as_slice(), &[64, 0, 0, 0, 5, 0, 0, 0]].concat());
    }
}

#[test]
fn the_longest_prefix_says_where_to() {
    for mut machine in machines("routes") {
        let route = |port: u32| [port.to_le_bytes().as_slice(), &[port as u8; 6], &[0xdc, 5]].concat();
        machine.update("routes", &[8, 0, 0, 0, 10, 0, 0, 0], &route(3));
        machine.update("routes", &[24, 0, 0, 0, 10, 1, 2, 0], &route(7));
        let mut ip = [0_u8; 40];
        (ip[0], ip[8]) = (0x45, 64);
        for (destination, port) in [([10, 1, 2, 9], Some(7)), ([10, 1, 3, 9], Some(3)), ([11, 0, 0, 1], None)]
        {
            ip[16..20].copy_from_slice(&destination);
            let verdict = machine.run("route", &frame(0x0800, &ip)).unwrap();
            let redirect = machine.world.redirects.pop();
            let Some(port) = port else {
                assert_eq!((verdict, redirect), (PASS, None));
                continue;
            };
            assert_eq!((verdict, redirect), (REDIRECT, Some((machine.map("ports"), port, 1))));
            let packet = machine.memory.packet().frame();
            assert_eq!((&packet[..6], packet[22]), ([port as u8; 6].as_slice(), 63));
        }
    }
}

/// The program for devmap entries: the egress port's MAC address.
#[test]
fn a_devmap_program_knows_its_egress_port() {
    for mut machine in machines("broadcast") {
        machine.update("port_mac", &5_u32.to_le_bytes(), &[9, 9, 9, 9, 9, 9, 0, 0]);
        let fields = xdpsim_vm::memory::ContextFields { egress_ifindex: 5, ..Default::default() };
        machine.memory.set_context(fields);
        assert_eq!(machine.run("source_mac", &frame(0x0800, &[])).unwrap(), PASS);
        assert_eq!(machine.memory.packet().frame()[6..12], [9; 6]);
    }
}

#[test]
fn a_trimmed_frame_has_64_bytes() {
    for mut machine in machines("adjust") {
        assert_eq!(machine.run("trim", &[1; 200]).unwrap(), PASS);
        assert_eq!(machine.memory.packet().frame(), [1; 64]);
    }
}
