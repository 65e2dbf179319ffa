//! `xdpsim replay --object bench_lookup.o` as a whole: a capture of 64-byte frames through the engine, with the JIT.
//!
//! The capture is in memory and larger than caches; one thread reads its record headers, runs the program on every frame,
//! queues and flushes, and keeps the books. What it may take depends on the memory: the rate at which one core reads the
//! same capture stands beside it.

use xdpsim::object::{OnPorts, Options, Source, on_ports};
use xdpsim::runner::Settings;
use xdpsim::scenario::{Contents, Source as Text};
use xdpsim_benches::workload::replay;
use xdpsim_benches::yardstick::{best, best_read};
use xdpsim_core::fate::Fate;
use xdpsim_core::{NullSink, Plan, Timing};
use xdpsim_vm::Engine;

use super::report::judged_rate;
use super::traffic::{Kind, PORTS};

/// Frames of the capture: 160 MB with their record headers.
const FRAMES: usize = 2_000_000;
/// Of how many runs the best one counts.
const RUNS: usize = 7;
/// Frames a second, in millions, that are wanted where one core reads so many GB a second; between them it is linear.
const TARGETS: [(f64, f64); 2] = [(14.0, 18.0), (30.0, 35.0)];

/// A classic pcap of these frames, over and over.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    const HEADER: [u32; 6] = [0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 1 << 18, 1];
    let mut all = HEADER.map(u32::to_le_bytes).concat();
    for (number, frame) in (0..FRAMES as u32).zip(frames.iter().cycle()) {
        let len = frame.len() as u32;
        all.extend(
            [number / 1_000_000, number % 1_000_000 * 1000, len, len].map(u32::to_le_bytes).as_flattened(),
        );
        all.extend(frame);
    }
    all
}

/// The routes that both sides of the other figures have.
fn routes() -> String {
    let mut text = String::new();
    for (map, key, value) in Kind::Lookup.contents() {
        let key: Vec<String> = key.iter().map(u8::to_string).collect();
        let port = u32::from_le_bytes([value[0], value[1], value[2], value[3]]);
        let line =
            format!("[[maps.{map}]]\nkey = \"{}\"\nvalue = {{ port = {port}, mtu = 1500 }}\n", key.join("."));
        text.push_str(&line);
    }
    text
}

fn plan(engine: Engine) -> Plan {
    let contents = Text::from_bytes("routes.toml", routes().as_bytes());
    let contents = Contents::read(&contents).unwrap_or_else(|problems| panic!("{problems}"));
    let case = OnPorts { ports: PORTS, contents: Some(contents), ..OnPorts::default() };
    let source = Source { name: "bench_lookup.o".into(), bytes: Kind::Lookup.bytes().into(), program: None };
    let options = Options { engine, ..Options::default() };
    let ready = on_ports(&source, &case, &options).unwrap_or_else(|error| panic!("{error}"));
    Plan::with_programs(&ready.scenario, ready.code).unwrap_or_else(|error| panic!("{error}"))
}

/// Measures and prints it.
pub fn print() {
    let frames = Kind::Lookup.frames();
    let capture = capture(&frames);
    let settings = Settings { timing: Timing::Asap, threads: 1, ledger: true };
    let run = |plan: &Plan| replay(plan, &capture, &settings, &|_| NullSink, &mut |_| ());
    let read = capture.len() as f64 / best_read(&capture, RUNS).as_secs_f64() / 1e9;
    println!(
        "replay of {FRAMES} frames of 64 bytes through lookup, engine included; one core reads {read:.1} GB/s"
    );
    let mut delivered = None;
    for engine in [Engine::Jit, Engine::Interpreter] {
        let plan = plan(engine);
        let report = run(&plan).report;
        assert!(report.is_balanced(), "the books do not balance");
        let count = *delivered.get_or_insert(report.count(Fate::Delivered));
        assert!(count > FRAMES as u64 * 9 / 10, "most frames have a route: {count}");
        assert_eq!(report.count(Fate::Delivered), count, "{engine}");
        let rate = FRAMES as f64 / best(RUNS, || drop(run(&plan))).as_secs_f64() / 1e6;
        let of_read = rate * 80e6 / (read * 1e9) * 100.0;
        let target = if engine == Engine::Jit { judged_rate(rate, wanted(read)) } else { String::new() };
        println!(
            "replay   {engine:11} {rate:7.1} M frames/s, {of_read:.0} % of reading the capture  {target}"
        );
    }
}

/// What is wanted of a machine that reads so fast.
fn wanted(read: f64) -> f64 {
    let [(slow, low), (fast, high)] = TARGETS;
    if read < slow {
        return low * read / slow;
    }
    low + (high - low) * (read.min(fast) - slow) / (fast - slow)
}
