//! Which clauses of the catalogue a campaign has shown, and how often. Which operation shows which clause
//! is decided in `observe`.
//!
//! What is not shown here is in [`NOT_SHOWN`], each with its reason.

use std::fmt;

/// Clauses about maps that no operation shows, and why.
pub const NOT_SHOWN: &[(&str, &str)] = &[
    ("MAP-13.c", "a map does not tell whether the program of an entry that is gone was released"),
    ("MAP-14.a", "one CPU: no update can meet a packet that looks its entry up"),
    ("MAP-15.a", "it takes the end of a map in the middle of a poll, which nobody can time"),
];

macro_rules! clauses {
    ($($name:ident = $id:literal,)*) => {
        /// A clause that map operations can show.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names are the catalogue's")]
        pub enum Clause { $($name,)* }

        impl Clause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the catalogue.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

clauses! {
    Brd03a = "BRD-03.a", Brd03b = "BRD-03.b", Brd03c = "BRD-03.c", Hlp16a = "HLP-16.a",
    Map01a = "MAP-01.a", Map01b = "MAP-01.b", Map01c = "MAP-01.c", Map01d = "MAP-01.d", Map01e = "MAP-01.e",
    Map01f = "MAP-01.f",
    Map02a = "MAP-02.a", Map02b = "MAP-02.b", Map02c = "MAP-02.c",
    Map03a = "MAP-03.a", Map03b = "MAP-03.b", Map03c = "MAP-03.c", Map03d = "MAP-03.d", Map03e = "MAP-03.e",
    Map03f = "MAP-03.f", Map03g = "MAP-03.g", Map03h = "MAP-03.h", Map03i = "MAP-03.i",
    Map04a = "MAP-04.a", Map04b = "MAP-04.b", Map04c = "MAP-04.c", Map04d = "MAP-04.d", Map04e = "MAP-04.e",
    Map04f = "MAP-04.f", Map04g = "MAP-04.g", Map04h = "MAP-04.h",
    Map05a = "MAP-05.a",
    Map06a = "MAP-06.a", Map06b = "MAP-06.b", Map06c = "MAP-06.c", Map06d = "MAP-06.d",
    Map07a = "MAP-07.a", Map07b = "MAP-07.b", Map07c = "MAP-07.c", Map07d = "MAP-07.d", Map07e = "MAP-07.e",
    Map08a = "MAP-08.a", Map08b = "MAP-08.b",
    Map09a = "MAP-09.a", Map09b = "MAP-09.b", Map09c = "MAP-09.c",
    Map10a = "MAP-10.a", Map10b = "MAP-10.b", Map10c = "MAP-10.c",
    Map11a = "MAP-11.a", Map11b = "MAP-11.b",
    Map12a = "MAP-12.a",
    Map13a = "MAP-13.a", Map13b = "MAP-13.b", Map13d = "MAP-13.d",
}

/// How often each clause was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercised(Vec<u64>);

impl Default for Exercised {
    fn default() -> Self {
        Self(vec![0; Clause::ALL.len()])
    }
}

impl fmt::Display for Exercised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().try_for_each(|(clause, count)| writeln!(f, "{:<9} {count:>9}", clause.id()))
    }
}

impl Exercised {
    /// The clauses with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (Clause, u64)> + '_ {
        Clause::ALL.iter().copied().zip(self.0.iter().copied())
    }

    /// How often one was shown.
    #[must_use]
    pub fn count(&self, clause: Clause) -> u64 {
        self.0[clause as usize]
    }

    /// Adds another campaign's counts.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    pub(super) fn add_if(&mut self, clause: Clause, shown: bool) {
        self.0[clause as usize] += u64::from(shown);
    }

    pub(super) fn add(&mut self, clause: Clause) {
        self.add_if(clause, true);
    }
}
