//! Values to bytes.

use serde_json::{Map, Value};

use super::{Mismatch, Step, is_big_endian, text};
use crate::load::btf::{Btf, Kind, Member, TypeId};

type Result<T> = std::result::Result<T, Mismatch>;

/// Fills `out`, which is zero and as long as the type says.
pub(super) fn typed(btf: &Btf, ty: TypeId, value: &Value, out: &mut [u8], depth: usize) -> Result<()> {
    let Some((depth, (id, known))) = depth.checked_sub(1).zip(btf.resolve(ty)) else {
        return untyped(value, out);
    };
    if let Some(done) = from_text(value, out, is_number(&known.kind)) {
        return done.map_err(|found| Mismatch::new(expected(btf, ty, out.len()), found));
    }
    match &known.kind {
        Kind::Int { signed, boolean, .. } => {
            let value = if *boolean { &flag(value) } else { value };
            integer(btf, ty, value, *signed, out)
        }
        Kind::Ptr(_) => integer(btf, ty, value, false, out),
        Kind::Enum { values, .. } => enumeration(btf, ty, value, values, out),
        Kind::Float(_) => float(value, out),
        Kind::Array { element, len } => array(btf, ty, (*element, *len), value, out, depth),
        Kind::Struct { .. } | Kind::Union { .. } => match cidr(btf, id, value, out.len()) {
            Some(bytes) => {
                out.copy_from_slice(&bytes);
                Ok(())
            }
            None => table(btf, id, object(btf, ty, value, out.len())?, out, depth),
        },
        Kind::Section(variables) => section(btf, variables, object(btf, ty, value, out.len())?, out, depth),
        Kind::Var(to) => typed(btf, *to, value, out, depth),
        Kind::Alias(_) | Kind::Other => untyped(value, out),
    }
}

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Int { .. } | Kind::Ptr(_) | Kind::Enum { .. } | Kind::Float(_))
}

/// Bytes of a type that is not known.
pub(super) fn untyped(value: &Value, out: &mut [u8]) -> Result<()> {
    let size = out.len();
    let expected = || {
        let number = if matches!(size, 1 | 2 | 4 | 8) { "a number or " } else { "" };
        format!("{number}a string `hex:…` of {size} bytes (the object has no type for it)")
    };
    if let Some(done) = from_text(value, out, false) {
        return done.map_err(|found| Mismatch::new(expected(), found));
    }
    if !matches!(size, 1 | 2 | 4 | 8) {
        return Err(Mismatch::new(expected(), describe(value)));
    }
    let number = as_number(value).ok_or_else(|| Mismatch::new(expected(), describe(value)))?;
    let bits = size as u32 * 8;
    let range = -(1_i128 << (bits - 1))..1 << bits;
    if !range.contains(&number) {
        return Err(Mismatch::new(format!("a number of {size} bytes"), number.to_string()));
    }
    out.copy_from_slice(&number.to_le_bytes()[..size]);
    Ok(())
}

/// What any type of the size can be given as: hex and addresses. None if it is something else.
fn from_text(value: &Value, out: &mut [u8], number: bool) -> Option<std::result::Result<(), String>> {
    let text = value.as_str()?;
    let prefixes: &[&str] = if number { &["hex:"] } else { &["hex:", "0x"] };
    let bytes = match text::from_hex(text, prefixes) {
        Some(Err(found)) => return Some(Err(found)),
        Some(Ok(bytes)) => bytes,
        None => text::address(text, out.len())?,
    };
    if bytes.len() != out.len() {
        return Some(Err(format!("{} bytes (`{text}`)", bytes.len())));
    }
    out.copy_from_slice(&bytes);
    Some(Ok(()))
}

fn as_number(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text::number(text.trim()),
        _ => None,
    }
}

fn flag(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::from(u8::from(*flag)),
        other => other.clone(),
    }
}

fn integer(btf: &Btf, ty: TypeId, value: &Value, signed: bool, out: &mut [u8]) -> Result<()> {
    let size = out.len();
    let (number, bits) = (as_number(value), size as u32 * 8);
    let fits = |number: &i128| bits >= 128 || range(bits, signed).contains(number);
    let Some(number) = number.filter(fits) else {
        return Err(Mismatch::new(expected(btf, ty, size), describe(value)));
    };
    let Some(bytes) = number.to_le_bytes().get(..size).map(<[u8]>::to_vec) else {
        return Err(Mismatch::new(expected(btf, ty, size), describe(value)));
    };
    out.copy_from_slice(&bytes);
    if is_big_endian(btf, ty) {
        out.reverse();
    }
    Ok(())
}

fn range(bits: u32, signed: bool) -> std::ops::Range<i128> {
    if signed { -(1 << (bits - 1))..1 << (bits - 1) } else { 0..1 << bits }
}

fn enumeration(btf: &Btf, ty: TypeId, value: &Value, names: &[(String, i64)], out: &mut [u8]) -> Result<()> {
    let named = value.as_str().and_then(|text| names.iter().find(|(name, _)| name == text));
    let number = named.map(|(_, number)| i128::from(*number)).or_else(|| as_number(value));
    let bits = out.len() as u32 * 8;
    let fits =
        |number: &i128| (1..=64).contains(&bits) && (-(1_i128 << (bits - 1))..1 << bits).contains(number);
    let Some(number) = number.filter(fits) else {
        return Err(Mismatch::new(expected(btf, ty, out.len()), describe(value)));
    };
    let size = out.len();
    out.copy_from_slice(&number.to_le_bytes()[..size]);
    Ok(())
}

fn float(value: &Value, out: &mut [u8]) -> Result<()> {
    let number = value.as_f64().ok_or_else(|| Mismatch::new("a number", describe(value)))?;
    match out.len() {
        4 => out.copy_from_slice(&(number as f32).to_le_bytes()),
        8 => out.copy_from_slice(&number.to_le_bytes()),
        _ => return untyped(value, out),
    }
    Ok(())
}

/// Is it plain `char`, of which strings are made?
pub(super) fn is_char(btf: &Btf, ty: TypeId) -> bool {
    btf.resolve(ty).is_some_and(|(_, ty)| ty.name == "char")
}

fn array(
    btf: &Btf,
    ty: TypeId,
    (element, len): (TypeId, u32),
    value: &Value,
    out: &mut [u8],
    depth: usize,
) -> Result<()> {
    let wrong = |found| Mismatch::new(expected(btf, ty, len as usize), found);
    if let (Some(text), true) = (value.as_str(), is_char(btf, element)) {
        let to = out.get_mut(..text.len());
        to.ok_or_else(|| wrong(format!("{} bytes", text.len())))?.copy_from_slice(text.as_bytes());
        return Ok(());
    }
    let list = value.as_array().ok_or_else(|| wrong(describe(value)))?;
    if list.len() != len as usize {
        return Err(wrong(format!("{} elements", list.len())));
    }
    let each = out.len().checked_div(list.len()).unwrap_or_default();
    if each == 0 {
        return Ok(());
    }
    for (at, (element_value, out)) in list.iter().zip(out.chunks_mut(each)).enumerate() {
        typed(btf, element, element_value, out, depth).map_err(|error| error.under(Step::Index(at)))?;
    }
    Ok(())
}

fn object<'v>(btf: &Btf, ty: TypeId, value: &'v Value, size: usize) -> Result<&'v Map<String, Value>> {
    value.as_object().ok_or_else(|| Mismatch::new(expected(btf, ty, size), describe(value)))
}

/// A member by name, those of anonymous structs and unions included: with its place in bits, and the anonymous union
/// that it is in.
fn find<'b>(
    btf: &'b Btf,
    ty: TypeId,
    name: &str,
    base: u64,
    depth: usize,
) -> Option<(&'b Member, u64, Option<u64>)> {
    let depth = depth.checked_sub(1)?;
    let union = matches!(btf.resolve(ty)?.1.kind, Kind::Union { .. });
    for member in btf.members(ty)? {
        let at = base + u64::from(member.bit_offset);
        if member.name == name {
            return Some((member, at, union.then_some(base)));
        }
        if member.name.is_empty()
            && let Some((found, at, of)) = find(btf, member.ty, name, at, depth)
        {
            return Some((found, at, of.or(union.then_some(base))));
        }
    }
    None
}

fn table(btf: &Btf, ty: TypeId, fields: &Map<String, Value>, out: &mut [u8], depth: usize) -> Result<()> {
    let mut unions: Vec<(u64, &str)> = Vec::new();
    for (name, value) in fields {
        let Some((member, at, union)) = find(btf, ty, name, 0, depth.min(8)) else {
            return Err(Mismatch::new(names(btf, ty), format!("field `{name}`")));
        };
        if let Some(union) = union {
            if let Some((_, other)) = unions.iter().find(|(known, _)| *known == union) {
                return Err(Mismatch::new(
                    format!("one field of the union that `{other}` and `{name}` are in"),
                    "both",
                ));
            }
            unions.push((union, name));
        }
        let under = |error: Mismatch| error.under(Step::Field(name.clone()));
        put(btf, member, at, value, out, depth).map_err(under)?;
    }
    Ok(())
}

fn put(btf: &Btf, member: &Member, at: u64, value: &Value, out: &mut [u8], depth: usize) -> Result<()> {
    if let Some(width) = member.bit_field {
        return bits(btf, member.ty, at, width, value, out);
    }
    let nowhere = || Mismatch::new("a type that is inside its struct", "damaged BTF");
    let size = btf.size_of(member.ty).ok_or_else(nowhere)?;
    let from = usize::try_from(at / 8).map_err(|_| nowhere())?;
    let to = usize::try_from(size).ok().and_then(|size| from.checked_add(size)).ok_or_else(nowhere)?;
    typed(btf, member.ty, value, out.get_mut(from..to).ok_or_else(nowhere)?, depth)
}

fn bits(btf: &Btf, ty: TypeId, at: u64, width: u8, value: &Value, out: &mut [u8]) -> Result<()> {
    let kind = btf.resolve(ty).map(|(_, ty)| &ty.kind);
    let signed = matches!(kind, Some(Kind::Int { signed: true, .. }));
    let named = match (kind, value.as_str()) {
        (Some(Kind::Enum { values, .. }), Some(text)) => values.iter().find(|(name, _)| name == text),
        _ => None,
    };
    let number = named.map(|(_, number)| i128::from(*number)).or_else(|| as_number(&flag(value)));
    let width = u32::from(width.min(64));
    let range = range(width, signed);
    let Some(number) = number.filter(|number| range.contains(number)) else {
        let expected =
            format!("a number from {} to {} (a field of {width} bits)", range.start, range.end - 1);
        return Err(Mismatch::new(expected, describe(value)));
    };
    for bit in 0..u64::from(width) {
        let to = at + bit;
        let Some(byte) = usize::try_from(to / 8).ok().and_then(|byte| out.get_mut(byte)) else { break };
        let mask = 1 << (to % 8);
        *byte = if number >> bit & 1 == 1 { *byte | mask } else { *byte & !mask };
    }
    Ok(())
}

fn section(
    btf: &Btf,
    variables: &[(TypeId, u32, u32)],
    fields: &Map<String, Value>,
    out: &mut [u8],
    depth: usize,
) -> Result<()> {
    for (name, value) in fields {
        let named = |(ty, ..): &&(TypeId, u32, u32)| btf.get(*ty).is_some_and(|var| var.name == *name);
        let Some(&(ty, offset, size)) = variables.iter().find(named) else {
            let all = variables.iter().filter_map(|(ty, ..)| btf.get(*ty)).map(|var| var.name.as_str());
            return Err(Mismatch::new(one_of("variable", all), format!("`{name}`")));
        };
        let range = offset as usize..offset as usize + size as usize;
        let bytes = out.get_mut(range).ok_or_else(|| Mismatch::new("a variable", "damaged BTF"))?;
        typed(btf, ty, value, bytes, depth).map_err(|error| error.under(Step::Field(name.clone())))?;
    }
    Ok(())
}

/// `10.0.0.0/8` for a prefix length of 4 bytes with an address behind it.
fn cidr(btf: &Btf, ty: TypeId, value: &Value, size: usize) -> Option<Vec<u8>> {
    let (address, prefix) = value.as_str()?.split_once('/')?;
    let first = btf.members(ty)?.first()?;
    let length_first = btf.size_of(first.ty) == Some(4) && first.bit_offset == 0;
    let address = text::address(address, size.checked_sub(4)?).filter(|address| address.len() != 6)?;
    let prefix = prefix.parse::<u32>().ok().filter(|prefix| *prefix as usize <= address.len() * 8)?;
    length_first.then(|| [prefix.to_le_bytes().as_slice(), &address].concat())
}

/// What stands there, in a word or two.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() > 40 => "a long string".into(),
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "a table".into(),
    }
}

fn one_of<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> =
        names.filter(|name| !name.is_empty()).take(20).map(|name| format!("`{name}`")).collect();
    format!("a {what} ({})", names.join(", "))
}

fn names(btf: &Btf, ty: TypeId) -> String {
    let mut all = Vec::new();
    collect(btf, ty, &mut all, 4);
    one_of(&format!("field of {}", btf.describe(ty)), all.into_iter())
}

fn collect<'b>(btf: &'b Btf, ty: TypeId, all: &mut Vec<&'b str>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for member in btf.members(ty).unwrap_or_default().iter().take(64) {
        match member.name.as_str() {
            "" => collect(btf, member.ty, all, depth),
            name => all.push(name),
        }
    }
}

/// What a type takes, for messages.
fn expected(btf: &Btf, ty: TypeId, size: usize) -> String {
    let name = btf.describe(ty);
    let Some((_, known)) = btf.resolve(ty) else { return name };
    match &known.kind {
        Kind::Int { boolean: true, .. } => "true or false".into(),
        Kind::Int { size, signed, .. } if (1..=8).contains(size) => {
            let range = range(size * 8, *signed);
            let address = if *size == 4 { ", or an IPv4 address" } else { "" };
            format!("a number from {} to {} ({name}){address}", range.start, range.end - 1)
        }
        Kind::Enum { values, .. } => {
            one_of(&format!("name or number of {name}"), values.iter().map(|(name, _)| name.as_str()))
        }
        Kind::Array { element, len } if is_char(btf, *element) => {
            format!("a string of at most {len} bytes ({name})")
        }
        Kind::Array { len, .. } => format!("a list of {len} ({name}), or a string `hex:…` of all bytes"),
        Kind::Struct { .. } | Kind::Union { .. } => format!("a table with {}", names(btf, ty)),
        Kind::Section(_) => "a table of variables".into(),
        _ => format!("{name}, {size} bytes"),
    }
}
