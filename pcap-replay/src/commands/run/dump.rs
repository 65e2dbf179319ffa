//! What maps hold at the end, as JSON: in hex, and as people write it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::memory::MapIdx;
use xdpsim_vm::natural::Value;
use xdpsim_vm::test_run::Ebpf;

use crate::exit::Failure;
use crate::output::{json, stdout};

#[derive(Serialize)]
struct Document {
    schema: u32,
    maps: BTreeMap<String, Map>,
}

#[derive(Serialize)]
struct Map {
    r#type: &'static str,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    key: Both,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Both>,
    /// Of per-CPU maps: by CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Both>>,
}

#[derive(Serialize)]
struct Both {
    hex: String,
    natural: Value,
}

fn both(bytes: &[u8], natural: Value) -> Both {
    Both { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(), natural }
}

/// Writes all maps; `-` is standard output.
pub(super) fn write(path: &Path, object: &mut Ebpf) -> Result<(), Failure> {
    let places: Vec<MapIdx> = object.machine().map_names().map(|(map, _)| map).collect();
    let names: Vec<String> = object.machine().map_names().map(|(_, map)| map.name.clone()).collect();
    let maps = places.iter().zip(names).map(|(map, name)| (name, describe(object, *map))).collect();
    let text = json::pretty(&Document { schema: json::SCHEMA, maps });
    if path == Path::new("-") {
        return stdout::print(&text);
    }
    std::fs::write(path, text).map_err(|error| Failure::output(&path.display().to_string(), &error))
}

fn describe(object: &mut Ebpf, map: MapIdx) -> Map {
    let elements: Vec<(Vec<u8>, Vec<u8>)> = match object.machine_mut().elements(map) {
        Ok(elements) => elements,
        Err(_) => {
            let entry = |(key, value): (u32, &[u8])| (key.to_le_bytes().to_vec(), value.to_vec());
            object.bench_mut().redirects().entries(map).map(entry).collect()
        }
    };
    let machine = object.machine();
    let spec = machine.map_name(map).map(|name| name.spec).unwrap_or_default();
    let kind = Kind::from_number(spec.map_type);
    let percpu = kind.is_some_and(Kind::is_percpu);
    let size = spec.value_size as usize;
    let entry = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let natural = machine.decode_value(map, value);
        let each = value.len() / natural.len().max(1);
        let values = value.chunks(each.max(1)).zip(natural);
        let mut values: Vec<Both> = match kind {
            // Records have lengths of their own.
            Some(Kind::Ringbuf) => vec![both(value, Value::Null)],
            _ => values.map(|(bytes, natural)| both(&bytes[..size.min(bytes.len())], natural)).collect(),
        };
        let key = both(key, machine.decode_key(map, key));
        match percpu {
            true => Entry { key, value: None, values: Some(values) },
            false => Entry { key, value: values.pop(), values: None },
        }
    };
    Map {
        r#type: kind.map_or("unknown", Kind::name),
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: spec.max_entries,
        entries: elements.iter().map(entry).collect(),
    }
}
