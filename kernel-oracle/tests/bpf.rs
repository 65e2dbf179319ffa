//! The raw layer works on this machine's kernel: maps, loads, refusals with the verifier's words, runs.

use std::os::fd::AsFd;

use xdpsim_devmap::Errno;
use xdpsim_oracle::bpf::asm::{Alu, Asm, Cond, Helper, Insn, R0, R1, R2, R3, R6, R10, Size};
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, map_type, prog_type};
use xdpsim_oracle::need;

const FRAME: [u8; 60] = [7; 60];

fn assemble(write: impl FnOnce(&mut Asm)) -> Vec<Insn> {
    let mut asm = Asm::new();
    write(&mut asm);
    asm.finish().expect("every label is bound")
}

fn array(max_entries: u32) -> Map {
    Map::create(&MapCreate::new(map_type::ARRAY, 4, 4, max_entries, "numbers")).expect("a plain array")
}

#[test]
fn a_map_is_written_read_and_walked() {
    let Some(()) = need::kernel("a_map_is_written_read_and_walked") else { return };
    let map = array(2);
    map.set(1, 77).expect("in range");
    let mut value = [0; 4];
    map.lookup(&1u32.to_ne_bytes(), &mut value).expect("in range");
    assert_eq!(u32::from_ne_bytes(value), 77);
    let mut next = [0; 4];
    map.next_key(None, &mut next).expect("not empty");
    assert_eq!(next, 0u32.to_ne_bytes());
    map.next_key(Some(&next.clone()), &mut next).expect("a second");
    assert_eq!(next, 1u32.to_ne_bytes());
    let end = map.next_key(Some(&next.clone()), &mut next).expect_err("the last");
    assert_eq!((end.errno(), end.command), (Some(Errno::ENOENT), "BPF_MAP_GET_NEXT_KEY"));
    let facts = map.facts().expect("an open descriptor");
    assert_eq!((facts.map_type, facts.key_size, facts.max_entries), (map_type::ARRAY, 4, 2));
    assert_eq!(Ok(facts.id), map.id());
    assert!(Map::on_closed_fd().iter().all(|error| error.and_then(|e| e.errno()) == Some(Errno::EBADF)));
}

#[test]
fn every_instruction_computes_what_it_says() {
    let Some(()) = need::kernel("every_instruction_computes_what_it_says") else { return };
    let steps: [(Alu, u32, u32, u32); 11] = [
        (Alu::Add, 7, 5, 12),
        (Alu::Sub, 7, 5, 2),
        (Alu::Mul, 7, 5, 35),
        (Alu::Div, 17, 5, 3),
        (Alu::Or, 6, 1, 7),
        (Alu::And, 7, 5, 5),
        (Alu::Shl, 7, 5, 224),
        (Alu::Shr, 224, 5, 7),
        (Alu::Mod, 17, 5, 2),
        (Alu::Xor, 6, 3, 5),
        (Alu::Mov, 7, 5, 5),
    ];
    for (op, a, b, result) in steps {
        let by_number = assemble(|asm| {
            asm.mov(R0, a as i32).alu(op, R0, b as i32).exit();
        });
        let by_register = assemble(|asm| {
            asm.mov(R0, a as i32).mov64(R2, u64::from(b)).alu_reg(op, R0, R2).exit();
        });
        for insns in [by_number, by_register] {
            let prog = Prog::load(&ProgLoad::xdp("alu", &insns)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(prog.test_run(&FRAME).expect("60 bytes").verdict, result, "{op:?}");
        }
    }
}

type Compare = fn(i32, i32) -> bool;

#[test]
fn jumps_go_where_they_should() {
    let Some(()) = need::kernel("jumps_go_where_they_should") else { return };
    let compare: [(Cond, Compare); 6] = [
        (Cond::Eq, |a, b| a == b),
        (Cond::Ne, |a, b| a != b),
        (Cond::Gt, |a, b| a > b),
        (Cond::Ge, |a, b| a >= b),
        (Cond::Lt, |a, b| a < b),
        (Cond::Le, |a, b| a <= b),
    ];
    for (cond, expected) in compare {
        for (a, b) in [(1, 2), (2, 2), (3, 2)] {
            let insns = assemble(|asm| {
                let (yes, also, no) = (asm.label(), asm.label(), asm.label());
                asm.mov(R2, a).mov(R3, b).jump_if(cond, R2, R3, yes).jump(no);
                asm.bind(yes).jump_if_imm(cond, R2, b, also);
                asm.bind(no).ret(0).bind(also).ret(1);
            });
            let prog = Prog::load(&ProgLoad::xdp("jumps", &insns)).unwrap_or_else(|error| panic!("{error}"));
            let verdict = prog.test_run(&FRAME).expect("60 bytes").verdict;
            assert_eq!(verdict == 1, expected(a, b), "{a} {cond:?} {b}");
        }
    }
}

/// A dispatcher calls what is in its slot, and goes on if there is nothing.
#[test]
fn a_tail_call_takes_the_program_of_the_slot() {
    let Some(()) = need::kernel("a_tail_call_takes_the_program_of_the_slot") else { return };
    let table = Map::create(&MapCreate::new(map_type::PROG_ARRAY, 4, 4, 1, "table")).expect("a table");
    let insns = assemble(|asm| {
        asm.map(R2, table.as_fd()).mov(R3, 0).call(Helper::TailCall).ret(2);
    });
    let dispatcher = Prog::load(&ProgLoad::xdp("dispatcher", &insns)).expect("a right program");
    assert_eq!(dispatcher.test_run(&FRAME).expect("60 bytes").verdict, 2);
    let insns = assemble(|asm| {
        asm.ret(0xffff_fffe);
    });
    let odd = Prog::load(&ProgLoad::xdp("odd", &insns)).expect("any verdict can be loaded");
    table.set_fd(0, odd.as_fd()).expect("the same type");
    assert_eq!(dispatcher.test_run(&FRAME).expect("60 bytes").verdict, 0xffff_fffe);
    table.delete(&[0; 4]).expect("it is there");
    assert_eq!(dispatcher.test_run(&FRAME).expect("60 bytes").verdict, 2);
}

#[test]
fn a_program_reads_and_writes_map_and_stack() {
    let Some(()) = need::kernel("a_program_reads_and_writes_map_and_stack") else { return };
    let map = array(1);
    let insns = assemble(|asm| {
        let none = asm.label();
        asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4);
        asm.map(R1, map.as_fd()).call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, none);
        asm.mov_reg(R6, R0).load(Size::W, R0, R6, 0).add(R0, 1).store(Size::W, R6, 0, R0).exit();
        asm.bind(none).ret(0);
    });
    let prog = Prog::load(&ProgLoad::xdp("counts", &insns)).unwrap_or_else(|error| panic!("{error}"));
    for run in 1..=3 {
        assert_eq!(prog.test_run(&FRAME).expect("60 bytes").verdict, run);
    }
    let mut value = [0; 4];
    map.lookup(&[0; 4], &mut value).expect("an array");
    assert_eq!(u32::from_ne_bytes(value), 3);
}

#[test]
fn a_refusal_carries_the_verifiers_words() {
    let Some(()) = need::kernel("a_refusal_carries_the_verifiers_words") else { return };
    let insns = assemble(|asm| {
        asm.load(Size::W, R0, R1, 24).exit();
    });
    let error = Prog::load(&ProgLoad::xdp("reads_beyond", &insns)).expect_err("xdp_md has 24 bytes");
    assert_eq!(error.error.errno(), Some(Errno::EACCES));
    assert!(error.log.contains("invalid bpf_context access off=24 size=4"), "{error}");
    let unbound = {
        let mut asm = Asm::new();
        let nowhere = asm.label();
        asm.jump(nowhere);
        asm.finish()
    };
    assert!(unbound.is_err_and(|error| error.to_string().contains("instruction 0")));
}

#[test]
fn programs_have_facts() {
    let Some(()) = need::kernel("programs_have_facts") else { return };
    let insns = assemble(|asm| {
        asm.ret(2);
    });
    let xdp = Prog::load(&ProgLoad::devmap("entry", &insns)).expect("a right program").facts();
    let filter =
        ProgLoad { prog_type: prog_type::SOCKET_FILTER, attach_type: 0, ..ProgLoad::xdp("f", &insns) };
    let filter = Prog::load(&filter).expect("a right program").facts();
    assert_eq!(xdp.map(|facts| (facts.prog_type, facts.id > 0)), Ok((prog_type::XDP, true)));
    assert_eq!(filter.map(|facts| facts.prog_type), Ok(prog_type::SOCKET_FILTER));
}
