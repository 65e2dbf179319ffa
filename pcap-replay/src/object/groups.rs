//! An object's maps of DEVMAPs as the model's maps of groups, where the rules take them.
//!
//! The machine keeps such a map and answers lookups in it; a redirect to it is the model's, which walks its own maps. Both
//! hold the same: a program cannot change a map of maps, and changes of a scenario name DEVMAPs only.
//!
//! Rules: MCAST-01, MCAST-03, MCAST-14, MCAST-21.

use xdpsim_core::MapKind;
use xdpsim_core::rules::Rules;
use xdpsim_core::scenario::{EntrySpec, EntryValue, MapSpec};
use xdpsim_vm::load::MapSpec as Declared;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::{Machine, MapIdx};

use super::machine::Maps;

/// The maps of groups of a machine, as they are filled now; those without a group are left out, because a map of
/// maps is made after its first one.
pub(super) fn specs(machine: &mut Machine, maps: &Maps, rules: Rules) -> Vec<(MapIdx, MapSpec)> {
    let known: Vec<_> = machine.map_names().map(|(at, name)| (at, name.clone())).collect();
    let mut specs = Vec::new();
    for (at, name) in known {
        let Some(kind) = kind(&name.spec, name.inner.as_ref()).filter(|&kind| rules.takes_groups(kind))
        else {
            continue;
        };
        let spec = MapSpec::new(&name.name, kind, name.spec.max_entries);
        let elements = machine.elements(at).unwrap_or_default();
        let entries: Vec<EntrySpec> = elements.iter().filter_map(|element| entry(element, maps)).collect();
        if !entries.is_empty() {
            specs.push((at, MapSpec { value_size: 4, entries, ..spec }));
        }
    }
    specs
}

fn entry((key, value): &(Vec<u8>, Vec<u8>), maps: &Maps) -> Option<EntrySpec> {
    let word = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let inner = maps.name(MapIdx(word(value)?))?;
    Some(EntrySpec { key: word(key)?, value: EntryValue::Map(inner.to_owned()) })
}

/// What it is in the model: a map of DEVMAPs with keys of 4 bytes.
pub(super) fn kind(spec: &Declared, inner: Option<&Declared>) -> Option<MapKind> {
    let kind = match Kind::from_number(spec.map_type) {
        Some(Kind::ArrayOfMaps) => MapKind::ArrayOfMaps,
        Some(Kind::HashOfMaps) => MapKind::HashOfMaps,
        _ => return None,
    };
    (spec.key_size == 4 && is_devmap(inner?)).then_some(kind)
}

pub(super) fn is_devmap(spec: &Declared) -> bool {
    matches!(Kind::from_number(spec.map_type), Some(Kind::Devmap | Kind::DevmapHash))
}
