//! The campaign that every test run plays on the running kernel.

#![cfg(target_os = "linux")]

use std::time::Instant;

use xdpsim_oracle::campaign::{DataCampaign, campaign};
use xdpsim_oracle::model::Options;
use xdpsim_oracle::need;

/// Cases in generic mode that every test run plays: a few seconds.
const GENERIC_CASES: u64 = 1_500;

#[test]
fn model_and_kernel_agree_on_the_data_path() {
    let Some(()) = need::kernel("campaign::data_path") else { return };
    let cases = std::env::var("XDPSIM_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let seed = std::env::var("XDPSIM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let what = DataCampaign::new(cases, seed, Options::host().unwrap());
    let begin = Instant::now();
    let report = match campaign(&what, &mut |_| {}) {
        Ok(report) => report,
        Err(failure) => panic!("{failure}"),
    };
    println!("{} cases in {:?}", report.cases, begin.elapsed());
    println!("{}", report.exercised);
    assert_eq!(report.cases, cases, "cases");
    if cases >= 10_000 {
        assert!(report.sockets >= 3_000, "cases by sockets: {}", report.sockets);
        assert!(report.bursts >= 2_000, "cases with bursts: {}", report.bursts);
        assert!(report.differences >= 1_000, "triples: {}", report.differences);
        let rare: Vec<_> = report.exercised.rare().collect();
        assert!(rare.is_empty(), "clauses that were exercised fewer than 20 times: {rare:?}");
    }
}

/// In most houses' ports programs run in generic mode, beside native ones.
///
/// Rule: GEN-01.a, GEN-02.a, GEN-02.b, GEN-03.a, GEN-04.a, GEN-04.b, GEN-05.a, GEN-05.c, GEN-06.a, GEN-06.b
/// Rule: GEN-07.a, GEN-10.a, GEN-12.a, GEN-13.a, HLP-20.f, HLP-21.d, BRD-08.g
#[test]
fn model_and_kernel_agree_in_generic_mode() {
    let Some(()) = need::kernel("campaign::generic_mode") else { return };
    let cases =
        std::env::var("XDPSIM_GENERIC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(GENERIC_CASES);
    let seed = std::env::var("XDPSIM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let what = DataCampaign::generic(cases, seed, Options::host().unwrap());
    let begin = Instant::now();
    let report = match campaign(&what, &mut |_| {}) {
        Ok(report) => report,
        Err(failure) => panic!("{failure}"),
    };
    let exercised = report.exercised.only_generic();
    println!("{} cases in {:?}", report.cases, begin.elapsed());
    println!("{exercised}");
    assert_eq!(report.cases, cases, "cases");
    if cases >= GENERIC_CASES {
        let rare: Vec<_> = exercised.rare().filter(|&(_, times)| times < 10).collect();
        assert!(rare.is_empty(), "clauses that were exercised fewer than 10 times: {rare:?}");
    }
}
