//! The corpus in a machine: its words for faults and its coverage, by lines of C.

mod corpus;

use corpus::load;
use serde_json::json;
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

/// Keys and values as people write them; of a per-CPU map, one for all CPUs or one for each.
#[test]
fn maps_are_filled_in_natural_form() {
    let mut machine = Machine::builder().object(load("v3", "routes")).build().unwrap();
    let routes = machine.map("routes").unwrap();
    let key = machine.encode_key(routes, &json!("10.1.0.0/16")).unwrap();
    let route = json!({ "port": 3, "mac": "02:00:00:00:00:03", "mtu": 1500 });
    let value = machine.encode_value(routes, &route).unwrap();
    machine.update(routes, &key, &value, 0).unwrap();
    let [(key, value)] = &machine.elements(routes).unwrap()[..] else { panic!("one element") };
    assert_eq!(machine.decode_key(routes, key), json!({ "len": 16, "address": "10.1.0.0" }));
    assert_eq!(machine.decode_value(routes, value), [route]);

    let machine = Machine::builder().object(load("v3", "counters")).cpus(2).build().unwrap();
    let percpu = machine.map("in_percpu_array").unwrap();
    let (one, two) = (json!({ "frames": 1, "bytes": 60 }), json!({ "frames": 2, "bytes": 0 }));
    let both = machine.encode_value(percpu, &one).unwrap();
    assert_eq!(machine.decode_value(percpu, &both), [one.clone(), one.clone()]);
    let each = machine.encode_value(percpu, &json!([one, two])).unwrap();
    assert_eq!(machine.decode_value(percpu, &each), [one, two]);
    let refused = |value| machine.encode_value(percpu, &value).unwrap_err().to_string();
    assert_eq!(refused(json!([0])), "expected 2 values, one for each CPU, or one for all, found a list of 1");
    let wrong = refused(json!([{ "frames": 1 }, { "frames": -1 }]));
    assert!(
        wrong.starts_with("field `[1].frames`: expected a number from 0 to 18446744073709551615"),
        "{wrong}"
    );
}

/// Variables of a data section go by name.
#[test]
fn a_data_section_is_a_table_of_its_variables() {
    let mut machine = Machine::builder().object(load("v3", "globals")).build().unwrap();
    let rodata = machine.map(".rodata").unwrap();
    let value = machine.lookup(rodata, &[0; 4]).unwrap();
    let natural = machine.decode_value(rodata, &value).remove(0);
    assert!(natural["limits"].is_object(), "{natural}");
    let unknown = machine.encode_value(rodata, &json!({ "evry": 1 })).unwrap_err().to_string();
    assert!(unknown.starts_with("expected a variable (`") && unknown.ends_with("found `evry`"), "{unknown}");
    let known = machine.encode_value(rodata, &natural).unwrap();
    assert_eq!(machine.decode_value(rodata, &known), [natural]);
}
