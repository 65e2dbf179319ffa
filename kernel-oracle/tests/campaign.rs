//! The campaign that every test run plays on the running kernel.

#![cfg(target_os = "linux")]

use std::time::Instant;

use xdpsim_oracle::campaign::{DataCampaign, campaign};
use xdpsim_oracle::model::Options;
use xdpsim_oracle::need;

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
}
