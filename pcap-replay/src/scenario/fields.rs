//! A TOML table read key by key: each key once, with its type, and nothing left over.
//!
//! Owns wrong types, numbers out of range, missing and unknown keys. What a value means is for the
//! section's own module.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diag::{Problem, Sink};
use super::source::Span;
use super::suggest;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loc<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<T> Loc<T> {
    pub(super) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl Loc<&str> {
    pub(super) fn owned(&self) -> String {
        self.value.to_owned()
    }
}

/// A TOML value and where it stands.
pub(super) type Item<'a> = &'a Spanned<DeValue<'a>>;

/// What a word of a fixed list stands for; words known but not modelled yet carry the reason.
pub(super) struct Words<'w, T> {
    pub(super) known: &'w [(&'static str, T)],
    pub(super) refused: &'w [(&'static str, &'static str)],
}

/// A table that is being read.
pub(super) struct Fields<'a> {
    /// What the table describes, as messages call it: "port `eth1`".
    pub(super) what: String,
    /// Its header, or all of an inline table.
    pub(super) span: Span,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    refused: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(what: impl Into<String>, table: &'a DeTable<'a>, span: Span) -> Self {
        Self { what: what.into(), span, table, known: Vec::new(), refused: Vec::new() }
    }

    /// The value of a key, whatever it is.
    pub(super) fn item(&mut self, key: &'static str) -> Option<Item<'a>> {
        #[cfg(test)]
        super::asked::note(&self.what, key);
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// Is the key there? Does not count as reading it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports a key that has to be there and is not.
    pub(super) fn need(&mut self, sink: &mut Sink, key: &'static str, help: &str) {
        if self.item(key).is_none() {
            let message = format!("{} has no `{key}`", self.what);
            sink.error(|| {
                Problem::error(message, self.span.clone(), format!("`{key}` is required")).help(help)
            });
        }
    }

    /// Reports keys that exist elsewhere but do not belong here.
    pub(super) fn refuse(&mut self, sink: &mut Sink, keys: &[&'static str], why: &str) {
        for &key in keys {
            self.refused.push(key);
            if let Some((found, _)) = self.table.iter().find(|(found, _)| found.get_ref() == key) {
                let message = format!("`{key}` does not belong to {}", self.what);
                sink.error(|| Problem::error(message, found.span(), why));
            }
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, sink: &mut Sink) {
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) && !self.refused.contains(&name) {
                sink.error(|| {
                    let message = format!("unknown key `{}` of {}", clip(name), self.what);
                    let help = suggest::did_you_mean(name, self.known.iter().copied());
                    Problem::error(message, key.span(), "no such key").help_if(help)
                });
            }
        }
    }

    /// A string.
    pub(super) fn text(&mut self, sink: &mut Sink, key: &'static str, wanted: &str) -> Option<Loc<&'a str>> {
        let item = self.item(key)?;
        text(sink, item, || self.name_of(key), wanted)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, sink: &mut Sink, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        match item.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => {
                wrong_type(sink, item.span(), &self.name_of(key), other, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number.
    pub(super) fn number(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Loc<u64>> {
        let item = self.item(key)?;
        number(sink, item, || self.name_of(key), range)
    }

    /// A whole number of 32 bits; the range must fit.
    pub(super) fn number_u32(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<Loc<u32>> {
        let found = self.number(sink, key, u64::from(*range.start())..=u64::from(*range.end()))?;
        u32::try_from(found.value).ok().map(|value| Loc::new(value, found.span))
    }

    /// A list.
    pub(super) fn list(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        wanted: &str,
    ) -> Option<Loc<&'a [Spanned<DeValue<'a>>]>> {
        let item = self.item(key)?;
        match item.get_ref() {
            DeValue::Array(items) => Some(Loc::new(items.as_ref(), item.span())),
            other => {
                wrong_type(sink, item.span(), &self.name_of(key), other, wanted);
                None
            }
        }
    }

    /// A list of strings.
    pub(super) fn texts(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        wanted: &str,
    ) -> Option<Vec<Loc<&'a str>>> {
        let items = self.list(sink, key, wanted)?.value;
        let what = || format!("an entry of {}", self.name_of(key));
        Some(items.iter().filter_map(|item| text(sink, item, what, "a string")).collect())
    }

    /// One of a fixed list of words.
    pub(super) fn word<T: Copy>(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        words: &Words<T>,
    ) -> Option<T> {
        let names = || words.known.iter().map(|(name, _)| *name);
        let found = self.text(sink, key, &format!("one of {}", quoted(names())))?;
        word(sink, &found, &self.name_of(key), words)
    }

    fn name_of(&self, key: &str) -> String {
        format!("`{key}` of {}", self.what)
    }
}

/// Finds a word in its list, or reports it.
pub(super) fn word<T: Copy>(sink: &mut Sink, found: &Loc<&str>, what: &str, words: &Words<T>) -> Option<T> {
    if let Some((_, value)) = words.known.iter().find(|(name, _)| *name == found.value) {
        return Some(*value);
    }
    let names = words.known.iter().map(|(name, _)| *name);
    let refused = words.refused.iter().find(|(name, _)| *name == found.value);
    sink.error(|| match refused {
        Some((name, why)) => {
            Problem::error(format!("{what}: `{name}` is not modelled yet"), found.span.clone(), *why)
        }
        None => {
            let message = format!("{what} is `{}`", clip(found.value));
            match suggest::nearest(found.value, names.clone()) {
                Some(meant) => Problem::error(message, found.span.clone(), "unknown value")
                    .help(format!("did you mean \"{meant}\"?")),
                None => {
                    Problem::error(message, found.span.clone(), format!("expected one of {}", quoted(names)))
                }
            }
        }
    });
    None
}

/// Reads a string.
pub(super) fn text<'a>(
    sink: &mut Sink,
    item: Item<'a>,
    what: impl Fn() -> String,
    wanted: &str,
) -> Option<Loc<&'a str>> {
    match item.get_ref() {
        DeValue::String(value) => Some(Loc::new(value.as_ref(), item.span())),
        other => {
            wrong_type(sink, item.span(), &what(), other, wanted);
            None
        }
    }
}

/// Reads a whole number within a range.
pub(super) fn number(
    sink: &mut Sink,
    item: Item<'_>,
    what: impl Fn() -> String,
    range: RangeInclusive<u64>,
) -> Option<Loc<u64>> {
    let wanted = format!("a number from {} to {}", range.start(), range.end());
    let DeValue::Integer(found) = item.get_ref() else {
        wrong_type(sink, item.span(), &what(), item.get_ref(), &wanted);
        return None;
    };
    match u64::from_str_radix(found.as_str(), found.radix()) {
        Ok(value) if range.contains(&value) => Some(Loc::new(value, item.span())),
        _ => {
            sink.error(|| {
                let message = format!("{} is {}", what(), clip(&found.to_string()));
                Problem::error(message, item.span(), format!("expected {wanted}"))
            });
            None
        }
    }
}

/// Reads a table within a line: `{ key = 1 }`.
pub(super) fn table<'a>(sink: &mut Sink, item: Item<'a>, what: &str, wanted: &str) -> Option<Fields<'a>> {
    match item.get_ref() {
        DeValue::Table(table) => Some(Fields::new(what, table, item.span())),
        other => {
            wrong_type(sink, item.span(), what, other, wanted);
            None
        }
    }
}

/// Reports a value of another type than wanted.
pub(super) fn wrong_type(sink: &mut Sink, span: Span, what: &str, found: &DeValue<'_>, wanted: &str) {
    sink.error(|| {
        let type_name = found.type_str();
        let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
        Problem::error(format!("{what} is {article} {type_name}"), span, format!("expected {wanted}"))
    });
}

/// The beginning of a text of the file, as a message quotes it: no longer than a line, no control
/// characters (they could move the cursor of a terminal).
pub(super) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut shown: String = text.chars().take(CHARS_MAX).flat_map(printable).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let (kept, escaped) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    kept.into_iter().chain(escaped.into_iter().flatten())
}

fn quoted<'w>(names: impl Iterator<Item = &'w str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
