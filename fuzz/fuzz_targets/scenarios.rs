//! Scenario files from anywhere: read, built and shown without panic, in bounded memory.
//!
//! Seeds are the examples. A scenario that is fine is run with a few frames: the books balance.

#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use xdpsim::capture::synth::{Sizes, Synth};
use xdpsim::runner::{MemorySource, Settings, run};
use xdpsim::scenario::{CheckOutcome, Colour, PROBLEMS_MAX, Source, check_source};
use xdpsim_core::{DevId, NullSink, Plan, Scenario, Timing};

/// Frames come in on the first port, whatever the scenario says.
fn play(scenario: &Scenario, timing: Timing) {
    let plan = Plan::new(scenario).expect("check builds it too");
    let capture = Synth { frames: 70, sizes: Sizes::Imix, ..Synth::default() }.to_vec();
    let mut source = MemorySource::new(&capture, 4096).expect("a capture");
    let settings = Settings { timing, ..Settings::default() };
    let mut ignore = |_, _| Ok::<(), Infallible>(());
    let Ok(finished) = run(&plan, DevId(0), &mut source, &settings, &|_| NullSink, &mut ignore);
    assert_eq!(finished.report.arrivals, 70);
    assert!(finished.report.is_balanced());
}

fuzz_target!(|bytes: &[u8]| {
    let source = Source::from_bytes("fuzzed.toml", bytes);
    let outcome = check_source(&source);
    let findings = outcome.findings();
    assert!(findings.len() <= 2 * PROBLEMS_MAX + 1);
    assert_eq!(outcome.render(Colour::Never).is_empty(), findings.is_empty());
    if let CheckOutcome::Fine(parsed) = &outcome {
        assert_eq!(parsed.spans.ports.len(), parsed.scenario.ports.len());
        assert_eq!(parsed.spans.programs.len(), parsed.scenario.programs.len());
        assert_eq!(parsed.spans.changes.len(), parsed.scenario.changes.len());
        play(&parsed.scenario, Timing::Capture);
        play(&parsed.scenario, Timing::Asap);
    }
});
