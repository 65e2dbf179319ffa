//! Formatted text: `bpf_trace_printk()`, `bpf_trace_vprintk()`, `bpf_snprintf()`.
//!
//! The kernel's subset: `%d %i %u %x %X` with `l` or `ll`, `%c`, `%s %pks %pus`, `%p %px %pK`, `%ps %pS %pB`,
//! `%pi4 %pI4 %pi6 %pI6`, each with `[0 +-]*` and a width. Strings and addresses of packets are read from the
//! program's own memory; what cannot be read is empty, as in the kernel. Where a kernel prints a hash of an address
//! (`%p`, `%pK`), its lower half is printed; where the name of a function (`%ps`), its number. Of a text that is cut
//! off, the kernel does not count addresses of packets, and loses its place among the arguments; here all is counted.

use std::fmt::Write as _;

use xdpsim_devmap::Errno;

use super::format::{Spec, What, next_piece};
use super::{Helpers, World, length, signed};
use crate::fault::HelperFault;
use crate::memory::Memory;

/// Bytes of text of one call, with its end (`MAX_BPRINTF_BUF`); more is counted but cut off.
const TEXT: usize = 1024;
/// Room for arguments in the form in which the kernel keeps them (`MAX_BPRINTF_BIN_ARGS`).
const ROOM: usize = 512;
/// The most arguments (`MAX_BPRINTF_VARARGS`).
const ARGUMENTS: u64 = 12;

impl<W: World> Helpers<'_, W> {
    /// `bpf_trace_printk()`: always three arguments.
    pub(super) fn trace_printk(&mut self, memory: &Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        let [format, size, arguments @ ..] = args;
        let format = memory.bytes(format, length(size, 2)?)?;
        self.trace(memory, format, &arguments)
    }

    /// `bpf_trace_vprintk()`: an array of them.
    pub(super) fn trace_vprintk(&mut self, memory: &Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
        let [format, size, data, data_size, _] = args;
        let format = memory.bytes(format, length(size, 2)?)?;
        match arguments(memory, data, length(data_size, 4)?)? {
            Ok(arguments) => self.trace(memory, format, &arguments),
            Err(errno) => Ok(signed(Err(errno))),
        }
    }

    fn trace(&mut self, memory: &Memory, format: &[u8], arguments: &[u64]) -> Result<u64, HelperFault> {
        let Some(format) = format.split(|byte| *byte == 0).next().filter(|text| text.len() < format.len())
        else {
            return Ok(signed(Err(Errno::EINVAL)));
        };
        Ok(match print(memory, format, arguments) {
            Err(errno) => signed(Err(errno)),
            Ok(text) => {
                self.world.print(&text[..text.len().min(TEXT - 1)]);
                text.len() as u64
            }
        })
    }
}

/// `bpf_snprintf()`: the length of the whole text with its end, though only so much is written.
pub(super) fn snprintf(memory: &mut Memory, args: [u64; 5]) -> Result<u64, HelperFault> {
    let [to, to_size, format, data, data_size] = args;
    let (to_size, data_size) = (length(to_size, 2)?, length(data_size, 5)?);
    if to_size > 0 {
        memory.bytes_mut(to, to_size)?;
    }
    let arguments = match arguments(memory, data, data_size)? {
        Ok(arguments) => arguments,
        Err(errno) => return Ok(signed(Err(errno))),
    };
    let format = super::text::constant(memory, format, 3)?;
    let text = match print(memory, &format, &arguments) {
        Ok(text) => text,
        Err(errno) => return Ok(signed(Err(errno))),
    };
    if to_size > 0 {
        let kept = text.len().min(to_size as usize - 1);
        let to = memory.bytes_mut(to, to_size)?;
        to[..kept].copy_from_slice(&text[..kept]);
        to[kept] = 0;
    }
    Ok(text.len() as u64 + 1)
}

/// An array of arguments, or why the kernel does not take it.
fn arguments(memory: &Memory, data: u64, size: u32) -> Result<Result<Vec<u64>, Errno>, HelperFault> {
    if size == 0 {
        return Ok(Ok(vec![]));
    }
    let bytes = if data == 0 { &[][..] } else { memory.bytes(data, size)? };
    if !size.is_multiple_of(8) || u64::from(size) > ARGUMENTS * 8 || data == 0 {
        return Ok(Err(Errno::EINVAL));
    }
    Ok(Ok(bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()))
}

/// The text, with no limit but that of the arguments' room and of widths.
fn print(memory: &Memory, format: &[u8], arguments: &[u64]) -> Result<Vec<u8>, Errno> {
    let (mut text, mut rest, mut arguments, mut room) = (Vec::new(), format, arguments.iter(), Room(0));
    while let Some(piece) = next_piece(rest)? {
        text.extend_from_slice(piece.plain);
        rest = piece.rest;
        let Some(spec) = piece.spec else { continue };
        let argument = *arguments.next().ok_or(Errno::EINVAL)?;
        one(&mut text, memory, spec, argument, &mut room)?;
    }
    Ok(text)
}

/// How much of the arguments' room is taken.
struct Room(usize);

impl Room {
    fn left(&self) -> usize {
        ROOM.saturating_sub(self.0)
    }

    /// A number: aligned to 4.
    fn number(&mut self, size: usize) -> Result<(), Errno> {
        self.0 = self.0.next_multiple_of(4);
        if self.left() < size {
            return Err(Errno::ENOSPC);
        }
        self.0 += size;
        Ok(())
    }

    /// Bytes of which at least these must fit.
    fn bytes(&mut self, needed: usize, taken: usize) -> Result<(), Errno> {
        if self.left() < needed {
            return Err(Errno::ENOSPC);
        }
        self.0 += taken;
        Ok(())
    }
}

fn one(text: &mut Vec<u8>, memory: &Memory, spec: Spec, arg: u64, room: &mut Room) -> Result<(), Errno> {
    match spec.what {
        What::Number { size, signed, base16, upper } => {
            room.number(size)?;
            let wide = size == 8;
            let value = match (wide, signed) {
                (true, true) => i128::from(arg.cast_signed()),
                (true, false) => i128::from(arg),
                (false, true) => i128::from(arg as i32),
                (false, false) => i128::from(arg as u32),
            };
            spec.number(text, value, base16, upper, signed);
        }
        What::Char => {
            room.bytes(1, 1)?;
            spec.pad(text, &[arg as u8]);
        }
        What::String => {
            room.bytes(1, 0)?;
            let found = string(memory, arg, room.left()).unwrap_or_default();
            room.bytes(0, found.len() + 1)?;
            spec.pad(text, &found);
        }
        What::Pointer { hashed } => {
            room.number(8)?;
            let arg = if hashed { arg & 0xffff_ffff } else { arg };
            let zeroes = if spec.width == 0 { spec.zeroes(16) } else { spec };
            zeroes.number(text, i128::from(arg), true, false, false);
        }
        What::Symbol { kept_as_text } => {
            let name = format!("{arg:#x}");
            if kept_as_text {
                room.0 += name.len() + 1;
            } else {
                room.number(8)?;
            }
            spec.pad(text, name.as_bytes());
        }
        What::Ip { v6, plain } => {
            let size = if v6 { 16 } else { 4 };
            if room.left() < size {
                return Err(Errno::ENOSPC);
            }
            let bytes = memory.bytes(arg, size as u32).unwrap_or(&[0; 16][..size]);
            let name = address(bytes, plain);
            room.0 += name.len() + 1;
            text.extend_from_slice(name.as_bytes());
        }
    }
    Ok(())
}

/// A string of at most so many bytes, its end included; none if it cannot be read.
fn string(memory: &Memory, at: u64, room: usize) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for offset in 0..room as u64 {
        let byte = memory.bytes(at.wrapping_add(offset), 1).ok()?[0];
        if byte == 0 || all.len() + 1 == room {
            break;
        }
        all.push(byte);
    }
    Some(all)
}

/// `%pI4`, `%pi4` (with zeroes in front), `%pI6`, `%pi6` (without colons).
fn address(bytes: &[u8], plain: bool) -> String {
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let (v6, first) = (bytes.len() == 16, at == 0);
        let written = match (v6, plain) {
            (false, false) => write!(text, "{}{byte}", if first { "" } else { "." }),
            (false, true) => write!(text, "{}{byte:03}", if first { "" } else { "." }),
            (true, false) => write!(text, "{}{byte:02x}", if first || at % 2 == 1 { "" } else { ":" }),
            (true, true) => write!(text, "{byte:02x}"),
        };
        written.expect("strings take everything");
    }
    text
}
