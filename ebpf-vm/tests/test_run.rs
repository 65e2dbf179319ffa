//! Objects of the corpus under test, with the shape of BPF_PROG_TEST_RUN. What the kernel answers is compared in
//! `kernel-oracle/tests/vm_test_run.rs`; here is what it hides, and the handles.

mod corpus;

use corpus::{bytes, load};
use serde_json::json;
use xdpsim_devmap::{CpuId, Errno};
use xdpsim_vm::machine::Machine;
use xdpsim_vm::test_run::{Ebpf, MapError, Options, Redirect, TestRun, XdpMd};
use xdpsim_vm::{Engine, Limits};

fn ebpf(name: &str) -> Ebpf {
    Ebpf::load(&format!("{name}.o"), &bytes("v3", name)).unwrap()
}

fn run(data_in: &[u8]) -> TestRun<'_> {
    TestRun { data_in, ..TestRun::default() }
}

#[test]
fn a_program_gets_metadata_by_its_context_and_gives_it_back() {
    let mut object = ebpf("adjust");
    let mut data = vec![7; 68];
    data[..4].copy_from_slice(b"meta");
    let ctx = XdpMd { data: 4, data_end: 68, ingress_ifindex: 5, rx_queue_index: 2, ..XdpMd::default() };
    let run = TestRun { ctx_in: Some(ctx), ..run(&data) };
    let ran = object.program("mark").unwrap().test_run(run).unwrap();
    assert_eq!((ran.retval, ran.data_out.len()), (2, 72));
    assert_eq!(ran.data_out[..8], [3, 0, 0, 0, b'm', b'e', b't', b'a']);
    assert_eq!(ran.ctx_out, XdpMd { data: 8, data_end: 72, ..ctx });
}

#[test]
fn a_repetition_begins_with_what_the_one_before_left() {
    let mut object = ebpf("adjust");
    let ran = object.program("push_tag").unwrap().test_run(TestRun { repeat: 3, ..run(&[1; 60]) }).unwrap();
    assert_eq!(ran.data_out.len(), 72);
    let mut program = object.program("push_tag").unwrap();
    let counted = program.test_run(TestRun { count_instructions: true, repeat: 2, ..run(&[1; 60]) }).unwrap();
    assert!((10..100).contains(&counted.duration), "{}", counted.duration);
    assert_eq!(ran.duration, 0);
}

#[test]
fn what_is_refused_has_its_errno_and_words() {
    let mut object = ebpf("adjust");
    let mut refused = |program: &str, run: TestRun<'_>| {
        object.program(program).unwrap().test_run(run).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused("mark", run(&[0; 13])), @"EINVAL (22): a frame has 14 bytes at least");
    insta::assert_snapshot!(refused("trim", run(&[0; 60])), @"EINVAL (22): programs of devmap and cpumap entries cannot be run so");
    insta::assert_snapshot!(refused("mark", TestRun { flags: 2, ..run(&[0; 60]) }), @"ENOTSUPP (524): live frames are what `xdpsim replay` simulates");
    insta::assert_snapshot!(refused("mark", TestRun { batch_size: 2, ..run(&[0; 60]) }), @"EINVAL (22): batch_size is for live frames");
    let ctx = XdpMd { data: 5, data_end: 60, ..XdpMd::default() };
    insta::assert_snapshot!(refused("mark", TestRun { ctx_in: Some(ctx), ..run(&[0; 60]) }), @"EINVAL (22): metadata has a multiple of 4 bytes, and at most 252");
    let error = object
        .program("mark")
        .unwrap()
        .test_run(TestRun { data_size_out: Some(10), ..run(&[9; 60]) })
        .unwrap_err();
    assert_eq!(error.errno, Errno::ENOSPC);
    assert_eq!(error.ran.unwrap().data_out.len(), 10);
    let unknown = object.program("marc").unwrap_err();
    insta::assert_snapshot!(unknown, @"there is no program `marc`; there are push_tag, trim, mark");
}

/// Beyond a page there are fragments: nobody sees them but helpers that are not modelled there.
#[test]
fn a_long_frame_keeps_what_lies_in_fragments() {
    let mut long = vec![1; 9000];
    long[8999] = 77;
    let mut object = ebpf("adjust");
    let ran = object.program("push_tag").unwrap().test_run(run(&long)).unwrap();
    assert_eq!((ran.data_out.len(), ran.data_out[9003]), (9004, 77));
    let error = object.program("push_tag").unwrap().test_run(run(&vec![0; 80_000])).unwrap_err();
    assert_eq!(error.errno, Errno::ENOMEM);
}

#[test]
fn redirects_lead_where_the_map_says() {
    let mut object = ebpf("by_ingress");
    let ctx = XdpMd { data_end: 60, ingress_ifindex: 3, ..XdpMd::default() };
    let run = TestRun { ctx_in: Some(ctx), ..run(&[0; 60]) };
    let ran = object.program("by_ingress").unwrap().test_run(run).unwrap();
    assert_eq!((ran.retval, ran.redirect), (2, None));
    let mut ports = object.map("tx_port").unwrap();
    ports.insert(3_u32, 9_u32, 0).unwrap();
    assert_eq!(ports.get(&3_u32, 0), Ok(9_u32));
    assert_eq!(ports.get::<u32, u32>(&4_u32, 0), Err(MapError::KeyNotFound));
    assert_eq!(ports.insert(64_u32, 9_u32, 0), Err(MapError::Errno(Errno::E2BIG)));
    assert_eq!(
        ports.insert(3_u32, 9_u64, 0).unwrap_err().to_string(),
        "the map's values have 4 bytes, the type has 8"
    );
    let ran = object.program("by_ingress").unwrap().test_run(run).unwrap();
    let to = Redirect::Map { map: "tx_port".into(), key: 3, flags: 2, target: Some(9) };
    assert_eq!((ran.retval, ran.redirect), (4, Some(to)));
    object.map("tx_port").unwrap().remove(&3_u32).unwrap();
    assert_eq!(object.program("by_ingress").unwrap().test_run(run).unwrap().retval, 2);
}

#[test]
fn handles_read_and_write_by_type_and_in_natural_form() {
    let options = Options { cpus: 2, ..Options::default() };
    let mut object = Ebpf::of(load("v3", "counters"), options).unwrap();
    object.set_cpu(CpuId(1));
    for _ in 0..3 {
        object.program("counters").unwrap().test_run(run(&[0; 60])).unwrap();
    }
    let mut percpu = object.map("in_percpu_array").unwrap();
    assert_eq!(percpu.get_per_cpu(&0_u32, 0), Ok(vec![[0_u64, 0], [3, 180]]));
    let both = json!([{ "frames": 0, "bytes": 0 }, { "frames": 3, "bytes": 180 }]);
    assert_eq!(percpu.get_natural(&json!(0)), Ok(both));
    percpu.insert(0_u32, [5_u64, 6], 0).unwrap();
    assert_eq!(percpu.get_per_cpu(&0_u32, 0), Ok(vec![[5_u64, 6], [5, 6]]));
    let mut hash = object.map("in_hash").unwrap();
    assert_eq!(hash.elements(), Ok(vec![(0_u32, [3_u64, 180])]));
    hash.insert_natural(&json!(9), &json!({ "frames": 1 }), 1).unwrap();
    assert_eq!(hash.get(&9_u32, 0), Ok([1_u64, 0]));
    assert_eq!(hash.insert(9_u32, [0_u64, 0], 1), Err(MapError::Errno(Errno::EEXIST)));
    hash.remove(&9_u32).unwrap();
    assert_eq!(hash.remove(&9_u32), Err(MapError::KeyNotFound));
}

#[test]
fn events_and_records_come_out() {
    let mut object = ebpf("queues");
    let ran = object.program("queues").unwrap().test_run(run(&[0; 61])).unwrap();
    assert_eq!(ran.events.len(), 1);
    assert_eq!(ran.events[0].data, 61_u32.to_le_bytes());
    assert_eq!(object.map("events").unwrap().records().unwrap().len(), 1);
    assert_eq!(object.map("last_lengths").unwrap().pop(), Ok(61_u32));
    assert_eq!(object.map("last_lengths").unwrap().pop::<u32>(), Err(MapError::KeyNotFound));
}

#[test]
fn a_fault_ends_the_run_as_aborted_and_has_a_story() {
    for &engine in Engine::ALL {
        let machine =
            Machine::builder().object(load("v3", "parse")).engine(engine).limits(Limits { budget: 3 });
        let mut object = Ebpf::from_machine(machine.build().unwrap(), 1);
        let name = object.machine().programs().next().unwrap().2.name.clone();
        let ran = object.program(&name).unwrap().test_run(TestRun { repeat: 9, ..run(&[0; 60]) }).unwrap();
        assert_eq!(ran.retval, 0);
        assert!(ran.fault.unwrap().headline().contains("not finished after 3 instructions"));
    }
}
