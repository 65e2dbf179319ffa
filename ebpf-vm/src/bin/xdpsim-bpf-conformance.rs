//! A plugin for the public eBPF conformance suite (github.com/Alan-Jowett/bpf_conformance).
//!
//! The suite starts it once for each test. It reads a program in hexadecimal, bytes apart by spaces, from standard
//! input (or `--program`), takes the initial memory in the same form as an argument, runs the program with R1 at the
//! memory and R2 its length, and prints R0 in hexadecimal. A program that is refused or does what no program may do is an
//! exit code of 1 and a line on standard error.

use std::io::Read as _;
use std::process::ExitCode;

use object::{Object as _, ObjectSection as _};
use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::{Code, Engine, Insn, Limits, MapIdx, Memory, ProgIdx, Program};

const USAGE: &str =
    "usage: xdpsim-bpf-conformance [--program HEX] [MEMORY_HEX] [--engine NAME] [--elf] [--debug]

Runs an eBPF program, given in hexadecimal on standard input or by --program, and prints R0.
R1 points to the memory, R2 is its length. Made for bpf_conformance's runner.

  --engine NAME  what runs it; --debug says which was taken
  --elf          the input is an ELF file: its section xdp, or .text
  --debug        says on standard error what is run";

/// What the arguments ask for.
#[derive(Default)]
struct Options {
    program: Option<String>,
    memory: Vec<u8>,
    engine: Engine,
    elf: bool,
    debug: bool,
}

/// Reads arguments, in any order: the runner puts memory first and its own options last. None: usage is wanted.
fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut arguments = arguments.flat_map(|argument| match argument.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
        _ => vec![argument],
    });
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" => return Ok(None),
            "--program" => options.program = Some(value()?),
            "--engine" => options.engine = value()?.parse().map_err(|error| format!("--engine: {error}"))?,
            "--elf" => options.elf = true,
            "--debug" => options.debug = true,
            "" => {}
            other if other.starts_with('-') => return Err(format!("unknown option {other}; see --help")),
            memory => options.memory = bytes(memory).map_err(|error| format!("the memory: {error}"))?,
        }
    }
    Ok(Some(options))
}

/// Bytes in hexadecimal, apart by spaces, or two digits each without.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let pairs: Vec<&[u8]> =
            if word.len() < 2 { vec![word.as_bytes()] } else { word.as_bytes().chunks(2).collect() };
        for pair in pairs {
            let byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            all.push(byte.ok_or_else(|| format!("`{word}` is not bytes in hexadecimal"))?);
        }
    }
    Ok(all)
}

/// R1 and R2, from the context that a program begins with.
fn prologue() -> [Insn; 3] {
    let end = Insn { code: 0x61, dst: 2, src: 1, off: 4, imm: 0 };
    let start = Insn { code: 0x61, dst: 1, src: 1, off: 0, imm: 0 };
    let length = Insn { code: 0x1f, dst: 2, src: 1, off: 0, imm: 0 };
    [end, start, length]
}

/// The program's slots, with R1 and R2 set first unless the program does so itself.
fn slots(input: &[u8], elf: bool) -> Result<Vec<Insn>, String> {
    let read = |bytes: &[u8]| Insn::read_all(bytes).map_err(|error| error.to_string());
    if !elf {
        return Ok([prologue().to_vec(), read(input)?].concat());
    }
    let file = object::File::parse(input).map_err(|error| format!("the ELF file: {error}"))?;
    let data = |name: &str| file.section_by_name(name).and_then(|section| section.data().ok());
    match (data("xdp"), data(".text")) {
        // The runner calls it so where it has put instructions in front itself.
        (Some(section), _) if !section.is_empty() => read(section),
        (_, Some(section)) => Ok([prologue().to_vec(), read(section)?].concat()),
        _ => Err("the ELF file has neither a section xdp nor .text".into()),
    }
}

/// Nothing around it.
struct Alone;

impl World for Alone {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        1
    }
    fn random(&mut self) -> u32 {
        1
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        0
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
}

fn run(options: Options) -> Result<u64, String> {
    let text = match options.program {
        Some(text) => text,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
            text
        }
    };
    let input = bytes(&text).map_err(|error| format!("the program: {error}"))?;
    let program = Program::decode(&slots(&input, options.elf)?, 0).map_err(|error| error.to_string())?;
    if options.debug {
        let (slots, bytes) = (program.ops().len(), options.memory.len());
        eprintln!("{slots} slots, {bytes} bytes of memory, on the {}", options.engine);
    }
    let mut memory = Memory::new();
    memory.packet_in(&options.memory, 256, 256);
    let (mut maps, mut alone) = (MapSet::default(), Alone);
    let mut host = Helpers::new(&mut maps, &mut alone);
    let code = Code::new(vec![program], options.engine);
    code.run(ProgIdx(0), &mut memory, &mut host, Limits::default()).map_err(|fault| fault.to_string())
}

fn main() -> ExitCode {
    let done = match options(std::env::args().skip(1)) {
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(options)) => run(options),
        Err(error) => Err(error),
    };
    match done {
        Ok(r0) => {
            println!("{r0:x}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
