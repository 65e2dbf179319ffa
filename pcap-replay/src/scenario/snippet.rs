//! The lines of a source that are shown under a problem: whole, and no more than those.
//!
//! miette's own reader cuts lines at the span or adds lines around it, and joins places that are far
//! apart; a scenario's problem is in its line.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::source::{Position, Source};

/// A source as miette reads it.
#[derive(Debug)]
pub(super) struct Snippet<'a>(pub(super) &'a Source);

impl SourceCode for Snippet<'_> {
    /// Without context lines asked for, the span itself (its place becomes the report's headline);
    /// with them, the whole lines that the span touches.
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text = self.0.text();
        let (from, to) = (span.offset(), span.offset().saturating_add(span.len()));
        let head = text.get(..from).ok_or(MietteError::OutOfBounds)?;
        let tail = text.get(to..).ok_or(MietteError::OutOfBounds)?;
        let Position { line, column } = self.0.position(from);
        let (start, end, column) = match before {
            0 => (from, to, column - 1),
            _ => {
                let start = head.rfind('\n').map_or(0, |newline| newline + 1);
                let end = tail.find('\n').map_or(text.len(), |newline| to + newline);
                (start, end, 0)
            }
        };
        let data = &text.as_bytes()[start..end];
        let lines = data.iter().filter(|byte| **byte == b'\n').count();
        let (name, whole) = (self.0.name().to_owned(), (start, end - start).into());
        Ok(Box::new(MietteSpanContents::new_named(name, data, whole, line - 1, column, lines)))
    }
}
