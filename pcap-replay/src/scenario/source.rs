//! The text of a scenario file: read within a limit, and positions in it.
//!
//! Knows nothing of TOML. A file that cannot be read, is too large or is no UTF-8 ends here.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A stretch of bytes in a scenario's text.
pub type Span = Range<usize>;

/// Scenario files may be this long; longer ones are refused unread.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A scenario's text and the name under which errors speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    defect: Option<(Span, String)>,
}

impl Source {
    /// Reads a file, at most [`FILE_BYTES_MAX`] of it.
    ///
    /// # Errors
    /// What the operating system says when the file cannot be opened or read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Self::from_bytes(&path.display().to_string(), &bytes))
    }

    /// Text from elsewhere; `name` stands for the file's in messages. Too many bytes and bytes that
    /// are no UTF-8 are kept as a defect, which [`super::parse`] reports.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Self {
        let name = name.into();
        if bytes.len() > FILE_BYTES_MAX {
            let message = format!("the file is longer than {FILE_BYTES_MAX} bytes");
            return Self { name, text: "".into(), defect: Some((0..0, message)) };
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { name, text: text.into(), defect: None },
            Err(error) => {
                let at = error.valid_up_to();
                let message = format!("byte {at} (0x{:02x}) is not UTF-8", bytes[at]);
                let text = String::from_utf8_lossy(bytes).into();
                Self { name, text, defect: Some((at..at + char::REPLACEMENT_CHARACTER.len_utf8(), message)) }
            }
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn defect(&self) -> Option<(Span, &str)> {
        self.defect.as_ref().map(|(span, message)| (span.clone(), message.as_str()))
    }

    /// Where an offset lies.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let before = &self.text[..offset.unwrap_or(0)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Length in bytes of the longest line that a span touches.
    pub(super) fn line_bytes(&self, span: &Span) -> usize {
        let bytes = self.text.as_bytes();
        let start = bytes[..span.start.min(bytes.len())].iter().rposition(|byte| *byte == b'\n');
        let end = bytes[span.end.min(bytes.len())..].iter().position(|byte| *byte == b'\n');
        let start = start.map_or(0, |newline| newline + 1);
        let end = end.map_or(bytes.len(), |newline| span.end.min(bytes.len()) + newline);
        bytes[start..end].split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0)
    }
}

/// A place in a text as editors count it: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::from_bytes("x", "a\nbäc\n".as_bytes());
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(5), Position { line: 2, column: 3 });
        assert_eq!(source.position(4), Position { line: 2, column: 2 }, "in the middle of a character");
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
    }

    #[test]
    fn the_longest_line_of_a_span() {
        let source = Source::from_bytes("x", b"ab\ncdefg\nh");
        assert_eq!(source.line_bytes(&(0..1)), 2);
        assert_eq!(source.line_bytes(&(1..4)), 5);
        assert_eq!(source.line_bytes(&(9..99)), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_a_defect() {
        let source = Source::from_bytes("x", b"ab\xffc");
        assert_eq!(source.defect(), Some((2..5, "byte 2 (0xff) is not UTF-8")));
        assert_eq!(Source::from_bytes("x", &vec![b' '; FILE_BYTES_MAX + 1]).text(), "");
        assert!(Source::from_bytes("x", &vec![b' '; FILE_BYTES_MAX]).defect().is_none());
    }
}
