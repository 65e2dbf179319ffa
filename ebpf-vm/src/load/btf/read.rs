//! Reads the bytes of `.BTF`: a header, type records of varying length, strings.

use super::{Btf, Kind, Member, Type, TypeId};

const MAGIC: u16 = 0xeb9f;
/// The header's length, as far as it is used.
const HEADER: usize = 24;
/// A type record without what its kind adds.
const RECORD: usize = 12;
/// All names of one object together; strings may overlap, so their count does not bound their sum.
const MAX_NAMES: usize = 64 << 20;

/// Why BTF cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// The header is cut off, or of another format.
    #[error("the header is cut off, or this is no BTF of this byte order")]
    Header,
    /// A part reaches beyond the section.
    #[error("the {0} reach beyond the section")]
    OutOfSection(&'static str),
    /// A type record is cut off.
    #[error("the record of type {0} is cut off")]
    Record(u32),
    /// A kind that is not known.
    #[error("type {id} has the unknown kind {kind}")]
    Kind {
        /// Which type.
        id: u32,
        /// The number of its kind.
        kind: u8,
    },
    /// A name that does not end, or is no UTF-8.
    #[error("the name at offset {0} does not end, or is no UTF-8")]
    Name(u32),
    /// Names of more than 64 MiB together.
    #[error("the names of all types have more than 64 MiB together")]
    Names,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Btf, BtfError> {
    let header = bytes.get(..HEADER).ok_or(BtfError::Header)?;
    if u16::from_le_bytes([header[0], header[1]]) != MAGIC || header[2] != 1 {
        return Err(BtfError::Header);
    }
    let [header_len, type_off, type_len, str_off, str_len] = std::array::from_fn(|i| word(header, 4 + 4 * i));
    let part = |off: u32, len: u32, what| {
        let from = header_len as usize + off as usize;
        bytes.get(from..from + len as usize).ok_or(BtfError::OutOfSection(what))
    };
    let mut reader = Reader {
        types: part(type_off, type_len, "types")?,
        strings: part(str_off, str_len, "strings")?,
        at: 0,
        id: 0,
        names: 0,
    };
    let base = header_len as usize + type_off as usize;
    let (mut types, mut records) = (Vec::new(), Vec::new());
    while reader.at < reader.types.len() {
        records.push(base + reader.at);
        types.push(reader.next_type()?);
    }
    Ok(Btf { types, records, strings: reader.strings.to_vec() })
}

pub(super) fn string(strings: &[u8], offset: u32) -> Option<&str> {
    let rest = strings.get(offset as usize..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(&rest[..end]).ok()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

struct Reader<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    at: usize,
    id: u32,
    names: usize,
}

impl Reader<'_> {
    fn words<const N: usize>(&mut self) -> Result<[u32; N], BtfError> {
        let bytes = self.types.get(self.at..self.at + 4 * N).ok_or(BtfError::Record(self.id))?;
        self.at += 4 * N;
        Ok(std::array::from_fn(|i| word(bytes, 4 * i)))
    }

    fn name(&mut self, offset: u32) -> Result<String, BtfError> {
        let name = string(self.strings, offset).ok_or(BtfError::Name(offset))?;
        self.names += name.len();
        if self.names > MAX_NAMES {
            return Err(BtfError::Names);
        }
        Ok(name.to_owned())
    }

    fn next_type(&mut self) -> Result<Type, BtfError> {
        self.id += 1;
        const { assert!(RECORD == 12) };
        let [name, info, size_or_type] = self.words()?;
        let name = self.name(name)?;
        let (count, flag) = (info & 0xffff, info >> 31 == 1);
        let kind = self.kind((info >> 24 & 0x1f) as u8, count, flag, size_or_type)?;
        Ok(Type { name, kind })
    }

    fn kind(&mut self, kind: u8, count: u32, flag: bool, size_or_type: u32) -> Result<Kind, BtfError> {
        let (size, ty) = (size_or_type, TypeId(size_or_type));
        Ok(match kind {
            1 => self.int(size)?,
            2 => Kind::Ptr(ty),
            3 => {
                let [element, _index, len] = self.words()?;
                Kind::Array { element: TypeId(element), len }
            }
            4 => Kind::Struct { size, members: self.members(count, flag)? },
            5 => Kind::Union { size, members: self.members(count, flag)? },
            6 => Kind::Enum { size, values: self.values(count, flag)? },
            7 | 12 => Kind::Other,
            8..=11 | 18 => Kind::Alias(ty),
            13 => {
                self.each(count, |this| this.words::<2>())?;
                Kind::Other
            }
            14 => {
                let [_linkage] = self.words()?;
                Kind::Var(ty)
            }
            15 => Kind::Section(self.each(count, |this| {
                let [ty, offset, size] = this.words()?;
                Ok((TypeId(ty), offset, size))
            })?),
            16 => Kind::Float(size),
            17 => {
                let [_component] = self.words()?;
                Kind::Other
            }
            19 => Kind::Enum { size, values: self.values64(count)? },
            _ => return Err(BtfError::Kind { id: self.id, kind }),
        })
    }

    fn int(&mut self, size: u32) -> Result<Kind, BtfError> {
        let [encoding] = self.words()?;
        let flags = encoding >> 24;
        Ok(Kind::Int { size, signed: flags & 1 != 0, boolean: flags & 4 != 0 })
    }

    fn members(&mut self, count: u32, bit_fields: bool) -> Result<Vec<Member>, BtfError> {
        self.each(count, |this| {
            let [name, ty, offset] = this.words()?;
            let (bit_offset, width) =
                if bit_fields { (offset & 0x00ff_ffff, (offset >> 24) as u8) } else { (offset, 0) };
            let name = this.name(name)?;
            Ok(Member { name, ty: TypeId(ty), bit_offset, bit_field: (width > 0).then_some(width) })
        })
    }

    fn values(&mut self, count: u32, signed: bool) -> Result<Vec<(String, i64)>, BtfError> {
        self.each(count, |this| {
            let [name, value] = this.words()?;
            let value = if signed { i64::from(value.cast_signed()) } else { i64::from(value) };
            Ok((this.name(name)?, value))
        })
    }

    fn values64(&mut self, count: u32) -> Result<Vec<(String, i64)>, BtfError> {
        self.each(count, |this| {
            let [name, low, high] = this.words()?;
            let value = (u64::from(high) << 32 | u64::from(low)).cast_signed();
            Ok((this.name(name)?, value))
        })
    }

    /// Reads as many as there are said to be; the bytes run out before memory does.
    fn each<T>(
        &mut self,
        count: u32,
        mut one: impl FnMut(&mut Self) -> Result<T, BtfError>,
    ) -> Result<Vec<T>, BtfError> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(one(self)?);
        }
        Ok(all)
    }
}
