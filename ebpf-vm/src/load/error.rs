//! Why an object cannot be loaded: what, where and what to do about it.

use std::fmt;

/// An object that cannot be loaded.
///
/// Prints as `fwd.o, section `xdp`, symbol `pass`, offset 0x18: what; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The object, as the caller named it.
    pub object: String,
    /// Where in it.
    pub place: Box<Place>,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub remedy: String,
}

/// A place in an object, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The section's name.
    pub section: Option<String>,
    /// The function, map or variable.
    pub symbol: Option<String>,
    /// Bytes from the section's start.
    pub offset: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(section) = &self.section {
            write!(f, ", section `{section}`")?;
        }
        if let Some(symbol) = &self.symbol {
            write!(f, ", symbol `{symbol}`")?;
        }
        match self.offset {
            Some(offset) => write!(f, ", offset {offset:#x}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}; {}", self.object, self.place, self.what, self.remedy)
    }
}

impl std::error::Error for LoadError {}

/// The same while it is not yet known which object it is.
pub(super) type Result<T> = std::result::Result<T, Box<Problem>>;

/// A [`LoadError`] without the object's name.
#[derive(Debug)]
pub(super) struct Problem {
    place: Place,
    what: String,
    remedy: String,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Box<Self> {
        Box::new(Self { place: Place::default(), what: what.into(), remedy: remedy.into() })
    }

    pub(super) fn section(mut self: Box<Self>, name: impl Into<String>) -> Box<Self> {
        self.place.section = Some(name.into());
        self
    }

    pub(super) fn symbol(mut self: Box<Self>, name: impl Into<String>) -> Box<Self> {
        self.place.symbol = Some(name.into());
        self
    }

    pub(super) fn offset(mut self: Box<Self>, offset: u64) -> Box<Self> {
        self.place.offset = Some(offset);
        self
    }

    pub(super) fn of(self, object: &str) -> LoadError {
        LoadError { object: object.into(), place: Box::new(self.place), what: self.what, remedy: self.remedy }
    }
}
