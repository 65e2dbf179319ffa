//! The multicast patches: index, groups, clones; two maps.

use xdpsim_core::scenario::{Action, At, Change, EntryValue};
use xdpsim_core::{Errno, Fate, FrameNo, MapKind, Mutations, Profile, Rules, UpdateFlags};

use super::common::groups::*;
use super::common::*;
use super::{Row, Verdict, expect};

pub const ROWS: &[Row] = &[
    (Mutations::RFC_KEYS_SHIFTED, keys_are_not_shifted),
    (Mutations::RFC_GROUP_OF_HELPER, the_group_at_the_enqueue_counts),
    (Mutations::RFC_MISSING_IS_NOBODY, no_exclude_group_excludes_nobody),
    (Mutations::RFC_ZERO_IS_NO_GROUP, exclude_key_zero_is_a_key),
    (Mutations::RFC_EXCLUDES_BY_KEY, members_are_ifindexes),
    (Mutations::RFC_ORIGINAL_SENT, only_clones_are_sent),
    (Mutations::RFC_EXCLUDES_INGRESS, the_ingress_is_a_target),
    (Mutations::RFC_SKIPS_BAD_TARGETS, a_bad_target_stops_the_walk),
    (Mutations::MULTI_FLAG_OF_MAINLINE, the_flag_is_one),
    (Mutations::MULTI_INGRESS_NEEDS_MAP, the_flag_needs_no_map),
    (Mutations::MULTI_EXCLUDES_BY_VALUE, members_are_keys),
];

/// Ports a, b, c, d; a to d in the forward group, these in the exclude group.
fn split(profile: Profile, exclude: &[&str]) -> xdpsim_core::Scenario {
    let scenario = index_split(RFC, &["a", "b", "c", "d"], &["b", "c", "d"], exclude);
    with_rules(scenario, profile, RFC)
}

fn with_rules(mut scenario: xdpsim_core::Scenario, profile: Profile, rules: Rules) -> xdpsim_core::Scenario {
    scenario.profile = Profile { rules, ..profile };
    scenario
}

/// MCAST-02.
fn keys_are_not_shifted(profile: Profile) -> Verdict {
    let scenario = split(profile, &["c"]);
    expect(receivers(&burst(&scenario, "a", 1), &scenario), vec!["b".into(), "d".into()])
}

/// MCAST-05.
fn the_group_at_the_enqueue_counts(profile: Profile) -> Verdict {
    let mut scenario = split(profile, &[]);
    let value = EntryValue::Map("x".into());
    let action = Action::UpdateEntry { map: "c".into(), key: 0x1_0000, value, flags: UpdateFlags::ANY };
    scenario.changes = vec![Change { at: At::BeforeEnqueue(FrameNo(0)), action }];
    expect(receivers(&burst(&scenario, "a", 1), &scenario), Vec::new())
}

/// MCAST-09.
fn no_exclude_group_excludes_nobody(profile: Profile) -> Verdict {
    let mut scenario = split(profile, &["c"]);
    scenario.maps[2].entries.pop();
    expect(burst(&scenario, "a", 1).count(Fate::Delivered), 3)
}

/// MCAST-10.
fn exclude_key_zero_is_a_key(profile: Profile) -> Verdict {
    let mut scenario = split(profile, &["c"]);
    scenario.maps[2].entries[1].key = 0;
    script(&mut scenario, "a", vec![to_key("c", 0x1_0000, 0)]);
    expect(receivers(&burst(&scenario, "a", 1), &scenario), vec!["b".into(), "d".into()])
}

/// MCAST-16: c has ifindex 3 and key 0 in the exclude group.
fn members_are_ifindexes(profile: Profile) -> Verdict {
    let scenario = split(profile, &["c", "a", "a", "a"]);
    expect(receivers(&burst(&scenario, "a", 1), &scenario), vec!["b".into(), "d".into()])
}

/// MCAST-17.
fn only_clones_are_sent(profile: Profile) -> Verdict {
    let run = burst(&split(profile, &[]), "a", 1);
    expect((run.report.clones, run.count(Fate::OrigFreed)), (3, 1))
}

/// MCAST-20.
fn the_ingress_is_a_target(profile: Profile) -> Verdict {
    let scenario = index_split(RFC, &["a", "b"], &["a", "b"], &[]);
    let scenario = with_rules(scenario, profile, RFC);
    expect(receivers(&burst(&scenario, "a", 1), &scenario), vec!["a".into(), "b".into()])
}

/// MCAST-26.
fn a_bad_target_stops_the_walk(profile: Profile) -> Verdict {
    let mut scenario = split(profile, &[]);
    scenario.ports[2].up = false;
    let run = burst(&scenario, "a", 1);
    expect(errors(&run), vec![Some(Errno::ENETDOWN)])?;
    expect(receivers(&run, &scenario), vec!["b".into()])
}

/// Everybody is in the forward map; the exclude map, if there is one, is { key 2 → c }.
fn maps(profile: Profile, excludes: bool) -> xdpsim_core::Scenario {
    let exclude = xdpsim_core::scenario::MapSpec::new("x", MapKind::DevmapHash, 4).with(2, "c");
    let forward = group("f", MapKind::DevmapHash, &["a", "b", "c"]);
    let scenario = two_maps(multi(20), &["a", "b", "c"], forward, excludes.then_some(exclude));
    with_rules(scenario, profile, multi(20))
}

/// MCAST-40.
fn the_flag_is_one(profile: Profile) -> Verdict {
    let scenario = maps(profile, false);
    expect(multi_burst(&scenario, 16, 1).count(Fate::FlagsRefused), 1)?;
    expect(multi_burst(&scenario, 1, 1).count(Fate::FlagsRefused), 0)
}

/// MCAST-42.
fn the_flag_needs_no_map(profile: Profile) -> Verdict {
    let scenario = maps(profile, false);
    expect(receivers(&multi_burst(&scenario, 1, 1), &scenario), vec!["b".into(), "c".into()])
}

/// MCAST-43: key 2 is the ifindex of b.
fn members_are_keys(profile: Profile) -> Verdict {
    let scenario = maps(profile, true);
    expect(receivers(&multi_burst(&scenario, 0, 1), &scenario), vec!["a".into(), "c".into()])
}
