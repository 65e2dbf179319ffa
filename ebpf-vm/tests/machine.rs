//! The corpus in a machine: its words for faults and its coverage, by lines of C.

mod corpus;

use corpus::load;
use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::Limits;
use xdpsim_vm::helpers::World;
use xdpsim_vm::machine::Machine;
use xdpsim_vm::machine::coverage::{Coverage, Hits};
use xdpsim_vm::memory::MapIdx;

/// Surroundings in which nothing happens.
struct Nowhere;

impl World for Nowhere {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        4
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        4
    }
}

fn frame(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    [&[2; 12], ether_type.to_be_bytes().as_slice(), rest].concat()
}

/// Counts lines while these frames pass a program; the file's name is cut to its end.
fn lcov(object: &str, program: &str, frames: &[Vec<u8>]) -> String {
    let mut machine = Machine::builder().object(load("v3", object)).build().unwrap();
    let (entry, mut hits) = (machine.program(program).unwrap(), Hits::new(&machine));
    for frame in frames {
        machine.memory_mut().packet_in(frame, 256, 320);
        machine
            .run_observed(entry, Default::default(), &mut Nowhere, |program, slot| hits.count(program, slot))
            .unwrap();
    }
    Coverage::of(&machine, &hits).to_lcov("the corpus")
}

/// The sum of the numbers of all records that begin so.
fn sum(lcov: &str, start: &str) -> u64 {
    lcov.lines()
        .filter_map(|line| line.strip_prefix(start))
        .map(|number| number.parse::<u64>().unwrap())
        .sum()
}

#[test]
fn lines_are_counted_as_lcov_reads_them() {
    let source = include_str!("../objects/tail_calls.bpf.c");
    let line = |text: &str| 1 + source.lines().position(|line| line.contains(text)).expect(text);
    let counts = |text: &str, lcov: &str| sum(lcov, &format!("DA:{},", line(text)));
    let none = lcov("tail_calls", "entry", &[]);
    let some = lcov("tail_calls", "entry", &[frame(0x0806, &[0; 50]), frame(0x0806, &[0; 50])]);
    for text in [&none, &some] {
        assert!(text.starts_with("TN:the_corpus\nSF:"), "{text}");
        assert_eq!(text.matches("end_of_record").count(), text.matches("SF:").count());
        assert_eq!(sum(text, "LF:"), text.matches("\nDA:").count() as u64);
        assert_eq!(sum(text, "FNF:"), 3, "{text}");
    }
    assert_eq!((sum(&none, "LH:"), sum(&none, "FNH:")), (0, 0));
    let lines = ["if (eth->type", "ipv4_frames++", "return XDP_TX"];
    assert_eq!(lines.map(|line| counts(line, &some)), [2, 0, 0], "{some}");
    assert!(some.contains("\nFNDA:2,entry\n") && some.contains("\nFNDA:0,count_ipv4\n"), "{some}");
}

#[test]
fn a_fault_in_an_object_has_its_line_of_c() {
    let mut machine = Machine::builder().object(load("v3", "tail_calls")).build().unwrap();
    machine.set_limits(Limits { budget: 4 });
    let program = machine.program("entry").unwrap();
    machine.memory_mut().packet_in(&frame(0x0800, &[0; 50]), 256, 320);
    let fault = machine.run(program, Default::default(), &mut Nowhere).unwrap_err();
    let story = machine.story(&fault);
    let source = story.source.clone().expect("the object has lines");
    assert!(source.file.ends_with("tail_calls.bpf.c"), "{source:?}");
    assert_eq!(source.text, "int entry(struct xdp_md *ctx)");
    let headline = story.headline();
    assert!(headline.contains(", entry(): not finished after 4 instructions"), "{headline}");
    assert!(story.to_string().contains(&format!("{}:{}", source.file, source.line)), "{story}");
}
