//! Bytes to values.

use serde_json::{Map, Value};

use super::encode::is_char;
use super::{MAX_DEPTH, is_big_endian, text};
use crate::load::btf::{Btf, Kind, Member, TypeId};

/// Values that may be made of one key or value; what has more is given as hex.
const MAX_VALUES: usize = 1 << 16;

/// None if the type does not make sense.
pub(super) fn typed(btf: &Btf, ty: TypeId, bytes: &[u8]) -> Option<Value> {
    Decoder { btf, left: MAX_VALUES }.value(ty, bytes, MAX_DEPTH)
}

/// Bytes of a type that is not known.
pub(super) fn untyped(bytes: &[u8]) -> Value {
    match bytes.len() {
        1 | 2 | 4 | 8 => Value::from(unsigned(bytes)),
        _ => Value::from(text::hex(bytes)),
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A number of so many bits with its sign.
fn signed(number: u64, bits: u32) -> i64 {
    let shift = 64 - bits.clamp(1, 64);
    (number << shift).cast_signed() >> shift
}

struct Decoder<'b> {
    btf: &'b Btf,
    left: usize,
}

impl Decoder<'_> {
    fn value(&mut self, ty: TypeId, bytes: &[u8], depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.left = self.left.checked_sub(1)?;
        let btf = self.btf;
        let (id, known) = btf.resolve(ty)?;
        match &known.kind {
            Kind::Int { size, signed, boolean } if *size as usize == bytes.len() => {
                Some(self.integer(ty, bytes, *signed, *boolean))
            }
            Kind::Ptr(_) if bytes.len() == 8 => Some(Value::from(unsigned(bytes))),
            Kind::Enum { values, size } if *size as usize == bytes.len() && *size <= 8 => {
                Some(enumeration(unsigned(bytes), size * 8, values))
            }
            Kind::Float(_) => Some(float(bytes)),
            Kind::Array { element, len } => self.array(*element, *len, bytes, depth),
            Kind::Struct { .. } if matches!(known.name.as_str(), "in6_addr" | "in_addr") => {
                Some(Value::from(text::address_or_hex(bytes)))
            }
            Kind::Struct { .. } | Kind::Union { .. } => {
                let mut fields = Map::new();
                self.members(id, bytes, 0, &mut fields, depth)?;
                Some(Value::Object(fields))
            }
            Kind::Section(variables) => self.section(variables, bytes, depth),
            Kind::Var(to) => self.value(*to, bytes, depth),
            _ => None,
        }
    }

    fn integer(&self, ty: TypeId, bytes: &[u8], sign: bool, boolean: bool) -> Value {
        if is_big_endian(self.btf, ty) {
            if bytes.len() == 4 {
                return Value::from(text::address_or_hex(bytes));
            }
            let turned: Vec<u8> = bytes.iter().rev().copied().collect();
            return Value::from(unsigned(&turned));
        }
        match (bytes, boolean) {
            ([byte @ (0 | 1)], true) => Value::from(*byte == 1),
            _ if bytes.len() > 8 => Value::from(text::hex(bytes)),
            _ if sign => Value::from(signed(unsigned(bytes), bytes.len() as u32 * 8)),
            _ => Value::from(unsigned(bytes)),
        }
    }

    fn array(&mut self, element: TypeId, len: u32, bytes: &[u8], depth: usize) -> Option<Value> {
        let each = usize::try_from(self.btf.size_of(element)?).ok()?;
        if is_char(self.btf, element) {
            return Some(Value::from(string(bytes).unwrap_or_else(|| text::hex(bytes))));
        }
        let kind = &self.btf.resolve(element)?.1.kind;
        if let Kind::Int { size: 1, boolean: false, signed: false } = kind {
            return Some(Value::from(text::address_or_hex(bytes)));
        }
        if each == 0 || bytes.len() != each.checked_mul(len as usize)? {
            return (len == 0).then(|| Value::Array(vec![]));
        }
        let all = bytes.chunks(each).map(|bytes| self.value(element, bytes, depth));
        all.collect::<Option<_>>().map(Value::Array)
    }

    /// Fields of a struct, or the largest of a union; those of anonymous members as if they were its own.
    fn members(
        &mut self,
        ty: TypeId,
        bytes: &[u8],
        base: u64,
        fields: &mut Map<String, Value>,
        depth: usize,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let btf = self.btf;
        let members = btf.members(ty)?;
        let chosen = match btf.resolve(ty)?.1.kind {
            Kind::Union { .. } => largest(btf, members).into_iter(),
            _ => members.iter().collect::<Vec<_>>().into_iter(),
        };
        for member in chosen {
            self.left = self.left.checked_sub(1)?;
            let at = base + u64::from(member.bit_offset);
            if member.name.is_empty() {
                // Bits without a name are padding.
                if member.bit_field.is_none() && btf.members(member.ty).is_some() {
                    self.members(member.ty, bytes, at, fields, depth)?;
                }
                continue;
            }
            fields.insert(member.name.clone(), self.member(member, at, bytes, depth)?);
        }
        Some(())
    }

    fn member(&mut self, member: &Member, at: u64, bytes: &[u8], depth: usize) -> Option<Value> {
        if let Some(width) = member.bit_field {
            return self.bits(member.ty, at, u32::from(width.min(64)), bytes);
        }
        let (from, size) = (usize::try_from(at / 8).ok()?, self.btf.size_of(member.ty)?);
        let to = from.checked_add(usize::try_from(size).ok()?)?;
        self.value(member.ty, bytes.get(from..to)?, depth)
    }

    fn bits(&self, ty: TypeId, at: u64, width: u32, bytes: &[u8]) -> Option<Value> {
        let mut number = 0_u64;
        for bit in 0..u64::from(width) {
            let byte = *bytes.get(usize::try_from((at + bit) / 8).ok()?)?;
            number |= u64::from(byte >> ((at + bit) % 8) & 1) << bit;
        }
        Some(match &self.btf.resolve(ty)?.1.kind {
            Kind::Enum { values, .. } => enumeration(number, width, values),
            Kind::Int { signed: true, .. } => Value::from(signed(number, width)),
            _ => Value::from(number),
        })
    }

    fn section(&mut self, variables: &[(TypeId, u32, u32)], bytes: &[u8], depth: usize) -> Option<Value> {
        let mut fields = Map::new();
        for &(ty, offset, size) in variables {
            let bytes = bytes.get(offset as usize..(offset as usize).checked_add(size as usize)?)?;
            let typed =
                if self.btf.size_of(ty) == Some(size.into()) { self.value(ty, bytes, depth) } else { None };
            fields.insert(self.btf.get(ty)?.name.clone(), typed.unwrap_or_else(|| untyped(bytes)));
        }
        Some(Value::Object(fields))
    }
}

/// The first of the largest members of a union.
fn largest<'b>(btf: &Btf, members: &'b [Member]) -> Vec<&'b Member> {
    let size = |member: &&Member| btf.size_of(member.ty).unwrap_or_default();
    members.iter().rev().max_by_key(size).into_iter().collect()
}

/// The name, if there is one, else the number.
fn enumeration(number: u64, bits: u32, names: &[(String, i64)]) -> Value {
    let with_sign = signed(number, bits);
    let named = |(_, value): &&(String, i64)| *value == with_sign || value.cast_unsigned() == number;
    match names.iter().find(named) {
        Some((name, _)) => Value::from(name.as_str()),
        None => Value::from(number),
    }
}

fn float(bytes: &[u8]) -> Value {
    let number = match (<[u8; 4]>::try_from(bytes), <[u8; 8]>::try_from(bytes)) {
        (Ok(bytes), _) => f64::from(f32::from_le_bytes(bytes)),
        (_, Ok(bytes)) => f64::from_le_bytes(bytes),
        _ => f64::NAN,
    };
    if number.is_finite() { Value::from(number) } else { Value::from(text::hex(bytes)) }
}

/// Text, zeros behind it; not what would be read as something else.
fn string(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(end);
    let text = std::str::from_utf8(text).ok().filter(|text| text.chars().all(|c| !c.is_control()))?;
    let other =
        text.starts_with("hex:") || text.starts_with("0x") || text::address(text, bytes.len()).is_some();
    (rest.iter().all(|byte| *byte == 0) && !other).then(|| text.to_owned())
}
