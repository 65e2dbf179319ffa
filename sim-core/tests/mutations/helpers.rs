//! Helpers and redirect info.

use xdpsim_core::scenario::PortSpec;
use xdpsim_core::{Errno, Fate, Mutations, Profile};

use super::common::*;
use super::{Row, Verdict, bench, expect, run_on_a};

pub const ROWS: &[Row] = &[
    (Mutations::RI_NOT_CONSUMED, a_redirect_consumes_what_was_armed),
    (Mutations::RI_PER_POLL, what_was_armed_crosses_to_the_next_device),
    (Mutations::RI_PER_FRAME, what_was_armed_is_there_for_the_next_frame),
    (Mutations::MISS_DISARMS, a_miss_leaves_the_ifindex_armed),
    (Mutations::BAD_FLAGS_DISARM, bad_flags_leave_the_target_armed),
    (Mutations::BAD_FLAGS_FALL_BACK, bad_flags_ignore_the_fallback),
    (Mutations::KEY_NOT_CUT, the_key_is_cut_to_32_bits),
    (Mutations::IFINDEX_IN_INIT, an_ifindex_counts_where_the_frame_came_in),
];

/// HLP-19.
fn a_redirect_consumes_what_was_armed(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 2, 0), vec![REDIRECT]]);
    expect(errors(&run), vec![None, Some(Errno::EBADRQC)])
}

/// HLP-22.
fn what_was_armed_crosses_to_the_next_device(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    script(&mut scenario, "a", vec![vec![call("map", 2, 0), PASS]]);
    script(&mut scenario, "c", vec![vec![REDIRECT]]);
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0)).send("c", &frame(1));
    expect(lab.run().numbers("b"), vec![1])
}

/// HLP-12.
fn a_miss_leaves_the_ifindex_armed(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![vec![call_ifindex(2), call("map", 7, 0), REDIRECT]]);
    expect(run.numbers("b"), vec![0])
}

/// HLP-03, HLP-11.
fn bad_flags_leave_the_target_armed(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![vec![call("map", 2, 0), call("map", 3, 32), REDIRECT]]);
    expect(run.numbers("b"), vec![0])
}

/// HLP-03.
fn bad_flags_ignore_the_fallback(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 2, 32 | 2)]);
    expect((run.count(Fate::FlagsRefused), run.count(Fate::Passed)), (1, 0))
}

/// HLP-10.
fn the_key_is_cut_to_32_bits(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 1 << 32 | 2, 0)]);
    expect(run.numbers("b"), vec![0])
}

/// RED-03.
fn an_ifindex_counts_where_the_frame_came_in(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.netns = vec!["blue".into()];
    for name in ["e", "f"] {
        scenario.ports.push(PortSpec { netns: Some("blue".into()), ..PortSpec::ideal(name) });
    }
    script(&mut scenario, "e", vec![to_ifindex(2)]);
    let run = burst(&scenario, "e", 1);
    expect((run.numbers("f"), run.numbers("b")), (vec![0], vec![]))
}

/// HLP-21.
fn what_was_armed_is_there_for_the_next_frame(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![vec![call("map", 2, 0), PASS], vec![REDIRECT]]);
    expect(run.numbers("b"), vec![1])
}
