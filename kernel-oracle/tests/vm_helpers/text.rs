//! Helpers of bytes and text: checksums, probes, numbers, comparisons, formats.

use super::Counts;
use super::code::{Arg, Code};
use super::pair::{Pair, spec};
use super::vm_draw::Random;

/// Programs of each helper.
const PROGRAMS: usize = 550;

const TRACE_PRINTK: i32 = 6;
const CSUM_DIFF: i32 = 28;
const STRTOL: i32 = 105;
const STRTOUL: i32 = 106;
const PROBE: i32 = 113;
const PROBE_STR: i32 = 115;
const SNPRINTF: i32 = 165;
const TRACE_VPRINTK: i32 = 177;
const STRNCMP: i32 = 182;

/// Programs may only read it.
const RDONLY_PROG: u32 = 1 << 7;
/// Where constants begin in the page of inputs, for what is text.
const TEXT: u32 = 256;
/// The number of the map of constants.
const CONSTANTS: u32 = 1;

pub fn play(counts: &mut Counts) {
    let random = &mut Random(11);
    checksums(random, counts);
    probes(random, counts);
    numbers(random, counts);
    constants(random, counts);
    prints(random, counts);
}

fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    let sparse = random.below(4) == 0;
    (0..len).map(|_| if sparse { random.pick(&[0, 0, 0xff]) } else { random.next() as u8 }).collect()
}

fn one(pair: &mut Pair, counts: &mut Counts, helper: i32, args: &[Arg]) {
    let insns = Code::new().call(helper, args).keep().end();
    if let Some(said) = pair.run(&insns, &[0; 64]) {
        counts.add(&[helper], &said.results(1), |result| result < 0);
    }
}

fn checksums(random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::new(&[]);
    for _ in 0..PROGRAMS {
        let page = bytes(random, 1024);
        pair.fill(&page);
        let mut size = || match random.below(4) {
            0 => random.below(64) as u32,
            1 => random.pick(&[0, 0, 4, 256, 512]),
            _ => 4 * random.below(64) as u32,
        };
        let (from, to) = (size(), size());
        let at = |random: &mut Random, len: u32| match len {
            0 => random.pick(&[Arg::Num(0), Arg::Page(8)]),
            len => Arg::Page(random.below(u64::from(1024 - len)) as u32),
        };
        let seed = match random.below(3) {
            0 => random.pick(&[0, 0xffff_ffff, 0xffff, 1]),
            _ => random.next() as i64,
        };
        let (old, new) = (at(random, from), at(random, to));
        let args = [old, Arg::Num(from.into()), new, Arg::Num(to.into()), Arg::Num(seed)];
        one(&mut pair, counts, CSUM_DIFF, &args);
    }
}

fn probes(random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::new(&[]);
    for helper in [PROBE, PROBE_STR] {
        for _ in 0..PROGRAMS {
            let mut page = bytes(random, 1024);
            page[900] = 0;
            pair.fill(&page);
            let from = match random.below(5) {
                0 => Arg::Num(random.pick(&[0, 1, 4096, 0x7fff_0000_0000, -1 << 46, -8, i64::MIN, 1 << 50])),
                _ => Arg::Page(512 + random.below(400) as u32),
            };
            let size = Arg::Num(random.below(70) as i64);
            one(&mut pair, counts, helper, &[Arg::Page(random.below(64) as u32), size, from]);
        }
    }
}

/// Text with numbers in it, and what looks like them.
fn number(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    let pieces: [&[u8]; 22] = [
        b" ",
        b"\t",
        b"-",
        b"+",
        b"0",
        b"0x",
        b"0X",
        b"7",
        b"12",
        b"8",
        b"9",
        b"f",
        b"FF",
        b"g",
        b"\0",
        b"z",
        b"9223372036854775807",
        b"9223372036854775808",
        b"18446744073709551615",
        b"18446744073709551616",
        b"7fffffffffffffff",
        b"0000000000000000000000000000000000000000000000000000000000000000",
    ];
    if random.below(3) == 0 {
        text.extend_from_slice(random.pick(&[&b" "[..], b"  \n", b"-", b" -", b"\xa0"]));
    }
    for _ in 0..=random.below(3) {
        text.extend_from_slice(random.pick(&pieces));
    }
    text
}

fn numbers(random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::new(&[]);
    for helper in [STRTOL, STRTOUL] {
        for _ in 0..PROGRAMS {
            let text = number(random);
            let mut page = vec![b'x'; TEXT as usize];
            page.extend_from_slice(&text);
            page.extend_from_slice(b"5\0");
            pair.fill(&page);
            let len = (text.len() as u64 + random.below(2)).saturating_sub(random.below(2)).max(1);
            let flags = random.pick(&[0, 0, 8, 10, 16, 16, 2, 32, 36, 1 << 40]);
            let args = [Arg::Page(TEXT), Arg::Num(len as i64), Arg::Num(flags), Arg::Page(64)];
            one(&mut pair, counts, helper, &args);
        }
    }
}

/// An argument of a format: a number, or the address of text. (Addresses as numbers are not the same on both sides.)
fn argument(random: &mut Random, address: bool) -> Arg {
    match random.below(3) {
        _ if address => Arg::Page(TEXT + random.below(300) as u32),
        0 => Arg::Num(random.pick(&[0, 1, -1, 65, 0x7fff_ffff, 0xffff_ffff, i64::MIN])),
        _ => Arg::Num(random.next() as i64),
    }
}

/// What addresses of text lead to: strings of up to 30 bytes.
fn texts() -> impl Iterator<Item = u8> {
    (0..400).map(|at| if at % 31 == 30 { 0 } else { b'a' + at as u8 % 26 })
}

/// A format, and which of its arguments are addresses. `fixed` leaves out pointers, of which a kernel prints a hash, and
/// what is refused.
fn format(random: &mut Random, fixed: bool) -> (Vec<u8>, Vec<bool>) {
    let conversions: [&str; 24] = [
        "d", "i", "u", "x", "X", "ld", "lu", "lx", "lld", "llu", "llx", "c", "s", "s", "pI4", "pi4", "pI6",
        "pi6", "px", "p", "pK", "q", "lc", "p9",
    ];
    let (mut text, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..=random.below(4) {
        text.extend_from_slice(random.pick(&["", "a", " = ", "%%", ", ", "\n", "\u{e9}"]).as_bytes());
        if random.below(5) > 0 {
            text.push(b'%');
            let width = random.pick(&["", "", "", "0", "-", "+", " ", "8", "08", "-12", "+5", "30"]);
            text.extend_from_slice(width.as_bytes());
            let conversion = random.pick(&conversions);
            // A hash is as long as chance wants, if it has a width.
            let hash = ["p", "pK"].contains(&conversion) && !["", "-", " "].contains(&width);
            let conversion = if hash { "px" } else { conversion };
            let conversion = if fixed && matches!(conversion, "q" | "lc" | "p9") { "d" } else { conversion };
            let address = ["s", "pI4", "pi4", "pI6", "pi6"].contains(&conversion);
            let pointer = conversion.starts_with('p') && !address;
            text.extend_from_slice(if fixed && pointer { b"x" } else { conversion.as_bytes() });
            addresses.push(address);
        }
        text.extend_from_slice(random.pick(&[" ", "", "-", "b", ":"]).as_bytes());
    }
    if !fixed && random.below(25) == 0 {
        text.push(random.pick(&[1, 0x7f, b'%']));
    }
    text.push(0);
    (text, addresses)
}

fn constants(random: &mut Random, counts: &mut Counts) {
    let strings = ["", "a", "ab", "abc", "abd", "abcdefgh", "\u{e9}t\u{e9}", "ABC"];
    for _ in 0..PROGRAMS / 10 {
        // A map of constants that nobody can change any more: of strings, or a format.
        let mut pair = Pair::new(&[spec(2, 4, 256, 1, RDONLY_PROG).into()]);
        let (mut constants, mut starts) = (Vec::new(), Vec::new());
        for string in strings {
            starts.push(constants.len() as u32);
            constants.extend_from_slice(string.as_bytes());
            constants.push(0);
        }
        let formats = constants.len() as u32;
        let (format, addresses) = format(random, true);
        constants.extend_from_slice(&format);
        constants.resize(256, 0);
        pair.update(CONSTANTS as usize, &[0; 4], &constants);
        pair.kernel[CONSTANTS as usize].freeze().unwrap();
        for _ in 0..12 {
            let mut page = bytes(random, 256);
            page[..8].copy_from_slice(random.pick(&[
                b"abc\0....",
                b"ab\0.....",
                b"abcdefgh",
                b"\xc3\xa9t.....",
            ]));
            page.extend(texts());
            pair.fill(&page);
            let second = Arg::Value(CONSTANTS, random.pick(&starts));
            let size = Arg::Num(1 + random.below(9) as i64);
            one(&mut pair, counts, STRNCMP, &[Arg::Page(0), size, second]);
        }
        for _ in 0..24 {
            print_to_page(random, &mut pair, counts, (formats, &addresses, format.contains(&b'p')));
        }
    }
}

/// `bpf_snprintf()` with arguments on the stack.
fn print_to_page(random: &mut Random, pair: &mut Pair, counts: &mut Counts, format: (u32, &[bool], bool)) {
    use super::code::insn;

    let count = random.pick(&[6, 6, 6, 6, 5, 4, 1, 0]);
    let mut code = Code::new();
    for at in 0..count {
        let address = format.1.get(at as usize) == Some(&true);
        code.set(1, argument(random, address));
        code.insns.push(insn(0x7b, 10, 1, -8 * (count - at), 0));
    }
    // Behind the end of what is kept, the kernel takes no address out of its arguments: what follows is chance.
    let size = if format.2 { 320 } else { random.pick(&[0, 1, 10, 60, 200]) };
    code.set(1, if size == 0 { Arg::Num(0) } else { Arg::Page(700) });
    code.set(2, Arg::Num(size))
        .set(3, Arg::Value(CONSTANTS, format.0))
        .set(5, Arg::Num(i64::from(count) * 8));
    if count == 0 {
        code.set(4, Arg::Num(0));
    } else {
        code.insns.extend([insn(0xbf, 4, 10, 0, 0), insn(0x07, 4, 0, 0, -8 * i32::from(count))]);
    }
    code.insns.push(insn(0x85, 0, 0, 0, SNPRINTF));
    let insns = code.keep().end();
    if let Some(said) = pair.run(&insns, &[0; 64]) {
        counts.add(&[SNPRINTF], &said.results(1), |result| result < 0);
    }
}

fn prints(random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::new(&[]);
    for _ in 0..PROGRAMS {
        let mut page = vec![0; TEXT as usize];
        let (format, addresses) = format(random, false);
        page[..format.len()].copy_from_slice(&format);
        page.extend(texts());
        page[128..224].fill_with(|| random.next() as u8);
        pair.fill(&page);
        // Sometimes without its end.
        let size = Arg::Num(format.len() as i64 - i64::from(random.below(20) == 0 && format.len() > 1));
        let [a, b, c] = [0, 1, 2].map(|at| argument(random, addresses.get(at) == Some(&true)));
        one(&mut pair, counts, TRACE_PRINTK, &[Arg::Page(0), size, a, b, c]);
        let len = random.pick(&[0, 8, 16, 24, 32, 40, 96, 104, 12]);
        let data = if len == 0 || random.below(20) == 0 { Arg::Num(0) } else { Arg::Page(120) };
        one(&mut pair, counts, TRACE_VPRINTK, &[Arg::Page(0), size, data, Arg::Num(len)]);
    }
}
