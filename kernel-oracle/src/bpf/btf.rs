//! Types for the kernel (BTF): as few as programs with callbacks and values with spin locks need.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::error::BpfError;
use super::sys;

/// Types that were loaded.
#[derive(Debug)]
pub struct Btf(OwnedFd);

impl Btf {
    /// Loads types, as they are in an object's section `.BTF`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn load(types: &[u8]) -> Result<Self, BpfError> {
        sys::btf_load(types).map(Self)
    }
}

impl AsRawFd for Btf {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Types in the making; each method gives the new type's number.
#[derive(Clone, Debug, Default)]
pub struct Types {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Types {
    /// None yet; type 0 is `void`.
    #[must_use]
    pub fn new() -> Self {
        Self { types: vec![], strings: vec![0], count: 0 }
    }

    fn name(&mut self, name: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        at
    }

    fn push(&mut self, name: &str, kind: u32, count: u32, size_or_type: u32, more: &[u32]) -> u32 {
        let name = if name.is_empty() { 0 } else { self.name(name) };
        let words = [name, kind << 24 | count, size_or_type];
        self.types.extend(words.iter().chain(more).flat_map(|word| word.to_ne_bytes()));
        self.count += 1;
        self.count
    }

    /// An unsigned integer of so many bytes.
    pub fn int(&mut self, name: &str, size: u32) -> u32 {
        self.push(name, 1, 0, size, &[size * 8])
    }

    /// A struct of so many bytes; members have a name, a type and an offset in bytes.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let words: Vec<u32> =
            members.iter().flat_map(|(name, ty, offset)| [self.name(name), *ty, offset * 8]).collect();
        self.push(name, 4, members.len() as u32, size, &words)
    }

    /// A static function without parameters, as far as the kernel looks, that returns this type.
    pub fn function(&mut self, name: &str, result: u32) -> u32 {
        let signature = self.push("", 13, 0, result, &[]);
        self.push(name, 12, 0, signature, &[])
    }

    /// As a section `.BTF`.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        const HEADER: u32 = 24;
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut all = vec![0x9f, 0xeb, 1, 0];
        all.extend([HEADER, 0, types, types, strings].iter().flat_map(|word| word.to_ne_bytes()));
        all.extend_from_slice(&self.types);
        all.extend_from_slice(&self.strings);
        all
    }
}
