//! What an object may ask for. Objects come from anywhere: none may take memory, stack or time without bound.

/// Bytes of the file. Objects with the kernel's types and debug information have some hundred kilobytes.
pub const OBJECT: usize = 16 << 20;
/// Bytes of code and data together, `.bss` included.
pub const CONTENT: u64 = 64 << 20;
/// Sections.
pub const SECTIONS: usize = 1024;
/// Symbols.
pub const SYMBOLS: usize = 65_536;
/// Relocations of all sections.
pub const RELOCATIONS: usize = 1 << 20;
/// Functions of all sections; the kernel takes 256 in a program. Linking follows calls in depth, so this also bounds
/// the stack: a chain of so many takes less than 1.6 MiB of it in a build without optimisation.
pub const FUNCTIONS: usize = 512;
/// Programs times instructions of the object: what linking could copy at most.
pub const LINKED_SLOTS: u64 = 4 << 20;
/// Static values of maps of maps and program arrays.
pub const VALUES: usize = 1 << 20;
/// CO-RE relocations times types: each may be looked for among all, by name.
pub const TYPE_COMPARISONS: u64 = 1 << 27;
