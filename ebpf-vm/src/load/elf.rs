//! The ELF file as it came: sections and symbols, within bounds, before `aya-obj` sees it.
//!
//! `aya-obj` believes what an object says and panics where it is wrong, so everything that it indexes with is
//! checked here. It also refuses an object with one section that it does not know; such a section is hidden
//! from it (see [`Elf::hide`]).

use object::elf::{EM_BPF, ET_REL, FileHeader64, SHF_EXECINSTR};
use object::read::elf::{ElfFile, FileHeader, SectionHeader};
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SymbolKind,
};

use super::error::{Problem, Result};
use super::limits;
use super::program::Attach;

type File<'a> = ElfFile<'a, FileHeader64<LittleEndian>, &'a [u8]>;

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// XDP programs.
    Programs { attach: Attach, frags: bool },
    /// Functions that programs call.
    Text,
    /// Programs of other types.
    Foreign,
    /// Maps, as libbpf 1 wants them.
    Maps,
    /// Maps, as they were before BTF.
    LegacyMaps,
    /// Variables.
    Data,
    /// Anything else.
    Other,
}

impl Role {
    pub(super) fn has_code(self) -> bool {
        matches!(self, Self::Programs { .. } | Self::Text)
    }
}

pub(super) struct Section<'a> {
    pub index: usize,
    pub name: &'a str,
    pub role: Role,
    pub data: &'a [u8],
    pub size: u64,
    /// Where its bytes begin in the file.
    pub file_offset: usize,
    /// Offset and symbol.
    pub relocations: Vec<(u64, usize)>,
}

pub(super) struct Symbol<'a> {
    pub index: usize,
    pub name: &'a str,
    /// The section that defines it.
    pub section: Option<usize>,
    pub address: u64,
    pub size: u64,
    pub kind: SymbolKind,
    pub weak: bool,
}

pub(super) struct Elf<'a> {
    pub sections: Vec<Section<'a>>,
    pub symbols: Vec<Symbol<'a>>,
    /// Where the table of section headers begins.
    headers: u64,
}

impl<'a> Elf<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > limits::OBJECT {
            return Err(Problem::new(
                format!("the object has {} bytes, the limit is {}", bytes.len(), limits::OBJECT),
                "strip debug information with `llvm-strip -g`",
            ));
        }
        let file = File::parse(bytes).map_err(|why| not_elf(bytes, &why.to_string()))?;
        let header = file.elf_header();
        let (machine, kind) = (header.e_machine.get(LittleEndian), header.e_type.get(LittleEndian));
        if machine != EM_BPF || kind != ET_REL {
            return Err(not_elf(bytes, &format!("it is ELF of machine {machine} and type {kind}")));
        }
        let symbols = symbols(&file)?;
        let sections = sections(&file)?;
        let elf = Self { sections, symbols, headers: header.e_shoff(LittleEndian) };
        elf.check()?;
        Ok(elf)
    }

    pub(super) fn section(&self, index: usize) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.index == index)
    }

    pub(super) fn section_named(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    pub(super) fn symbol(&self, index: usize) -> Option<&Symbol<'a>> {
        // Symbols are listed by rising number; the first number is 1.
        let found = self.symbols.binary_search_by_key(&index, |symbol| symbol.index).ok()?;
        self.symbols.get(found)
    }

    /// The symbols that a section defines.
    pub(super) fn symbols_in(&self, section: usize) -> impl Iterator<Item = &Symbol<'a>> {
        self.symbols.iter().filter(move |symbol| symbol.section == Some(section))
    }

    /// The functions among them.
    pub(super) fn functions_in(&self, section: usize) -> impl Iterator<Item = &Symbol<'a>> {
        self.symbols_in(section).filter(|symbol| symbol.kind == SymbolKind::Text)
    }

    /// Takes the mark "executable" off a section of `copy`: then `aya-obj` passes over it.
    pub(super) fn hide(&self, section: &Section<'_>, copy: &mut [u8]) {
        const HEADER: usize = 64;
        const FLAGS: usize = 8;
        let at = self.headers as usize + section.index * HEADER + FLAGS;
        if let Some(byte) = copy.get_mut(at) {
            *byte &= !(SHF_EXECINSTR as u8);
        }
    }

    fn check(&self) -> Result<()> {
        let code = self.sections.iter().filter(|section| section.role.has_code());
        let slots: u64 = code.clone().map(|section| section.size / 8).sum();
        let count = |text: bool| {
            code.clone()
                .filter(|section| text || section.role != Role::Text)
                .map(|section| self.functions_in(section.index).count())
                .sum::<usize>()
        };
        let (functions, programs) = (count(true), count(false) as u64);
        if functions > limits::FUNCTIONS || slots.saturating_mul(programs) > limits::LINKED_SLOTS {
            return Err(Problem::new(
                format!("{functions} functions, {slots} instructions in {programs} programs are too many"),
                format!(
                    "split the object: at most {} functions, and at most {} for programs times instructions",
                    limits::FUNCTIONS,
                    limits::LINKED_SLOTS
                ),
            ));
        }
        code.clone().try_for_each(|section| self.check_code(section))?;
        let ranged = |role| matches!(role, Role::LegacyMaps | Role::Data | Role::Maps);
        self.sections.iter().filter(|section| ranged(section.role)).try_for_each(|section| {
            self.symbols_in(section.index).try_for_each(|symbol| check_range(section, symbol))
        })
    }

    fn check_code(&self, section: &Section<'_>) -> Result<()> {
        let here = |what: &str| Problem::new(what, "compile the object again").section(section.name);
        if !section.size.is_multiple_of(8) || section.data.len() as u64 != section.size {
            return Err(here("its code is no whole number of instructions"));
        }
        for symbol in self.symbols_in(section.index) {
            check_range(section, symbol)?;
            if symbol.kind == SymbolKind::Text && (symbol.address % 8 != 0 || symbol.size % 8 != 0) {
                return Err(here("a function does not begin and end at an instruction").symbol(symbol.name));
            }
        }
        for &(offset, symbol) in &section.relocations {
            if offset % 8 != 0 || offset >= section.size {
                return Err(here("a relocation does not belong to an instruction").offset(offset));
            }
            if self.symbol(symbol).is_none() {
                return Err(here("a relocation names a symbol that does not exist").offset(offset));
            }
        }
        Ok(())
    }
}

fn not_elf(bytes: &[u8], why: &str) -> Box<Problem> {
    let remedy = "compile with `clang -target bpf -O2 -g -c`";
    if bytes.starts_with(b"\x7fELF\x02\x02") {
        return Problem::new("it is a big-endian object", "compile with `clang -target bpfel`");
    }
    if bytes.starts_with(b"BC\xc0\xde") {
        return Problem::new("it is LLVM bitcode", remedy);
    }
    Problem::new(format!("this is no BPF object: {why}"), remedy)
}

fn check_range(section: &Section<'_>, symbol: &Symbol<'_>) -> Result<()> {
    match symbol.address.checked_add(symbol.size) {
        Some(end) if end <= section.size => Ok(()),
        _ => Err(Problem::new("the symbol reaches beyond its section", "compile the object again")
            .section(section.name)
            .symbol(symbol.name)
            .offset(symbol.address)),
    }
}

fn symbols<'a>(file: &File<'a>) -> Result<Vec<Symbol<'a>>> {
    let mut all = Vec::new();
    for symbol in file.symbols() {
        let bad =
            |_| Problem::new(format!("symbol {} has no name", symbol.index().0), "compile the object again");
        all.push(Symbol {
            index: symbol.index().0,
            name: symbol.name().map_err(bad)?,
            section: symbol.section_index().map(|index| index.0),
            address: symbol.address(),
            size: symbol.size(),
            kind: symbol.kind(),
            weak: symbol.is_weak(),
        });
        if all.len() > limits::SYMBOLS {
            return Err(Problem::new(
                format!("more than {} symbols", limits::SYMBOLS),
                "strip debug information with `llvm-strip -g`",
            ));
        }
    }
    Ok(all)
}

fn sections<'a>(file: &File<'a>) -> Result<Vec<Section<'a>>> {
    let (mut all, mut bytes, mut relocations) = (Vec::new(), 0_u64, 0);
    for section in file.sections() {
        let index = section.index().0;
        let bad = |why: object::Error| {
            Problem::new(format!("section {index} is damaged: {why}"), "compile the object again")
        };
        let name = section.name().map_err(bad)?;
        let role = role(name, section.kind() == object::SectionKind::Text && section.size() > 0)?;
        let read = Section {
            index,
            name,
            role,
            data: section.data().map_err(bad)?,
            size: section.size(),
            file_offset: section.file_range().map_or(0, |(at, _)| at as usize),
            relocations: relocations_of(&section).map_err(|problem| problem.section(name))?,
        };
        if read.role != Role::Other {
            bytes = bytes.saturating_add(read.size);
        }
        relocations += read.relocations.len();
        if section.elf_section_header().sh_addr(LittleEndian) != 0 {
            return Err(Problem::new("it has an address", "load the object, not a linked file").section(name));
        }
        if bytes > limits::CONTENT || relocations > limits::RELOCATIONS || all.len() >= limits::SECTIONS {
            return Err(Problem::new(
                "code and data, relocations or sections are too many",
                format!(
                    "the limits are {} bytes, {} relocations, {} sections",
                    limits::CONTENT,
                    limits::RELOCATIONS,
                    limits::SECTIONS
                ),
            )
            .section(name));
        }
        all.push(read);
    }
    Ok(all)
}

fn relocations_of<'a>(section: &impl object::ObjectSection<'a>) -> Result<Vec<(u64, usize)>> {
    section
        .relocations()
        .map(|(offset, relocation)| match relocation.target() {
            RelocationTarget::Symbol(symbol) => Ok((offset, symbol.0)),
            _ => Err(Problem::new("a relocation names no symbol", "compile the object again").offset(offset)),
        })
        .collect()
}

fn role(name: &str, code: bool) -> Result<Role> {
    // The order is that of `aya-obj`, which goes by the beginnings of names.
    Ok(match name {
        _ if name.starts_with("license") || name.starts_with("version") => Role::Other,
        _ if name.starts_with("maps") => Role::LegacyMaps,
        _ if name.starts_with(".maps") => Role::Maps,
        _ if name.starts_with(".text") => Role::Text,
        _ if [".bss", ".data", ".rodata"].iter().any(|start| name.starts_with(start)) => Role::Data,
        _ if !code => Role::Other,
        _ => programs(name)?,
    })
}

fn programs(name: &str) -> Result<Role> {
    let (kind, rest) = name.split_once('/').map_or((name, None), |(kind, rest)| (kind, Some(rest)));
    let attach = match rest {
        None => Attach::Interface,
        Some("devmap") => Attach::Devmap,
        Some("cpumap") => Attach::Cpumap,
        Some(_) if kind == "xdp" || kind == "xdp.frags" => return Err(old_name(name)),
        Some(_) => return Ok(Role::Foreign),
    };
    match kind {
        "xdp" => Ok(Role::Programs { attach, frags: false }),
        "xdp.frags" => Ok(Role::Programs { attach, frags: true }),
        _ if kind.starts_with("xdp_") => Err(old_name(name)),
        _ => Ok(Role::Foreign),
    }
}

fn old_name(name: &str) -> Box<Problem> {
    Problem::new(
        "libbpf 1.0 and later know no such section, which hides an XDP program",
        "write SEC(\"xdp\"), SEC(\"xdp.frags\"), SEC(\"xdp/devmap\") or SEC(\"xdp/cpumap\"), and compile again",
    )
    .section(name)
}
