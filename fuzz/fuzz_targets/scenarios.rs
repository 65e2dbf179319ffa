//! Scenario files from anywhere: read, built and shown without panic, in bounded memory.
//!
//! Seeds are the examples. What a scenario does with frames is another target's business.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xdpsim::scenario::{CheckOutcome, Colour, PROBLEMS_MAX, Source, check_source};

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
    }
});
