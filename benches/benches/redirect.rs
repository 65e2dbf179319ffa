//! `cargo bench -p xdpsim-benches`: the redirect path, in frames.
//!
//! For a look at what a change does. The figures with their targets, measured against the memory
//! bandwidth of the same moment, are `cargo run --release -p xdpsim-benches --bin figures`.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use xdpsim_benches::yardstick::read_all;
use xdpsim_benches::{Case, Output, Traffic, Workload};

/// Larger than the caches of common machines: 40 MB, and 75 MB of IMIX.
const SMALL: u64 = 500_000;
const IMIX: u64 = 200_000;
/// Frames of which every copy is compared with the frame path.
const PREFIX: u64 = 5_000;

const UNICAST: Workload = Workload::UnicastOne;
const PER_FRAME: Workload = Workload::UnicastPerFrame;
const RANDOM: Workload = Workload::UnicastRandom(8);
const BROADCAST: [Workload; 2] = [Workload::Broadcast(8), Workload::Broadcast(32)];

/// A capture, how many frames it holds, and its first few.
struct Capture {
    bytes: Vec<u8>,
    frames: u64,
    prefix: Vec<u8>,
}

impl Capture {
    fn new(traffic: Traffic, frames: u64) -> Self {
        Self { bytes: traffic.capture(frames), frames, prefix: traffic.capture(PREFIX) }
    }

    /// Checks each case once, then measures it.
    fn bench(&self, c: &mut Criterion, group: &str, cases: &[Case]) {
        let mut group = self.group(c, group);
        for case in cases {
            let prepared = case.prepare();
            prepared.check_prefix(&self.prefix, PREFIX);
            prepared.check(&prepared.run(&self.bytes), self.frames);
            group.bench_function(case.name(), |b| b.iter(|| prepared.run(black_box(&self.bytes))));
        }
        group.finish();
    }

    fn group<'a>(&self, c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements(self.frames));
        group
    }

    fn yardstick(&self, c: &mut Criterion, name: &str) {
        let mut group = self.group(c, "yardstick");
        group.bench_function(name, |b| b.iter(|| read_all(black_box(&self.bytes))));
        group.finish();
    }
}

fn small(c: &mut Criterion) {
    let capture = Capture::new(Traffic::Small, SMALL);
    capture.yardstick(c, "read 64-byte frames from memory");
    let plain = [UNICAST, PER_FRAME, RANDOM, BROADCAST[0], BROADCAST[1]].map(Case::small);
    capture.bench(c, "polls of 64", &plain);
    let veth = [Workload::VethOne, Workload::VethBroadcast(8), Workload::VethBroadcast(32)];
    capture.bench(c, "veth", &veth.map(Case::small));
    let alone = [UNICAST, PER_FRAME, BROADCAST[0]].map(|workload| Case::small(workload).polls_of_one());
    capture.bench(c, "polls of one", &alone);
    let costly = [UNICAST, PER_FRAME, BROADCAST[0], BROADCAST[1]].map(Case::small);
    capture.bench(c, "ledger off", &costly.map(|case| case.keeping(Output::Nothing)));
    capture.bench(c, "events on", &costly.map(|case| case.keeping(Output::Events)));
    let slow =
        [UNICAST, RANDOM, BROADCAST[0], BROADCAST[1]].map(|workload| Case::small(workload).frame_by_frame());
    capture.bench(c, "frame path", &slow);
    let queues = Case::small(Workload::TwoQueues);
    capture.bench(c, "two RX queues", &[queues, queues.on_threads(2)]);
}

fn imix(c: &mut Criterion) {
    let capture = Capture::new(Traffic::Imix, IMIX);
    capture.yardstick(c, "read IMIX from memory");
    let cases = [UNICAST, BROADCAST[0]].map(|workload| Case::new(Traffic::Imix, workload));
    capture.bench(c, "IMIX", &cases);
}

criterion_group!(benches, small, imix);
criterion_main!(benches);
