//! Properties of a program of one's own, tried on thousands of random frames: no root, no kernel.
//!
//! The program is `push_tag` of `ebpf-vm/objects/adjust.bpf.c`, which puts a VLAN tag into every frame. A failing
//! property is shrunk to the smallest frame that breaks it.
//!
//! Run it with `cargo test --example property`.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use xdpsim_vm::Ebpf;
use xdpsim_vm::test_run::TestRun;

const XDP_TX: u32 = 3;

fn object() -> Ebpf {
    let object =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/objects/v3/adjust.o")).expect("is built");
    Ebpf::load("adjust.o", &object).expect("loads")
}

/// Whatever the frame is, it gets the tag 42 behind its addresses, and nothing else changes.
fn every_frame_gets_its_tag(object: &mut Ebpf, frame: &[u8]) -> Result<(), TestCaseError> {
    let mut program = object.program("push_tag").expect("declared in C");
    let ran = program.test_run(TestRun { data_in: frame, ..TestRun::default() });
    let ran = ran.map_err(|refused| TestCaseError::fail(refused.to_string()))?;
    if let Some(fault) = ran.fault {
        return Err(TestCaseError::fail(fault.to_string()));
    }
    let expected = [&frame[..12], &[0x81, 0, 0, 42], &frame[12..]].concat();
    if (ran.retval, &ran.data_out) == (XDP_TX, &expected) {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("verdict {}, {:x?}", ran.retval, ran.data_out)))
}

fn main() {
    let mut runner = TestRunner::new(Config { cases: 4096, ..Config::default() });
    let mut object = object();
    let object = std::cell::RefCell::new(&mut object);
    let frames = vec(any::<u8>(), 14..1500);
    let property = |frame: Vec<u8>| every_frame_gets_its_tag(&mut object.borrow_mut(), &frame);
    runner.run(&frames, property).expect("every frame gets its tag");
    println!("4096 frames, each with its tag");
}

#[test]
fn the_property_holds() {
    main();
}
