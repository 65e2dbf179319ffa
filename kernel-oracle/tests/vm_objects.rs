//! The corpus and Debian's objects on the virtual machine, with every engine, and on the running kernel: the same
//! programs, packets and maps; verdicts, bytes, metadata and what the maps hold afterwards are the same.
//!
//! The kernel gets the instructions and maps that the virtual machine's loader found, so a loader's error shows as a
//! program that the verifier refuses or that does something else. What it takes only with the object's types
//! (callbacks, spin locks) is loaded by `aya`.
//!
//! Programs for devmap entries are loaded but not run, which the kernel does not do either. Maps that hold times or random
//! numbers are not compared ([`Special::but`]), nor are the contents of ring buffers (their positions are). What
//! `forward` and `mtu` do depends on routes and devices: `vm_helpers.rs` compares these helpers.
#![cfg(target_os = "linux")]

mod vm_draw;
mod vm_side;

use vm_draw::{Random, frames, packet};
use vm_side::{Counts, Loader, Sides, packaged};
use xdpsim_oracle::need;
use xdpsim_vm::load::{LoadOptions, Object};

const CPUS: [&str; 4] = ["v1", "v2", "v3", "v4"];
/// Packets through each program; `XDPSIM_OBJECT_PACKETS` in the environment wants more or fewer.
const PACKETS: u64 = 1000;

/// How an object is compared, if not as all others.
#[derive(Clone, Copy)]
struct Special {
    name: &'static str,
    /// The kernel must be given the object's types.
    typed: bool,
    /// Variables that are set before it is loaded.
    variables: &'static [(&'static str, &'static [u8])],
    /// Maps that hold times or random numbers.
    but: &'static [&'static str],
}

const PLAIN: Special = Special { name: "", typed: false, variables: &[], but: &[] };
const SPECIAL: [Special; 6] = [
    Special { name: "callbacks", typed: true, ..PLAIN },
    Special { name: "expiry", typed: true, ..PLAIN },
    Special { name: "extensions", typed: true, ..PLAIN },
    Special { name: "mixed", but: &["marks"], ..PLAIN },
    Special { name: "queues", but: &["free_ports"], ..PLAIN },
    // Every frame is a sample.
    Special { name: "sampling", variables: &[("one_in", &[1, 0, 0, 0])], ..PLAIN },
];
/// Tokens come one in a century.
const RATE_LIMIT: Special = Special {
    name: "rate_limit",
    typed: true,
    variables: &[("ns_per_token", &(1_u64 << 61).to_le_bytes())],
    but: &["buckets"],
};
/// Objects whose results depend on routes and devices.
const NOT_HERE: [&str; 2] = ["forward", "mtu"];

fn special(name: &str) -> Special {
    let found = SPECIAL.iter().chain([&RATE_LIMIT]).find(|special| special.name == name);
    found.copied().unwrap_or(PLAIN)
}

fn packets() -> u64 {
    std::env::var("XDPSIM_OBJECT_PACKETS").ok().and_then(|text| text.parse().ok()).unwrap_or(PACKETS)
}

fn load(name: &str, bytes: &[u8]) -> Object {
    Object::load(name, bytes, LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The corpus's names.
fn names() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf-vm/objects");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".bpf.c").map(str::to_owned)).collect();
    all.sort();
    all
}

/// Runs all programs of an object on both sides.
fn compare(name: &str, bytes: &[u8], special: &Special, more: &mut dyn FnMut(&mut Sides)) -> Counts {
    let mut object = load(name, bytes);
    for (variable, value) in special.variables {
        object.set_global(variable, value).unwrap_or_else(|error| panic!("{error}"));
    }
    let loader = if special.typed { Loader::Aya(special.variables) } else { Loader::Ours };
    let mut sides = Sides::new(&object, bytes, loader, special.but);
    more(&mut sides);
    sides.compare_maps(&object, special.but);
    sides.counts
}

fn drawn(sides: &mut Sides) {
    let random = &mut Random(11);
    for at in 0..packets() {
        let frame = if at % 4 == 0 { packet(random) } else { frames::frame(random) };
        assert!(sides.run(&frame), "refused: {frame:02x?}");
    }
}

#[test]
fn the_corpus_does_on_the_kernel_what_it_does_here() {
    let Some(()) = need::kernel("the_corpus_does_on_the_kernel_what_it_does_here") else { return };
    let mut counts = Counts::default();
    let only = std::env::var("XDPSIM_ONLY_OBJECT").ok();
    for name in names().iter().filter(|name| only.as_ref().is_none_or(|only| only == *name)) {
        for cpu in CPUS {
            let path = format!("{}/../ebpf-vm/objects/{cpu}/{name}.o", env!("CARGO_MANIFEST_DIR"));
            let Some(bytes) = std::fs::read(path).ok().filter(|_| !NOT_HERE.contains(&name.as_str())) else {
                continue;
            };
            counts.add(compare(&format!("{cpu}/{name}.o"), &bytes, &special(name), &mut drawn));
        }
    }
    need::compared(&format!("corpus: {counts}"));
    let whole = only.is_none() && packets() >= PACKETS;
    assert!(!whole || counts.objects >= 150 && counts.packets >= 150_000 && counts.elements > 10_000);
    assert!(!whole || (0..=4).all(|verdict| counts.verdicts[&verdict] > 1000), "{counts}");
}

/// xdpdump's other object traces programs' beginnings and ends: it has no XDP program.
const NO_XDP: &str = "xdpdump_bpf.o";

#[test]
fn packaged_objects_do_on_the_kernel_what_they_do_here() {
    let Some(objects) = packaged("packaged_objects_do_on_the_kernel_what_they_do_here") else { return };
    let mut counts = Counts::default();
    for (name, bytes) in objects {
        if name == NO_XDP {
            let refused = Object::load(&name, &bytes, LoadOptions::default()).unwrap_err().to_string();
            assert!(refused.contains("it has no XDP program, only others"), "{refused}");
            continue;
        }
        counts.add(compare(&name, &bytes, &PLAIN, &mut drawn));
    }
    need::compared(&format!("packaged objects: {counts}"));
}
