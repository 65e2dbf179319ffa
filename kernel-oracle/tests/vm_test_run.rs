//! BPF_PROG_TEST_RUN of the virtual machine's library and of the running kernel: the same sizes and contexts are refused,
//! with the same errno; the others give the same verdict, output and context.
#![cfg(target_os = "linux")]

mod vm_draw;

use std::collections::BTreeMap;

use vm_draw::Random;
use xdpsim_oracle::bpf::asm::Insn;
use xdpsim_oracle::bpf::{FullRun, Prog, ProgLoad, attach_type};
use xdpsim_oracle::need;
use xdpsim_vm::Ebpf;
use xdpsim_vm::load::{Attach, Program};
use xdpsim_vm::test_run::{Ran, Refused, TestRun, XdpMd};

/// Calls of each program.
const CALLS: usize = 3000;
/// What fits into a page beside headroom and `struct skb_shared_info`.
const LINEAR: u32 = 3520;
/// 17 fragments of a page.
const FRAGMENTS: u32 = 17 * 4096;

fn kernel(program: &Program) -> Prog {
    let insns: Vec<Insn> = program
        .insns
        .iter()
        .map(|insn| Insn::raw(insn.code, insn.dst, insn.src, insn.off, insn.imm))
        .collect();
    let xdp = ProgLoad::xdp("vm_test_run", &insns);
    let load = match program.attach {
        Attach::Interface => xdp,
        Attach::Devmap => ProgLoad::devmap("vm_test_run", &insns),
        Attach::Cpumap => ProgLoad { attach_type: attach_type::XDP_CPUMAP, ..xdp },
    };
    Prog::load(&load).unwrap_or_else(|error| panic!("{}: {error}", program.name))
}

/// Sizes near what matters.
fn size(random: &mut Random) -> u32 {
    let near = random.pick(&[0, 14, 64, 300, LINEAR, LINEAR + 216, 9000, LINEAR + FRAGMENTS]);
    (near + random.below(20) as u32).saturating_sub(10)
}

/// A context, often one that is refused.
fn context(random: &mut Random, size: u32) -> Option<XdpMd> {
    if random.below(4) == 0 {
        return None;
    }
    let off = random.below(40) == 0;
    let any = random.below(300) as u32;
    let data = random.pick(&[0, 0, 4, 8, 32, 212, 216, 220, 252, 256, 6, any]);
    let end = match random.below(6) {
        0 => random.below(u64::from(size) + 2) as u32,
        1 => size.saturating_sub(1),
        2 => size + 1,
        _ => size,
    };
    Some(XdpMd {
        data,
        data_end: end,
        data_meta: u32::from(off),
        // Of the devices, the loopback device is everywhere; it has one queue.
        ingress_ifindex: random.below(2) as u32,
        rx_queue_index: 0,
        egress_ifindex: u32::from(random.below(40) == 0),
    })
}

fn words(ctx: XdpMd) -> [u32; 6] {
    let XdpMd { data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex } = ctx;
    [data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex]
}

type Outcome = Result<(u32, Vec<u8>, Option<[u32; 6]>), i32>;

fn model(ran: Result<Ran, Refused>, context: bool) -> Outcome {
    match ran {
        Ok(Ran { fault: Some(fault), .. }) => panic!("{fault}"),
        Ok(ran) => Ok((ran.retval, ran.data_out, context.then(|| words(ran.ctx_out)))),
        Err(refused) => Err(refused.errno.number()),
    }
}

#[test]
fn what_the_kernel_refuses_and_answers_is_what_the_library_does() {
    let Some(()) = need::kernel("what_the_kernel_refuses_and_answers_is_what_the_library_does") else {
        return;
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf-vm/objects/v3/adjust.o");
    let mut object = Ebpf::load("adjust.o", &std::fs::read(path).unwrap()).unwrap();
    let programs: Vec<Program> = object.machine().programs().map(|(_, _, program)| program.clone()).collect();
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for program in &programs {
        let kernel = kernel(program);
        let mut random = Random(7);
        for call in 0..CALLS {
            let size = size(&mut random);
            let data: Vec<u8> = (0..size).map(|at| (at as usize * 7 + call) as u8).collect();
            let ctx = context(&mut random, size);
            let (repeat, room) = (random.below(4) as u32, random.pick(&[100_000, 100_000, 100_000, 64]));
            let full = FullRun { data: &data, context: ctx.map(words), repeat, room };
            let there = kernel.full_run(&full);
            let there = there
                .map(|(ran, context)| (ran.verdict, ran.data, ctx.map(|_| context)))
                .map_err(|error| error.errno().map_or(-1, |errno| errno.number()));
            let run = TestRun {
                data_in: &data,
                ctx_in: ctx,
                repeat,
                data_size_out: Some(room as u32),
                ..TestRun::default()
            };
            let here = model(object.program(&program.name).unwrap().test_run(run), ctx.is_some());
            let what =
                format!("{} call {call}: {size} bytes, {ctx:?}, repeat {repeat}, room {room}", program.name);
            assert!(here == there, "{what}\nhere  {}\nthere {}", brief(&here), brief(&there));
            let outcome = here.map_or_else(|errno| format!("errno {errno}"), |_| "answered".into());
            *outcomes.entry(format!("{}: {outcome}", program.name)).or_default() += 1;
        }
    }
    println!("{outcomes:#?}");
    let answered = outcomes.iter().filter(|(name, _)| name.ends_with("answered")).map(|(_, count)| count);
    assert!(answered.sum::<u32>() > 1000, "{outcomes:?}");
    for errno in [12, 22, 28] {
        assert!(outcomes.keys().any(|name| name.ends_with(&format!("errno {errno}"))), "{outcomes:?}");
    }
}

/// Enough of an outcome to see the difference.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Ok((verdict, data, ctx)) => {
            let begin = &data[..data.len().min(24)];
            format!("verdict {verdict}, {} bytes {begin:x?}, context {ctx:x?}", data.len())
        }
        Err(errno) => format!("errno {errno}"),
    }
}
