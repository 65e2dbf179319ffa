//! Format strings as the kernel takes them from programs: what it refuses, and how a field is laid out.

use xdpsim_devmap::Errno;

/// The widest field: the kernel keeps 24 bits, and more than a text's length makes no difference that can be seen.
const MAX_WIDTH: usize = 1 << 23;

/// What a conversion prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Number {
        size: usize,
        signed: bool,
        base16: bool,
        upper: bool,
    },
    Char,
    String,
    /// An address; `hashed` if a kernel shows a hash of it, of 32 bits.
    Pointer {
        hashed: bool,
    },
    /// A function's name; `%pB` is printed before the text is.
    Symbol {
        kept_as_text: bool,
    },
    /// An address of 4 or 16 bytes that the argument points to; `plain` is the lower-case form.
    Ip {
        v6: bool,
        plain: bool,
    },
}

/// A conversion with its flags and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub what: What,
    pub width: usize,
    pub zero: bool,
    left: bool,
    plus: bool,
    space: bool,
}

impl Spec {
    /// The same, with zeroes in front up to this width.
    pub fn zeroes(self, width: usize) -> Self {
        Self { width, zero: true, ..self }
    }

    /// Bytes, with blanks up to the width.
    pub fn pad(self, text: &mut Vec<u8>, bytes: &[u8]) {
        let blanks = self.width.saturating_sub(bytes.len());
        let blank = |text: &mut Vec<u8>| text.resize(text.len() + blanks, b' ');
        if !self.left {
            blank(text);
        }
        text.extend_from_slice(bytes);
        if self.left {
            blank(text);
        }
    }

    /// A number, with its sign, and blanks or zeroes up to the width.
    pub fn number(self, text: &mut Vec<u8>, value: i128, base16: bool, upper: bool, signed: bool) {
        let digits = match (base16, upper) {
            (false, _) => format!("{}", value.unsigned_abs()),
            (true, false) => format!("{:x}", value.unsigned_abs()),
            (true, true) => format!("{:X}", value.unsigned_abs()),
        };
        let sign = match () {
            () if !signed => "",
            () if value < 0 => "-",
            () if self.plus => "+",
            () if self.space => " ",
            () => "",
        };
        if self.zero && !self.left {
            let zeroes = self.width.saturating_sub(sign.len() + digits.len());
            text.extend_from_slice(sign.as_bytes());
            text.resize(text.len() + zeroes, b'0');
            text.extend_from_slice(digits.as_bytes());
        } else {
            self.pad(text, format!("{sign}{digits}").as_bytes());
        }
    }
}

/// Plain text and the conversion that follows it, if one does.
pub(super) struct Piece<'a> {
    pub plain: &'a [u8],
    pub spec: Option<Spec>,
    pub rest: &'a [u8],
}

/// The next piece of a format without its end; none at the end.
pub(super) fn next_piece(format: &[u8]) -> Result<Option<Piece<'_>>, Errno> {
    let at = format.iter().position(|byte| *byte == b'%').unwrap_or(format.len());
    let (plain, rest) = format.split_at(at);
    if plain.iter().any(|byte| byte.is_ascii() && !is_print(*byte) && !is_space(*byte)) {
        return Err(Errno::EINVAL);
    }
    match rest {
        [] if plain.is_empty() => Ok(None),
        [] => Ok(Some(Piece { plain, spec: None, rest })),
        [_, b'%', rest @ ..] => Ok(Some(Piece { plain: &format[..=at], spec: None, rest })),
        [_, conversion @ ..] => {
            let (spec, rest) = conversion_of(conversion)?;
            Ok(Some(Piece { plain, spec: Some(spec), rest }))
        }
    }
}

/// What follows `%`.
fn conversion_of(mut text: &[u8]) -> Result<(Spec, &[u8]), Errno> {
    let mut spec = Spec { what: What::Char, width: 0, zero: false, left: false, plus: false, space: false };
    while let [flag @ (b'0' | b'+' | b'-' | b' '), rest @ ..] = text {
        match flag {
            b'0' => spec.zero = true,
            b'+' => spec.plus = true,
            b'-' => spec.left = true,
            _ => spec.space = true,
        }
        text = rest;
    }
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        spec.width = (spec.width * 10 + usize::from(digit - b'0')).min(MAX_WIDTH);
        text = rest;
    }
    let (what, rest) = what(text)?;
    Ok((Spec { what, ..spec }, rest))
}

fn what(text: &[u8]) -> Result<(What, &[u8]), Errno> {
    match text {
        [b'p', rest @ ..] => pointer(rest),
        [b's', rest @ ..] => string(rest),
        [b'c', rest @ ..] => Ok((What::Char, rest)),
        [b'l', b'l', kind, rest @ ..] => Ok((number(8, *kind)?, rest)),
        [b'l', kind, rest @ ..] => Ok((number(8, *kind)?, rest)),
        [kind, rest @ ..] => Ok((number(4, *kind)?, rest)),
        [] => Err(Errno::EINVAL),
    }
}

fn number(size: usize, kind: u8) -> Result<What, Errno> {
    let (signed, base16, upper) = match kind {
        b'd' | b'i' => (true, false, false),
        b'u' => (false, false, false),
        b'x' => (false, true, false),
        b'X' => (false, true, true),
        _ => return Err(Errno::EINVAL),
    };
    Ok(What::Number { size, signed, base16, upper })
}

/// What follows `%p`.
fn pointer(text: &[u8]) -> Result<(What, &[u8]), Errno> {
    let (what, rest) = match text {
        [b'k' | b'u', b's', rest @ ..] => {
            let (what, rest) = string(rest)?;
            return Ok((what, rest));
        }
        [kind @ (b'K' | b'x'), rest @ ..] => (What::Pointer { hashed: *kind == b'K' }, rest),
        [b's' | b'S', rest @ ..] => (What::Symbol { kept_as_text: false }, rest),
        [b'B', rest @ ..] => (What::Symbol { kept_as_text: true }, rest),
        [case @ (b'i' | b'I'), version @ (b'4' | b'6'), rest @ ..] => {
            (What::Ip { v6: *version == b'6', plain: *case == b'i' }, rest)
        }
        _ if ends_word(text) => (What::Pointer { hashed: true }, text),
        _ => return Err(Errno::EINVAL),
    };
    // Letters and digits behind it belong to it, whatever they mean elsewhere in the kernel.
    let more = rest.iter().take_while(|byte| is_alnum(**byte)).count();
    Ok((what, &rest[more..]))
}

fn string(rest: &[u8]) -> Result<(What, &[u8]), Errno> {
    if ends_word(rest) { Ok((What::String, rest)) } else { Err(Errno::EINVAL) }
}

/// The end, a blank or punctuation follows.
fn ends_word(text: &[u8]) -> bool {
    text.first().is_none_or(|byte| is_space(*byte) || is_punctuation(*byte))
}

/// The kernel's classes are those of Latin-1.
fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | b' ' | 0xa0)
}

fn is_punctuation(byte: u8) -> bool {
    byte.is_ascii_punctuation() || matches!(byte, 0xa1..=0xbf | 0xd7 | 0xf7)
}

fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0xc0 && !is_punctuation(byte)
}

fn is_print(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic() || byte >= 0xa0
}
