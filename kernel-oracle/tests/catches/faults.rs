//! The deliberate faults in words, read from where they are defined, and which of them are out of reach.

use std::collections::BTreeMap;
use std::fs;

use xdpsim_core::Mutations;

/// The faults that the campaign has to find at the least, each with the name it goes by there.
pub const NAMED: &[(Mutations, &str)] = &[
    (Mutations::BULK_OF_15, "bulk of 15"),
    (Mutations::FLUSH_FIFO, "flush first in, first out"),
    (Mutations::EXCLUDE_BY_KEY, "exclusion by position instead of ifindex"),
    (Mutations::HASH_EXIST_NEEDS_KEY, "EXIST on an absent hash key, which a kernel accepts"),
    (Mutations::RI_PER_FRAME, "redirect state cleared per packet"),
    (Mutations::PROGRAM_PER_ENTRY, "the program taken per entry instead of the queue's first"),
    (Mutations::FLUSH_AT_16, "partial flush at the 16th instead of the 17th"),
    (Mutations::HASH_ASCENDING, "hash broadcast ascending by key"),
    (Mutations::HASH_UPDATE_STAYS, "an updated hash entry not moved to the front"),
    (Mutations::EXCLUDE_BY_DEVICE, "excluded by namespace and ifindex instead of the number"),
    (Mutations::KEY_NOT_CUT, "key of 64 bits"),
    (Mutations::MISS_DISARMS, "a failed lookup leaves nothing armed"),
    (Mutations::RI_PER_POLL, "stale state not crossing devices"),
    (Mutations::LIST_RENEWED, "list position renewed at each enqueue"),
    (Mutations::EVENT_KEY_AT_VERDICT, "map_index read before the enqueue"),
    (Mutations::EMPTY_BULK_FLUSHES, "driver called although the program dropped all"),
    (Mutations::VETH_SKIPS_LONG, "frames after a too-long one accepted"),
    (Mutations::RING_CLEARS_AT_ONCE, "ring of exactly 256"),
    (Mutations::OWNER_NOT_STICKY, "owner not sticky"),
    (Mutations::ENTRY_CALLS_IDLE, "a devmap program's helper call without effect"),
];

/// A fault that no case on a kernel can show.
#[derive(Clone, Copy, Debug)]
pub struct OutOfReach {
    /// The fault.
    pub fault: Mutations,
    /// Why no case shows it.
    pub why: &'static str,
    /// The check that catches it, among those of `cargo test -p xdpsim-core --test mutations`.
    pub caught_by: &'static str,
}

/// All of them.
pub const OUT_OF_REACH: &[OutOfReach] = &[
    OutOfReach {
        fault: Mutations::CLONE_FAILURE_UNDOES,
        why: "a kernel can't be told to run out of memory at a certain clone",
        caught_by: "earlier_clones_stay",
    },
    OutOfReach {
        fault: Mutations::FLUSH_ALWAYS,
        why: "only a broadcast whose clone fails leaves frames queued in a poll without success",
        caught_by: "a_poll_without_success_does_not_flush",
    },
    OutOfReach {
        fault: Mutations::GENERIC_CLONES_FRAGS,
        why: "no frame of a case has fragments",
        caught_by: "fragments_are_not_cloned",
    },
    OutOfReach {
        fault: Mutations::GENERIC_KEEPS_META,
        why: "no program of a scenario reads metadata",
        caught_by: "metadata_stays_behind",
    },
    OutOfReach {
        fault: Mutations::LAST_DEV_RX_WINS,
        why: "frames of two devices meet in a queue only where a failed clone left some there",
        caught_by: "the_first_ingress_wins",
    },
    OutOfReach { fault: Mutations::RFC_KEYS_SHIFTED, why: PATCHES, caught_by: "keys_are_not_shifted" },
    OutOfReach {
        fault: Mutations::RFC_GROUP_OF_HELPER,
        why: PATCHES,
        caught_by: "the_group_at_the_enqueue_counts",
    },
    OutOfReach {
        fault: Mutations::RFC_MISSING_IS_NOBODY,
        why: PATCHES,
        caught_by: "no_exclude_group_excludes_nobody",
    },
    OutOfReach {
        fault: Mutations::RFC_ZERO_IS_NO_GROUP,
        why: PATCHES,
        caught_by: "exclude_key_zero_is_a_key",
    },
    OutOfReach { fault: Mutations::RFC_EXCLUDES_BY_KEY, why: PATCHES, caught_by: "members_are_ifindexes" },
    OutOfReach { fault: Mutations::RFC_ORIGINAL_SENT, why: PATCHES, caught_by: "only_clones_are_sent" },
    OutOfReach { fault: Mutations::RFC_EXCLUDES_INGRESS, why: PATCHES, caught_by: "the_ingress_is_a_target" },
    OutOfReach {
        fault: Mutations::RFC_SKIPS_BAD_TARGETS,
        why: PATCHES,
        caught_by: "a_bad_target_stops_the_walk",
    },
    OutOfReach { fault: Mutations::MULTI_FLAG_OF_MAINLINE, why: PATCHES, caught_by: "the_flag_is_one" },
    OutOfReach {
        fault: Mutations::MULTI_INGRESS_NEEDS_MAP,
        why: PATCHES,
        caught_by: "the_flag_needs_no_map",
    },
    OutOfReach { fault: Mutations::MULTI_EXCLUDES_BY_VALUE, why: PATCHES, caught_by: "members_are_keys" },
];

/// Of faults of the multicast patches.
const PATCHES: &str = "no kernel that was released has the multicast patches";

/// A fault in words.
#[derive(Clone, Debug)]
pub struct Words {
    /// What the model does with it.
    pub what: String,
    /// The rule that it breaks, or that it concerns.
    pub rules: String,
}

/// A flag's name.
pub fn name(fault: Mutations) -> String {
    fault.iter_names().map(|(name, _)| name).collect()
}

/// A file of the repository.
pub fn path(file: &str) -> String {
    format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))
}

pub fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every fault's words, by its name.
pub fn words() -> BTreeMap<String, Words> {
    let of_maps = doc_lines("devmap-model/src/mutation.rs");
    let own = doc_lines("sim-core/src/mutation.rs");
    // Faults of the maps only say where their words are.
    let said = own.into_iter().map(|(name, doc)| {
        let doc = if doc.starts_with("[`MapMutations::") { of_maps[&name].clone() } else { doc };
        (name, split(&doc))
    });
    said.collect()
}

/// The doc line of each flag.
fn doc_lines(file: &str) -> BTreeMap<String, String> {
    let text = read(file);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let flag = |two: &[&str]| {
        let name = two[1].strip_prefix("const ")?.split_once(" = 1 <<")?.0;
        Some((name.to_owned(), two[0].strip_prefix("/// ")?.to_owned()))
    };
    lines.windows(2).filter_map(flag).collect()
}

/// "What it does (RULE)." as both.
fn split(doc: &str) -> Words {
    let doc = doc.trim_end_matches('.');
    let rules = doc.strip_suffix(')').and_then(|doc| doc.rsplit_once(" ("));
    let (what, rules) = rules.unwrap_or((doc, "-"));
    Words { what: what.to_owned(), rules: rules.to_owned() }
}
