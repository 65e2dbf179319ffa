//! Bytes of keys, values and variables <-> what people write: numbers, names, addresses, structs by field.
//!
//! [`encode`] makes bytes of a [`Value`] (as JSON or TOML gives it), [`decode`] the other way; both follow the object's
//! BTF. What `decode` gives, `encode` makes the same bytes of (but for padding, which becomes zero).
//!
//! | type | written as | given as |
//! |---|---|---|
//! | integer | number; string `"17"`, `"0x11"`, `"-1"` | number |
//! | `__be16`, `__be32`, `__be64` | the number that is meant, stored big-endian | number; of `__be32` an IPv4 address |
//! | `bool` | `true`, `false`, or a number | `true`, `false` |
//! | enum | name or number | name, if there is one |
//! | array | list of all elements | list |
//! | `char` array | string, zeros behind it | string |
//! | array of bytes | list; string `"hex:…"` or `"0x…"` | MAC (6 bytes), IPv4 (4), IPv6 (16), else `"hex:…"` |
//! | struct | table of fields; those that are missing are zero | table of all fields |
//! | union | table of one field | table with its largest field |
//! | any of 4 bytes | `"10.0.0.1"`, in network order | |
//! | any of 6 bytes | `"02:00:00:00:00:01"` | |
//! | any of 16 bytes | `"2001:db8::1"` | `struct in6_addr` so |
//! | prefix length and address | `"10.0.0.0/8"`: keys of LPM tries | table |
//! | a section's variables | table by name | table |
//! | any | `"hex:0a0b…"`, all bytes as they lie in memory | |
//! | no BTF | number (1, 2, 4 or 8 bytes), `"hex:…"`, `"0x…"`, addresses | number or `"hex:…"` |
//!
//! Types come from objects, so from anywhere: what they say is not believed beyond the bytes that there are, and work
//! is bounded; a type that makes no sense is treated as none.

mod decode;
mod encode;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

pub use serde_json::Value;

use crate::load::btf::{Btf, TypeId};

/// How deep types may be nested.
const MAX_DEPTH: usize = 16;

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To a field or variable.
    Field(String),
    /// To an element of a list.
    Index(usize),
}

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the value, from the outside.
    pub path: Vec<Step>,
    /// What is expected there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Mismatch {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { path: vec![], expected: expected.into(), found: found.into() }
    }

    /// The same, seen from further outside.
    #[must_use]
    pub fn under(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str("field `")?;
            for (number, step) in self.path.iter().enumerate() {
                match step {
                    Step::Field(name) if number == 0 => f.write_str(name)?,
                    Step::Field(name) => write!(f, ".{name}")?,
                    Step::Index(index) => write!(f, "[{index}]")?,
                }
            }
            f.write_str("`: ")?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Mismatch {}

/// The bytes of a value of this type, `size` of them. A type of another size counts as unknown.
///
/// # Errors
/// If the value does not fit the type: where, what was expected, what was found.
pub fn encode(btf: &Btf, ty: TypeId, size: usize, value: &Value) -> Result<Vec<u8>, Mismatch> {
    let mut bytes = vec![0; size];
    if fits(btf, ty, size) {
        encode::typed(btf, ty, value, &mut bytes, MAX_DEPTH)?;
    } else {
        encode::untyped(value, &mut bytes)?;
    }
    Ok(bytes)
}

/// What bytes of this type mean. A type of another size counts as unknown.
#[must_use]
pub fn decode(btf: &Btf, ty: TypeId, bytes: &[u8]) -> Value {
    let known = fits(btf, ty, bytes.len()).then(|| decode::typed(btf, ty, bytes)).flatten();
    known.unwrap_or_else(|| decode::untyped(bytes))
}

fn fits(btf: &Btf, ty: TypeId, size: usize) -> bool {
    let section =
        btf.resolve(ty).is_some_and(|(_, ty)| matches!(ty.kind, crate::load::btf::Kind::Section(_)));
    section || btf.size_of(ty) == Some(size as u64)
}

/// Names of types that say that a number is stored big-endian.
fn is_big_endian(btf: &Btf, ty: TypeId) -> bool {
    let mut at = ty;
    for _ in 0..MAX_DEPTH {
        match btf.get(at) {
            Some(named) if matches!(named.name.as_str(), "__be16" | "__be32" | "__be64") => return true,
            Some(crate::load::btf::Type { kind: crate::load::btf::Kind::Alias(to), .. }) => at = *to,
            _ => return false,
        }
    }
    false
}
