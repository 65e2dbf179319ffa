//! Helpers that move the packet's bounds or copy its bytes.

use super::Counts;
use super::code::{Arg, Code};
use super::pair::{Pair, ROOM};
use super::vm_draw::Random;

/// Programs, each of up to four calls.
const PROGRAMS: usize = 2000;

const HEAD: i32 = 44;
const META: i32 = 54;
const TAIL: i32 = 65;
const LEN: i32 = 188;
const LOAD: i32 = 189;
const STORE: i32 = 190;

/// Arguments near what matters: nothing, the headroom, the frame, the page, the limits of lengths.
fn argument(random: &mut Random, helper: i32, frame: i64) -> i64 {
    let small = random.below(9) as i64 - 4;
    match helper {
        HEAD => random.pick(&[0, -216, -256, frame - 14, frame, 4 * small, -8]) + random.pick(&[0, 0, small]),
        META => random.pick(&[0, -4, -8, -216, -252, -256, 4]) + random.pick(&[0, 0, small]),
        TAIL => random.pick(&[0, i64::from(ROOM) - frame, 14 - frame, -frame, 16]) + random.pick(&[0, small]),
        _ => random.pick(&[0, 0, frame / 2, frame - 8, frame, 0xffff, 0x10000]) + random.pick(&[0, small]),
    }
}

pub fn play(counts: &mut Counts) {
    let random = &mut Random(3);
    let mut pair = Pair::new(&[]);
    for _ in 0..PROGRAMS {
        let frame: Vec<u8> = (0..14 + random.below(120)).map(|at| at as u8).collect();
        let bytes: Vec<u8> = (0..64).map(|_| random.next() as u8).collect();
        pair.fill(&bytes);
        let (mut code, mut called) = (Code::new(), Vec::new());
        for _ in 0..=random.below(4) {
            let helper = random.pick(&[HEAD, META, TAIL, LEN, LOAD, STORE]);
            let number = Arg::Num(argument(random, helper, frame.len() as i64));
            let len = Arg::Num(1 + random.below(64) as i64);
            let args = [Arg::Ctx, number, Arg::Page(0), len];
            code.call(helper, if helper == LOAD || helper == STORE { &args } else { &args[..2] }).keep();
            called.push(helper);
        }
        let said = pair.run(&code.end(), &frame).expect("the verifier takes these calls");
        counts.add(&called, &said.results(called.len()), |result| result < 0);
    }
}
