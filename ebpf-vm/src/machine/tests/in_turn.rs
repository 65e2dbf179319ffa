//! Runs that follow each other.

use super::{EXIT, Nowhere, call, load, map, map_to, mov, object, program, spec};
use crate::engine::{Engine, Runs, UseRuns};
use crate::fault::Fault;
use crate::insn::Insn;
use crate::machine::Machine;

const FRAME: usize = 60;

/// Frames of equal length.
struct InTurn<'a>(&'a [[u8; FRAME]]);

/// Verdict or fault, and the frame if it was touched.
type Shown = (Result<u32, Box<Fault>>, Option<Vec<u8>>);

impl<W> UseRuns<W> for InTurn<'_> {
    type Out = Vec<Shown>;

    fn use_runs(self, runs: &mut impl Runs<W>) -> Vec<Shown> {
        let run = |frame: &[u8; FRAME]| {
            let ended = runs.run_like_last(frame).unwrap_or_else(|| {
                runs.packet_in(frame, 0, 256, 320);
                runs.run()
            });
            let packet = runs.memory().packet();
            let touched = packet.is_dirty() || ended.is_err();
            let verdict = ended.map(|ended| ended.verdict().expect("nothing is kept"));
            (verdict, touched.then(|| packet.frame().to_vec()))
        };
        self.0.iter().map(run).collect()
    }
}

/// Frames that begin with their number as a word, and go on with it.
fn frames() -> Vec<[u8; FRAME]> {
    (0..20).map(|number| std::array::from_fn(|at| if (1..4).contains(&at) { 0 } else { number })).collect()
}

/// What all engines show, of a program that begins with `r6 = ctx; r2 = ctx->data`.
fn on_all_engines(rest: &[Insn]) -> Vec<Shown> {
    let begin = [
        Insn { code: 0xbf, dst: 6, src: 1, ..Insn::default() },
        Insn { code: 0x61, dst: 2, src: 1, ..Insn::default() },
    ];
    let insns = [&begin, rest].concat();
    let object = object("reads.o", vec![program("reads", insns)], vec![map("table", spec(1, 4, 4, 16))]);
    let mut all = Engine::ALL.iter().map(|&engine| {
        let mut machine = Machine::builder().object(object.clone()).engine(engine).build().unwrap();
        let table = machine.map("table").unwrap();
        for key in 0..16 {
            machine.update(table, &[key, 0, 0, 0], &[100 + key, 0, 0, 0], 0).unwrap();
        }
        let program = machine.program("reads").unwrap();
        (engine, machine.with_runs(program, Default::default(), &mut Nowhere, InTurn(&frames())))
    });
    let (_, expected) = all.next().unwrap();
    all.for_each(|(engine, shown)| assert_eq!(shown, expected, "{engine}"));
    expected
}

/// A helper that finds its key in a packet, which the program itself only reads.
#[test]
fn keys_in_packets_are_those_of_the_current_one() {
    let if_found = Insn { code: 0x15, off: 1, ..Insn::default() };
    let shown = on_all_engines(&[&map_to(1, 0)[..], &[call(1), if_found, load(0, 0), EXIT]].concat());
    let verdicts: Vec<u32> = shown.into_iter().map(|(verdict, _)| verdict.unwrap()).collect();
    assert_eq!(verdicts, (100..116).chain([0; 4]).collect::<Vec<_>>());
}

/// A helper moves the packet, and the program goes on reading: the first byte before, then the one after.
#[test]
fn packets_that_helpers_move_are_read_on() {
    const ADJUST_HEAD: i32 = 44;
    let shown = on_all_engines(&[
        Insn { code: 0x71, dst: 7, src: 2, ..Insn::default() },
        mov(2, 4),
        call(ADJUST_HEAD),
        Insn { code: 0x61, dst: 2, src: 6, ..Insn::default() },
        Insn { code: 0x71, dst: 0, src: 2, ..Insn::default() },
        Insn { code: 0x67, dst: 7, imm: 8, ..Insn::default() },
        Insn { code: 0x4f, dst: 0, src: 7, ..Insn::default() },
        EXIT,
    ]);
    for (number, (verdict, frame)) in (0..).zip(shown) {
        assert_eq!(verdict, Ok(number << 8 | number));
        assert_eq!(frame.unwrap(), [number as u8; FRAME - 4]);
    }
}

/// After a fault, memory has the packet that it happened with.
#[test]
fn faults_happen_with_the_current_packet() {
    let first = Insn { code: 0x71, src: 2, ..Insn::default() };
    let shown = on_all_engines(&[first, load(2, FRAME as i16 - 2), EXIT]);
    for ((verdict, frame), own) in shown.into_iter().zip(frames()) {
        assert!(verdict.is_err());
        assert_eq!(frame.unwrap(), own);
    }
}
