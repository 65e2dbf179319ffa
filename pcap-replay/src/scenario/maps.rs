//! `[[map]]`: a redirect map and what it holds at the start.
//!
//! Owns what the kernel would refuse when the map is made and filled, told before the run.
//!
//! Rules: MAP-01, MAP-03, MAP-04, HLP-16.

use std::collections::BTreeMap;

use xdpsim_core::scenario::{EntrySpec, EntryValue, MapSpec};
use xdpsim_devmap::{AttachType, MapKind};

use super::diag::{Problem, Sink};
use super::fields::{Fields, Item, Loc, Words, clip, table};
use super::limits;
use super::names::{MapHead, MapWanted, read_name};
use super::parse::Cx;
use super::source::Span;

const KINDS: Words<MapKind> = Words {
    known: &[
        ("devmap", MapKind::Devmap),
        ("devmap_hash", MapKind::DevmapHash),
        ("array_of_maps", MapKind::ArrayOfMaps),
        ("hash_of_maps", MapKind::HashOfMaps),
    ],
    refused: &[
        ("cpumap", "redirects to CPUs (CPU-*) come later"),
        ("xskmap", "redirects to AF_XDP sockets (XSK-*) come later"),
    ],
};

/// Reads what references to the map depend on.
pub(super) fn head<'a>(sink: &mut Sink, fields: &mut Fields<'a>) -> MapHead<'a> {
    let name = read_name(sink, fields, "map");
    fields.need(sink, "type", "write `type = \"devmap\"`");
    let kind = fields.word(sink, "type", &KINDS).unwrap_or(MapKind::Devmap);
    fields.need(sink, "max_entries", "write `max_entries = 8`");
    let max_entries = fields.number_u32(sink, "max_entries", 1..=limits::CAPACITY).map_or(0, |max| max.value);
    let value_size = if kind.is_map_of_maps() {
        fields.refuse(sink, &["value_size"], "the values of a map of maps are maps");
        4
    } else {
        read_value_size(sink, fields)
    };
    MapHead { name, kind, max_entries, value_size }
}

fn read_value_size(sink: &mut Sink, fields: &mut Fields<'_>) -> u32 {
    match fields.number_u32(sink, "value_size", 0..=u32::MAX) {
        None => 8,
        Some(Loc { value: size @ (4 | 8), .. }) => size,
        Some(Loc { value, span }) => {
            let message = format!(
                "`value_size` of {} is {value}; the kernel refuses it with EINVAL (MAP-01)",
                fields.what
            );
            sink.error(|| Problem::error(message, span, "expected 4 (ifindex) or 8 (ifindex and program)"));
            8
        }
    }
}

/// Reads the rest, and says where each entry stands.
pub(super) fn body<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>, head: &MapHead<'a>) -> (MapSpec, Vec<Span>) {
    let wanted = "a list such as [{ key = 0, port = \"eth1\" }]";
    let items = fields.list(&mut cx.sink, "entries", wanted).map_or(&[][..], |list| list.value);
    let (mut entries, mut spans) = (Vec::new(), Vec::new());
    let mut seen = Seen::default();
    for item in items {
        if let Some(entry) = read_entry(cx, item, &fields.what, head, &mut seen) {
            entries.push(entry);
            spans.push(item.span());
        }
    }
    if head.kind.is_map_of_maps() && items.is_empty() {
        let message = format!("{} has no inner map", fields.what);
        let label = "its first inner map is the template that all others resemble";
        let help = "write `entries = [{ key = 0, map = \"inner\" }]`";
        cx.sink.error(|| Problem::error(message, fields.span.clone(), label).help(help));
    }
    fields.finish(&mut cx.sink);
    let (name, kind) = (head.name.owned(), head.kind);
    (MapSpec { name, kind, max_entries: head.max_entries, value_size: head.value_size, entries }, spans)
}

/// What earlier entries of the map said.
#[derive(Default)]
struct Seen<'a> {
    keys: BTreeMap<u32, Span>,
    inner: Option<&'a str>,
}

fn read_entry<'a>(
    cx: &mut Cx<'a>,
    item: Item<'a>,
    whose: &str,
    head: &MapHead<'a>,
    seen: &mut Seen<'a>,
) -> Option<EntrySpec> {
    let what = format!("an entry of {whose}");
    let mut fields = table(&mut cx.sink, item, &what, "a table such as { key = 0, port = \"eth1\" }")?;
    fields.need(&mut cx.sink, "key", "write `key = 0`");
    let key = fields.number_u32(&mut cx.sink, "key", 0..=u32::MAX);
    if let Some(key) = &key {
        check_key(&mut cx.sink, head, key, seen);
    }
    let value = if head.kind.is_map_of_maps() {
        fields.refuse(
            &mut cx.sink,
            &["port", "program"],
            "the entries of a map of maps are maps: `map = \"…\"`",
        );
        fields.need(&mut cx.sink, "map", "write `map = \"inner\"`");
        let inner = fields.text(&mut cx.sink, "map", "the name of a map");
        if let Some(inner) = &inner {
            check_inner(cx, head, inner, seen);
        }
        inner.map(|inner| EntryValue::Map(inner.owned()))
    } else {
        fields.refuse(&mut cx.sink, &["map"], "only the entries of a map of maps are maps");
        fields.need(&mut cx.sink, "port", "write `port = \"eth1\"`");
        read_port_value(cx, &mut fields, "port", head)
    };
    fields.finish(&mut cx.sink);
    Some(EntrySpec { key: key?.value, value: value? })
}

/// Reads a port and its program, from an entry or from a change of one.
pub(super) fn read_port_value<'a>(
    cx: &mut Cx<'a>,
    fields: &mut Fields<'a>,
    port_key: &'static str,
    head: &MapHead<'_>,
) -> Option<EntryValue> {
    let port = fields.text(&mut cx.sink, port_key, "the name of a port");
    if let Some(port) = &port {
        cx.names.port(&mut cx.sink, port);
    }
    let program = fields.text(&mut cx.sink, "program", "the name of a program");
    if let Some(program) = &program {
        cx.names.program(&mut cx.sink, program, AttachType::Devmap);
        if head.value_size == 4 {
            cx.sink.error(|| {
                let message = format!(
                    "the values of map `{}` have no room for a program (MAP-02)",
                    clip(head.name.value)
                );
                Problem::error(message, program.span.clone(), "expected no program")
                    .see(head.name.span.clone(), "this map has `value_size = 4`")
                    .help("write `value_size = 8` in the map, which is the default")
            });
        }
    }
    port.map(|port| EntryValue::Port { port: port.owned(), program: program.as_ref().map(Loc::owned) })
}

/// Do keys of this map have to be below its size?
pub(super) fn is_indexed(kind: MapKind) -> bool {
    matches!(kind, MapKind::Devmap | MapKind::ArrayOfMaps)
}

fn check_key(sink: &mut Sink, head: &MapHead<'_>, key: &Loc<u32>, seen: &mut Seen<'_>) {
    let (name, max) = (clip(head.name.value), head.max_entries);
    let is_new = !seen.keys.contains_key(&key.value);
    if max == 0 {
        return; // The size itself was wrong, and has been reported.
    }
    if is_indexed(head.kind) && key.value >= max {
        sink.error(|| {
            let message = format!(
                "key {} does not fit into map `{name}`; the kernel refuses it with E2BIG (MAP-03)",
                key.value
            );
            Problem::error(message, key.span.clone(), format!("expected 0 to {}", max - 1))
        });
    } else if is_new && seen.keys.len() >= max as usize {
        sink.error(|| {
            let message =
                format!("map `{name}` is full; the kernel refuses key {} with E2BIG (MAP-04)", key.value);
            Problem::error(message, key.span.clone(), format!("expected at most {max} different keys"))
        });
    } else if let Some(first) = seen.keys.get(&key.value).filter(|_| is_indexed(head.kind)) {
        let first = first.clone();
        sink.warn(|| {
            let message = format!("key {} of map `{name}` is written twice", key.value);
            Problem::error(message, key.span.clone(), "this one stays").see(first, "this one is replaced")
        });
    }
    seen.keys.insert(key.value, key.span.clone());
}

fn check_inner<'a>(cx: &mut Cx<'a>, head: &MapHead<'a>, inner: &Loc<&'a str>, seen: &mut Seen<'a>) {
    let Some(map) = cx.names.map(&mut cx.sink, inner, MapWanted::Devices).cloned() else { return };
    let (outer_name, inner_name) = (clip(head.name.value), clip(inner.value));
    if cx.names.map_order(inner.value) > cx.names.map_order(head.name.value) {
        cx.sink.error(|| {
            let message = format!("map `{inner_name}` does not exist yet when `{outer_name}` is made");
            Problem::error(message, inner.span.clone(), "inner maps come first")
                .see(map.name.span.clone(), "this map is made later")
                .help(format!("move the `[[map]]` of `{inner_name}` above that of `{outer_name}`"))
        });
    }
    let first = *seen.inner.get_or_insert(inner.value);
    check_resembles(cx, first, &map, inner);
}

/// All inner maps of a map resemble its first one.
fn check_resembles(cx: &mut Cx<'_>, first: &str, map: &MapHead<'_>, inner: &Loc<&str>) {
    let Some(template) = cx.names.maps.iter().find(|map| map.name.value == first) else { return };
    if (template.kind, template.value_size) != (map.kind, map.value_size) {
        cx.sink.error(|| {
            let message = format!(
                "the inner maps `{}` and `{}` are of different shape",
                clip(first),
                clip(inner.value)
            );
            Problem::error(
                message,
                inner.span.clone(),
                "expected the same `type` and `value_size` as the first one",
            )
            .see(template.name.span.clone(), "the first inner map")
        });
    }
}
