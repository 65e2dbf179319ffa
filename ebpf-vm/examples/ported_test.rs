//! A test that was written against the kernel's BPF_PROG_TEST_RUN, ported by changing one line.
//!
//! The program is `ebpf-vm/objects/by_ingress.bpf.c`: what comes in at one port leaves at another, by a devmap whose
//! key is the ingress interface. All of the suite's tests load the object through one function, and that is the line
//! that was changed: it said
//!
//! ```text
//! kernel::load(&object).expect("loads: are you root?")
//! ```
//!
//! where `kernel` is the suite's own wrapper of bpf(2). No root is needed now, and the tests see what the kernel
//! hides: where the redirect leads, which BPF_PROG_TEST_RUN does not tell.
//!
//! Run it with `cargo test --example ported_test`.

use xdpsim_vm::Ebpf;
use xdpsim_vm::test_run::{Redirect, TestRun, XdpMd};

const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

fn object() -> Ebpf {
    let object =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/objects/v3/by_ingress.o")).expect("is built");
    Ebpf::load("by_ingress.o", &object).expect("loads") // The line that was changed.
}

/// A frame of 64 bytes that came in on this interface.
fn from(ingress_ifindex: u32) -> TestRun<'static> {
    let ctx = XdpMd { data_end: 64, ingress_ifindex, ..XdpMd::default() };
    TestRun { data_in: &[0; 64], ctx_in: Some(ctx), ..TestRun::default() }
}

fn a_frame_leaves_at_the_port_of_its_ingress() {
    let mut object = object();
    object.map("tx_port").unwrap().insert(3_u32, 7_u32, 0).unwrap();
    let ran = object.program("by_ingress").unwrap().test_run(from(3)).unwrap();
    assert_eq!((ran.retval, ran.data_out.len()), (XDP_REDIRECT, 64));
    // What the original could not ask.
    let Some(Redirect::Map { map, key: 3, target: Some(7), .. }) = ran.redirect else { panic!("{ran:?}") };
    assert_eq!(map, "tx_port");
}

fn a_frame_of_another_port_is_passed() {
    let mut object = object();
    object.map("tx_port").unwrap().insert(3_u32, 7_u32, 0).unwrap();
    let ran = object.program("by_ingress").unwrap().test_run(from(4)).unwrap();
    assert_eq!((ran.retval, ran.redirect), (XDP_PASS, None));
}

fn main() {
    a_frame_leaves_at_the_port_of_its_ingress();
    a_frame_of_another_port_is_passed();
    println!("both tests passed");
}

#[test]
fn the_ported_tests_pass() {
    main();
}
