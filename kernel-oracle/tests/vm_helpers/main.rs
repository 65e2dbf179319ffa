//! Helpers: the same calls on the engines of the virtual machine and on the running kernel; results, packets and maps
//! afterwards are the same. Arguments are drawn from fixed seeds; many of them are refused.
//!
//! Left out is what has no arguments or depends on the machine: times, random numbers, the CPU's number. What helpers do
//! with events that somebody listens to, and with text that is printed, is compared by their results alone.
#![cfg(target_os = "linux")]

mod callbacks;
mod code;
mod maps;
mod net;
mod packet;
mod pair;
mod text;
#[path = "../vm_draw/mod.rs"]
mod vm_draw;

use std::collections::BTreeMap;

use xdpsim_oracle::need;
use xdpsim_oracle::net::allow_cpus;
use xdpsim_vm::helpers::names;

/// Tuples of arguments of each helper that must have been compared.
const TUPLES: u32 = 500;
/// One of so many must be an error.
const ERRORS: u32 = 5;
/// Helpers whose errors the verifier sees, or that have none.
/// (`bpf_csum_diff` has none since 6.13.)
const WITHOUT_ERRORS: [i32; 7] = [28, 93, 94, 134, 165, 182, 188];

/// How often each helper was called, and with how many errors.
#[derive(Default)]
pub struct Counts(BTreeMap<i32, [u32; 2]>);

impl Counts {
    /// Adds calls with their results.
    pub fn add(&mut self, called: &[i32], results: &[i64], is_error: impl Fn(i64) -> bool) {
        for (helper, result) in called.iter().zip(results) {
            let [tuples, errors] = self.0.entry(*helper).or_default();
            *tuples += 1;
            *errors += u32::from(is_error(*result));
        }
    }

    /// Prints what was counted, and says whether it is enough.
    fn check(&self, which: &str) {
        for (helper, [tuples, errors]) in &self.0 {
            let name = names::name(helper.cast_unsigned()).unwrap_or("?");
            need::compared(&format!(
                "helpers, {which}: bpf_{name}: {tuples} tuples, {errors} errors, on both alike"
            ));
        }
        for (helper, [tuples, errors]) in &self.0 {
            let enough = errors * ERRORS >= *tuples || WITHOUT_ERRORS.contains(helper);
            assert!(*tuples >= TUPLES && enough, "helper {helper}: {tuples} tuples, {errors} errors");
        }
    }
}

fn compare(test: &str, helpers: usize, play: impl FnOnce(&mut Counts)) {
    let Some(()) = need::kernel(test) else { return };
    // What programs do to a CPU's values, they do to the first one's.
    allow_cpus(&[0]).unwrap();
    let mut counts = Counts::default();
    play(&mut counts);
    counts.check(test);
    assert_eq!(counts.0.len(), helpers, "helpers that were compared");
}

#[test]
fn packet_helpers_answer_as_the_kernels() {
    compare("packet_helpers_answer_as_the_kernels", 6, packet::play);
}

#[test]
fn checksums_text_and_probes_answer_as_the_kernels() {
    compare("checksums_text_and_probes_answer_as_the_kernels", 9, text::play);
}

#[test]
fn map_helpers_answer_as_the_kernels() {
    compare("map_helpers_answer_as_the_kernels", 13, maps::play);
}

#[test]
fn callbacks_and_locks_answer_as_the_kernels() {
    compare("callbacks_and_locks_answer_as_the_kernels", 4, callbacks::play);
}

#[test]
fn routes_and_lengths_answer_as_the_kernels() {
    compare("routes_and_lengths_answer_as_the_kernels", 2, net::play);
}
