//! Rule IDs: which rule of `docs/semantics` decided something.
//!
//! A rule is a number inside and its catalogue name outside. The constants (`RED_04` and so
//! on) and the table of names come from the catalogue by `cargo xtask rules`. Clauses have no
//! constant: only tests cite them.

use std::fmt;

#[path = "rule_table.rs"]
mod rule_table;

pub use rule_table::*;

/// A rule of the catalogue, by its position there.
///
/// The number is an index for counters and compact records; it changes when the catalogue
/// grows, so whatever leaves the process carries the [name](Self::name).
///
/// ```
/// use xdpsim_devmap::rule::{RED_04, RuleId};
///
/// assert_eq!(RED_04.name(), "RED-04");
/// assert_eq!(RuleId::from_name("RED-04"), Some(RED_04));
/// assert_eq!(RuleId::from_name("RED-99"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u16);

impl RuleId {
    /// Every rule, in catalogue order.
    pub const ALL: &'static [RuleId] = &{
        let mut all = [RuleId(0); rule_table::COUNT];
        let mut number = 0;
        while number < rule_table::COUNT {
            all[number] = RuleId(number as u16);
            number += 1;
        }
        all
    };

    /// The name in the catalogue: `RED-04`. A number that no rule has is named `?`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The rule's heading in the catalogue, without the name.
    pub fn title(self) -> &'static str {
        self.row().1
    }

    /// The rule called `name` (`RED-04`, exactly so), if the catalogue has it.
    pub fn from_name(name: &str) -> Option<RuleId> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    fn row(self) -> (&'static str, &'static str) {
        rule_table::TABLE.get(usize::from(self.0)).copied().unwrap_or(("?", "not in the catalogue"))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_rules() {
        assert!(!RuleId::ALL.is_empty());
        for (position, rule) in RuleId::ALL.iter().enumerate() {
            assert_eq!(usize::from(rule.0), position);
            assert_eq!(RuleId::from_name(rule.name()), Some(*rule));
            assert!(!rule.title().is_empty());
        }
    }

    #[test]
    fn a_number_outside_the_catalogue_has_no_rule() {
        assert_eq!(RuleId(u16::MAX).name(), "?");
        assert_eq!(RuleId(u16::MAX).title(), "not in the catalogue");
    }

    #[test]
    fn a_rule_prints_as_in_the_catalogue() {
        assert_eq!(format!("{RED_04} [{RED_04:<8}] {RED_04:?}"), "RED-04 [RED-04  ] RED-04");
    }
}
