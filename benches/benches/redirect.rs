//! scratch
fn main() {
    use xdpsim_benches::workload::*;
    use xdpsim_benches::yardstick::*;
    use xdpsim_core::*;
    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(4_000_000);
    let only = std::env::args().nth(2).unwrap_or_default();
    let reps: usize = std::env::args().nth(3).and_then(|a| a.parse().ok()).unwrap_or(3);
    for traffic in [Traffic::Small, Traffic::Imix] {
        if !only.contains('I') && traffic == Traffic::Imix {
            continue;
        }
        let cap = traffic.capture(if traffic == Traffic::Small { n } else { n / 5 });
        let read = best_read(&cap, 5);
        let frames = if traffic == Traffic::Small { n } else { n / 5 } as u64;
        println!(
            "{traffic:?}: read {:.1} GB/s = {:.1} M frames/s",
            cap.len() as f64 / read.as_secs_f64() / 1e9,
            frames as f64 / read.as_secs_f64() / 1e6
        );
        let scan = best(reps, || {
            let mut s = xdpsim::runner::MemorySource::new(&cap, WINDOW).unwrap();
            let mut t = Default::default();
            while xdpsim::runner::Source::fill(&mut s, &mut t).unwrap() {}
        });
        println!("  scan only {:.1} M/s", frames as f64 / scan.as_secs_f64() / 1e6);
        for (k, w) in [
            ('u', Workload::UnicastOne),
            ('r', Workload::UnicastRandom(8)),
            ('b', Workload::Broadcast(8)),
            ('B', Workload::Broadcast(32)),
            ('v', Workload::VethOne),
            ('w', Workload::VethBroadcast(8)),
            ('W', Workload::VethBroadcast(32)),
            ('2', Workload::TwoQueues),
        ] {
            if !only.contains(k) {
                continue;
            }
            for (c, timing, path) in [
                ('a', Timing::Asap, Path::Auto),
                ('f', Timing::Asap, Path::FrameByFrame),
                ('c', Timing::Capture, Path::Auto),
            ] {
                if !only.contains(c) {
                    continue;
                }
                let plan = w.plan(path);
                let t = best(reps, || {
                    let f = replay_quietly(&plan, &cap, timing, 1, true);
                    assert!(f.report.is_balanced());
                });
                let mut two = String::new();
                if w == Workload::TwoQueues {
                    let t2 = best(reps, || {
                        let _ = replay_quietly(&plan, &cap, timing, 2, true);
                    });
                    two = format!(" two threads x{:.2}", t.as_secs_f64() / t2.as_secs_f64());
                }
                println!(
                    "  {:32} {:?} {:?}: {:.1} M frames/s {:.0} M copies/s = {:.1} % {}",
                    w.name(),
                    timing,
                    path,
                    frames as f64 / t.as_secs_f64() / 1e6,
                    (frames * w.copies()) as f64 / t.as_secs_f64() / 1e6,
                    100.0 * read.as_secs_f64() / t.as_secs_f64(),
                    two
                );
            }
        }
    }
}
