//! BTF, the types of an object: read within bounds, asked by number.
//!
//! This module owns what names things: the types of keys, values and variables, and the strings that line
//! info refers to. Relocating instructions by types (CO-RE) is `aya-obj`'s, which keeps its types to itself.
//!
//! Sizes and offsets are in bytes, those of bit fields in bits. A type that refers to one that does not
//! exist, or to itself, has no size: questions about it are answered by `None`.

mod read;

use std::fmt;

pub use read::BtfError;

/// How far a chain of types is followed: `const volatile` of typedefs of arrays and so on.
const MAX_DEPTH: usize = 32;

/// A type's number in its [`Btf`]; 0 is `void`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name; empty for an anonymous struct or union inside another.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// Where it begins, in bits from the start of the struct.
    pub bit_offset: u32,
    /// Its width if it is a bit field.
    pub bit_field: Option<u8>,
}

/// What a type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer, `char` or `bool`.
    Int {
        /// Bytes.
        size: u32,
        /// It has a sign.
        signed: bool,
        /// It is a `bool`.
        boolean: bool,
    },
    /// A pointer to this type.
    Ptr(TypeId),
    /// An array.
    Array {
        /// Of what.
        element: TypeId,
        /// How many.
        len: u32,
    },
    /// A struct.
    Struct {
        /// Bytes.
        size: u32,
        /// In the order of their declaration.
        members: Vec<Member>,
    },
    /// A union.
    Union {
        /// Bytes.
        size: u32,
        /// In the order of their declaration.
        members: Vec<Member>,
    },
    /// An enumeration.
    Enum {
        /// Bytes.
        size: u32,
        /// Names and values; a negative value is sign-extended.
        values: Vec<(String, i64)>,
    },
    /// A typedef, `const`, `volatile`, `restrict` or type tag: another name for this type.
    Alias(TypeId),
    /// A floating point number of this many bytes.
    Float(u32),
    /// A variable of this type.
    Var(TypeId),
    /// A section with its variables: type, offset and size of each.
    Section(Vec<(TypeId, u32, u32)>),
    /// A function, its prototype, or a declaration: nothing that a value could have.
    Other,
}

/// A type with its name, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The name; typedefs and structs have different name spaces.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// The types of one object.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Btf {
    types: Vec<Type>,
    /// Where each type's record begins in the section, for those who must patch one.
    records: Vec<usize>,
    strings: Vec<u8>,
}

impl fmt::Debug for Btf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Btf").field("types", &self.types.len()).finish_non_exhaustive()
    }
}

impl Btf {
    /// Reads the contents of a section `.BTF`.
    ///
    /// # Errors
    /// If the header or a type does not fit into the bytes. References between types are not checked here.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        read::parse(bytes)
    }

    /// How many types there are, `void` not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Are there no types?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// A type by its number; none for `void` and for numbers without a type.
    #[must_use]
    pub fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get((id.0 as usize).checked_sub(1)?)
    }

    /// All types with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..).map(TypeId).zip(&self.types)
    }

    /// A string by its offset; none if it does not end or is no UTF-8.
    #[must_use]
    pub fn string(&self, offset: u32) -> Option<&str> {
        read::string(&self.strings, offset)
    }

    /// What a type is once its other names are taken off.
    #[must_use]
    pub fn resolve(&self, id: TypeId) -> Option<(TypeId, &Type)> {
        let mut at = id;
        for _ in 0..MAX_DEPTH {
            let ty = self.get(at)?;
            match ty.kind {
                Kind::Alias(to) => at = to,
                _ => return Some((at, ty)),
            }
        }
        None
    }

    /// A value's size in bytes.
    #[must_use]
    pub fn size_of(&self, id: TypeId) -> Option<u64> {
        let (mut at, mut times) = (id, 1_u64);
        for _ in 0..MAX_DEPTH {
            let size = match self.resolve(at)?.1.kind {
                Kind::Int { size, .. }
                | Kind::Struct { size, .. }
                | Kind::Union { size, .. }
                | Kind::Enum { size, .. }
                | Kind::Float(size) => u64::from(size),
                Kind::Ptr(_) => 8,
                Kind::Var(ty) => {
                    at = ty;
                    continue;
                }
                Kind::Array { element, len } => {
                    times = times.checked_mul(u64::from(len))?;
                    at = element;
                    continue;
                }
                Kind::Alias(_) | Kind::Section(_) | Kind::Other => return None,
            };
            return times.checked_mul(size);
        }
        None
    }

    /// The members of a struct or union, under whatever name it goes.
    #[must_use]
    pub fn members(&self, id: TypeId) -> Option<&[Member]> {
        match &self.resolve(id)?.1.kind {
            Kind::Struct { members, .. } | Kind::Union { members, .. } => Some(members),
            _ => None,
        }
    }

    /// How C writes the type, as far as that fits into a word or two: `struct key`, `__u32`, `int[4]`.
    #[must_use]
    pub fn describe(&self, id: TypeId) -> String {
        self.describe_within(id, MAX_DEPTH)
    }

    fn describe_within(&self, id: TypeId, depth: usize) -> String {
        let Some(ty) = self.get(id) else { return "void".into() };
        let Some(depth) = depth.checked_sub(1) else { return "?".into() };
        let named = |word: &str| match ty.name.as_str() {
            "" => format!("{word} {{…}}"),
            name => format!("{word} {name}"),
        };
        match &ty.kind {
            Kind::Struct { .. } => named("struct"),
            Kind::Union { .. } => named("union"),
            Kind::Enum { .. } => named("enum"),
            Kind::Ptr(to) => format!("{} *", self.describe_within(*to, depth)),
            Kind::Array { element, len } => format!("{}[{len}]", self.describe_within(*element, depth)),
            Kind::Alias(to) if ty.name.is_empty() => self.describe_within(*to, depth),
            Kind::Var(to) => self.describe_within(*to, depth),
            _ => ty.name.clone(),
        }
    }

    /// Where the record of a type begins, in bytes from the section's start.
    pub(super) fn record(&self, id: TypeId) -> Option<usize> {
        self.records.get((id.0 as usize).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests;
