//! Calls of objects' programs that a verifier refuses, as far as what reaches the helper is certain: maps of groups and
//! `bpf_redirect_map_multi()` under the rules of the run. What is not certain shows when the program runs.
//!
//! Rules: MCAST-01, MCAST-14, MCAST-21, MCAST-39, MCAST-K01.

use xdpsim_core::Errno;
use xdpsim_core::rules::{Rules, TwoMapsVersion};
use xdpsim_vm::analysis::{self, Kind as Holds};
use xdpsim_vm::helpers::id;
use xdpsim_vm::load::MapSpec as Declared;
use xdpsim_vm::machine::MapName;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::{HelperId, Machine};

use super::groups;

/// A program that is not loaded.
pub(super) struct Refused {
    /// What is wrong, and where.
    pub what: String,
    /// What helps.
    pub help: String,
}

/// The first call of each program that is refused.
pub(super) fn refused(machine: &Machine, rules: Rules) -> Vec<Refused> {
    let mut all = Vec::new();
    for ((_, object, program), code) in machine.programs().zip(machine.code().programs()) {
        let why = |helper: HelperId, args: &[Holds; 5]| match helper {
            id::REDIRECT_MAP => groups_refused(machine, rules, args),
            _ => multi_refused(machine, rules, args),
        };
        let calls = [id::REDIRECT_MAP, id::REDIRECT_MAP_MULTI].into_iter().flat_map(|helper| {
            analysis::arguments(code, helper).into_iter().map(move |(slot, args)| (helper, slot, args))
        });
        let first = calls.filter_map(|(helper, slot, args)| Some((slot, why(helper, &args)?))).next();
        all.extend(first.map(|(slot, (why, help))| Refused {
            what: format!(
                "program `{}` is refused with {}: {why}; called {}",
                program.name,
                Errno::EINVAL,
                object.place(program, slot)
            ),
            help: help.to_owned(),
        }));
    }
    all
}

type Why = (String, &'static str);

/// A map of maps as the target of `bpf_redirect_map()`.
fn groups_refused(machine: &Machine, rules: Rules, args: &[Holds; 5]) -> Option<Why> {
    let map = named(machine, args[0]).filter(|map| is_of_maps(&map.spec))?;
    if !matches!(rules, Rules::RfcV1 { .. }) {
        let why =
            format!("cannot pass map_type {} into func bpf_redirect_map#51 (MCAST-K01)", map.spec.map_type);
        return Some((
            why,
            "look the inner map up and pass that; the RFC of 2020 took the map: `rules = \"rfc-v1\"`",
        ));
    }
    if map.spec.key_size != 4 {
        let why =
            format!("map `{}` has keys of {} bytes, an index has 4 (MCAST-14)", map.name, map.spec.key_size);
        return Some((why, "declare it with keys of 4 bytes"));
    }
    let inner = map.inner.as_ref().filter(|inner| !groups::is_devmap(inner))?;
    let why = format!("the inner maps of `{}` are of type {} (MCAST-21)", map.name, kind(inner));
    Some((why, "groups are DEVMAPs or DEVMAP_HASHes"))
}

fn multi_refused(machine: &Machine, rules: Rules, args: &[Holds; 5]) -> Option<Why> {
    let Rules::TwoMaps { version } = rules else {
        let why = "there is no bpf_redirect_map_multi() under these rules (MCAST-39)".to_owned();
        return Some((why, "write `rules = \"two-maps\"` at the top of the scenario"));
    };
    let no_devmap = |arg: Holds| named(machine, arg).filter(|map| !groups::is_devmap(&map.spec));
    let unchecked = TwoMapsVersion::leaves_first_map_unchecked(version);
    let wrong = no_devmap(args[0]).filter(|_| !unchecked).or_else(|| no_devmap(args[1]));
    if let Some(map) = wrong {
        let why = format!(
            "cannot pass map_type {} (`{}`) into bpf_redirect_map_multi() (MCAST-39)",
            map.spec.map_type, map.name
        );
        return Some((why, "pass DEVMAPs or DEVMAP_HASHes"));
    }
    (args[1] == Holds::Number(0) && !version.takes_no_exclude_map()).then(|| {
        let why = format!("{version} of bpf_redirect_map_multi() takes no NULL as exclude map (MCAST-39)");
        (why, "pass an empty map, or choose v9 or later: `rules = \"two-maps\"`")
    })
}

fn named(machine: &Machine, arg: Holds) -> Option<&MapName> {
    match arg {
        Holds::Handle(map) => machine.map_name(map),
        _ => None,
    }
}

fn is_of_maps(spec: &Declared) -> bool {
    matches!(Kind::from_number(spec.map_type), Some(Kind::ArrayOfMaps | Kind::HashOfMaps))
}

fn kind(spec: &Declared) -> String {
    Kind::from_number(spec.map_type).map_or_else(|| spec.map_type.to_string(), |kind| kind.name().to_owned())
}
