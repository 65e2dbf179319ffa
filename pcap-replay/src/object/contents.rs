//! Elements of an object's maps, as people write them: to begin with, or to expect at the end.

use serde_json::Value;
use xdpsim_core::Errno;
use xdpsim_vm::load::Object;
use xdpsim_vm::machine::MapName;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::natural;
use xdpsim_vm::{Machine, MapIdx};

use crate::scenario::{Element, Problem, Written};

/// Which part of an element is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The map's name.
    Map(String),
    /// The key.
    Key(String),
    /// The value.
    Value(String),
}

impl Wrong {
    /// The problem with an element, at its place in the file.
    pub(super) fn of(self, element: &Element) -> Problem {
        let value = &element.value.span;
        let (what, span) = match self {
            Self::Map(what) => (what, &element.map.span),
            Self::Key(what) => (what, element.key.as_ref().map_or(value, |key| &key.span)),
            Self::Value(what) => (what, value),
        };
        Problem::error(format!("map `{}`: {what}", element.map.value), span.clone(), "here")
    }
}

/// A variable and its value.
pub(super) type Variable = (Written<String>, Written<Value>);

/// The problem with a variable.
pub(super) fn wrong_global((name, value): &Variable, wrong: Wrong) -> Problem {
    let (what, span) = match wrong {
        Wrong::Map(what) | Wrong::Key(what) => (what, &name.span),
        Wrong::Value(what) => (what, &value.span),
    };
    Problem::error(format!("variable `{}`: {what}", name.value), span.clone(), "this variable")
}

/// Sets a variable of an object.
pub(super) fn set_global(object: &mut Object, name: &str, value: &Value) -> Result<(), Wrong> {
    let known = object.globals.iter().find(|global| global.name == name);
    let bytes = match known {
        None => Vec::new(),
        Some(global) => natural::encode(&object.btf, global.ty, global.size as usize, value)
            .map_err(|error| Wrong::Value(error.to_string()))?,
    };
    object.set_global(name, &bytes).map_err(|error| Wrong::Key(error.to_string()))
}

/// Writes an element.
pub(super) fn write(machine: &mut Machine, element: &Element) -> Result<(), Wrong> {
    let (map, value) = (element.map.value.as_str(), &element.value.value);
    let place = Value::from(element.place);
    let key = element.key.as_ref().map(|key| &key.value);
    let at = machine.map(map).map_err(|error| Wrong::Map(error.to_string()))?;
    let name = known(machine, at)?;
    let kind = Kind::from_number(name.spec.map_type);
    let by_place = key.is_none() && kind.is_some_and(is_array);
    let key = encode_key(machine, &name, if by_place { Some(&place) } else { key })?;
    let refused = |errno: Errno| Wrong::Value(format!("the kernel answers {errno}"));
    match kind {
        Some(Kind::Devmap | Kind::DevmapHash) => {
            return Err(Wrong::Map("this map holds ports: fill it in a `[[map]]` of this name".to_owned()));
        }
        Some(Kind::ProgArray) => {
            let program = named(value, "the name of a program")?;
            let program = machine.program(program).map_err(|error| Wrong::Value(error.to_string()))?;
            machine.set_program(at, &key, program).map_err(refused)?;
        }
        Some(Kind::ArrayOfMaps | Kind::HashOfMaps) => {
            let inner = named(value, "the name of a map")?;
            let inner = machine.map(inner).map_err(|error| Wrong::Value(error.to_string()))?;
            machine.set_inner(at, &key, inner, 0).map_err(refused)?;
        }
        _ => {
            let bytes = encode_value(machine, at, &name, value)?;
            machine.update(at, &key, &bytes, 0).map_err(refused)?;
        }
    }
    Ok(())
}

/// Are its keys the places in a list?
fn is_array(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Array | Kind::PercpuArray | Kind::ProgArray | Kind::ArrayOfMaps | Kind::Cpumap | Kind::Xskmap
    )
}

fn named<'a>(value: &'a Value, expected: &str) -> Result<&'a str, Wrong> {
    value.as_str().ok_or_else(|| Wrong::Value(format!("expected {expected}, found {value}")))
}

fn known(machine: &Machine, at: MapIdx) -> Result<MapName, Wrong> {
    machine.map_name(at).cloned().ok_or_else(|| Wrong::Map("there is no such map".to_owned()))
}

fn encode_key(machine: &Machine, name: &MapName, key: Option<&Value>) -> Result<Vec<u8>, Wrong> {
    let size = name.spec.key_size as usize;
    match key {
        None if size == 0 => Ok(Vec::new()),
        None => Err(Wrong::Value("it has no key: write { key = …, value = … }".to_owned())),
        Some(_) if size == 0 => Err(Wrong::Key("elements of this map have no keys: write a list".to_owned())),
        Some(key) => {
            let btf = &machine.objects()[name.object].btf;
            natural::encode(btf, name.key, size, key).map_err(|error| Wrong::Key(error.to_string()))
        }
    }
}

/// Of a per-CPU map: the same value for all CPUs, or a list with one for each.
fn encode_value(machine: &Machine, at: MapIdx, name: &MapName, value: &Value) -> Result<Vec<u8>, Wrong> {
    let btf = &machine.objects()[name.object].btf;
    let size = name.spec.value_size as usize;
    let one = |value: &Value| {
        natural::encode(btf, name.value, size, value).map_err(|error| Wrong::Value(error.to_string()))
    };
    if !Kind::from_number(name.spec.map_type).is_some_and(Kind::is_percpu) {
        return one(value);
    }
    let cpus = machine.value_len(at) / size.next_multiple_of(8).max(1);
    let values: Vec<&Value> = match value {
        Value::Array(values) if values.len() == cpus && one(value).is_err() => values.iter().collect(),
        value => vec![value; cpus],
    };
    let mut bytes = Vec::with_capacity(machine.value_len(at));
    for value in values {
        bytes.extend(one(value)?);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    Ok(bytes)
}

/// An element that is not as expected: what was expected and what is there, both in TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// What was expected.
    pub expected: String,
    /// What is there, if anything is.
    pub found: Option<String>,
}

/// Compares an element with what is expected: byte by byte, so it does not matter how a value is written.
pub(super) fn compare(
    machine: &mut Machine,
    map: &str,
    key: &str,
    value: &Value,
) -> Result<Option<Differs>, Wrong> {
    let at = machine.map(map).map_err(|error| Wrong::Map(error.to_string()))?;
    let name = known(machine, at)?;
    let key = encode_key(machine, &name, Some(&Value::String(key.to_owned())))?;
    let expected = encode_value(machine, at, &name, value)?;
    let found = machine.lookup(at, &key).ok();
    if found.as_ref() == Some(&expected) {
        return Ok(None);
    }
    let text = |bytes: &[u8]| in_toml(&decode_value(machine, &name, bytes));
    Ok(Some(Differs { expected: text(&expected), found: found.as_deref().map(text) }))
}

/// Of a per-CPU map with several CPUs, a list.
fn decode_value(machine: &Machine, name: &MapName, bytes: &[u8]) -> Value {
    let btf = &machine.objects()[name.object].btf;
    let size = name.spec.value_size as usize;
    if !Kind::from_number(name.spec.map_type).is_some_and(Kind::is_percpu) {
        return natural::decode(btf, name.value, bytes);
    }
    let each = bytes.chunks(size.next_multiple_of(8).max(1));
    let values: Vec<Value> = each.map(|bytes| natural::decode(btf, name.value, &bytes[..size])).collect();
    <[Value; 1]>::try_from(values).map_or_else(Value::Array, |[only]| only)
}

/// A value as TOML has it.
fn in_toml(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(in_toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field =
                |(name, value): (&String, &Value)| format!("{} = {}", key_in_toml(name), in_toml(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        // Beyond what TOML's numbers hold.
        Value::Number(number) if number.as_i64().is_none() => format!("\"{number}\""),
        // Numbers, booleans and strings are written alike.
        other => other.to_string(),
    }
}

fn key_in_toml(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { format!("{name:?}") }
}
