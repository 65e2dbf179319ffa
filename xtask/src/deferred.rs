//! `docs/deferred.toml`: the rules and clauses that no test has to check yet.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::Failure;
use crate::catalogue::{Catalogue, is_rule_id, split_clause_id};

/// The list, relative to the root.
pub const FILE: &str = "docs/deferred.toml";

/// Reasons by (rule, letter), every family and rule spelled out clause by clause.
#[derive(Debug, Default)]
pub struct Deferred {
    reasons: BTreeMap<(String, char), String>,
    /// As they stand in the file.
    entries: Vec<(Vec<String>, String)>,
}

impl Deferred {
    /// Reads [`FILE`]; what names nothing of the catalogue is a complaint.
    pub fn read(
        root: &Path,
        catalogue: &Catalogue,
        complaints: &mut Vec<String>,
    ) -> Result<Deferred, Failure> {
        Deferred::parse(&crate::read(&root.join(FILE))?, catalogue, complaints)
    }

    fn parse(text: &str, catalogue: &Catalogue, complaints: &mut Vec<String>) -> Result<Deferred, Failure> {
        let table: Table = text.parse().map_err(|e| Failure::new(format!("{FILE}: {e}")))?;
        let entries = table.get("deferred").and_then(Value::as_array).ok_or_else(|| {
            Failure::new(format!("{FILE}: expected entries `[[deferred]]` with `ids` and `reason`"))
        })?;
        let mut deferred = Deferred::default();
        for (index, entry) in entries.iter().enumerate() {
            let reason = entry.get("reason").and_then(Value::as_str).unwrap_or("").trim();
            if reason.is_empty() {
                complaints.push(format!("{FILE}: entry {} has no `reason`", index + 1));
            }
            let ids = entry.get("ids").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if ids.is_empty() {
                complaints.push(format!("{FILE}: entry {} has no `ids`", index + 1));
            }
            let named = ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
            deferred.entries.push((named, reason.to_owned()));
            for id in ids {
                let found = id.as_str().map_or(0, |id| deferred.add(id, reason, catalogue));
                if found == 0 {
                    complaints.push(format!("{FILE}: {id} names no rule, clause or family of the catalogue"));
                }
            }
        }
        Ok(deferred)
    }

    /// Why the clause is deferred, if it is.
    pub fn reason(&self, rule: &str, letter: char) -> Option<&str> {
        self.reasons.get(&(rule.to_owned(), letter)).map(String::as_str)
    }

    /// Ids and reason of each entry, in the file's order.
    pub fn entries(&self) -> impl Iterator<Item = (&[String], &str)> {
        self.entries.iter().map(|(ids, reason)| (ids.as_slice(), reason.as_str()))
    }

    /// How many clauses are deferred.
    pub fn len(&self) -> usize {
        self.reasons.len()
    }

    /// Adds all clauses that `id` stands for; answers how many those are.
    fn add(&mut self, id: &str, reason: &str, catalogue: &Catalogue) -> usize {
        let mut found = 0;
        for rule in &catalogue.rules {
            for clause in &rule.clauses {
                if stands_for(id, &rule.id, clause.letter) {
                    self.reasons.insert((rule.id.clone(), clause.letter), reason.to_owned());
                    found += 1;
                }
            }
        }
        found
    }
}

fn stands_for(id: &str, rule: &str, letter: char) -> bool {
    if let Some(family) = id.strip_suffix('*') {
        // `CPU-*` is a family, `MCAST-K*` a part of one.
        return family.contains('-') && is_rule_id(rule) && rule.starts_with(family);
    }
    match split_clause_id(id) {
        Some((of, None)) => of == rule,
        Some((of, Some(only))) => of == rule && only == letter,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::testing::catalogue;

    fn parse(text: &str) -> (Deferred, Vec<String>) {
        let mut complaints = Vec::new();
        let deferred =
            Deferred::parse(text, &catalogue(&[("RED-04", "abc"), ("CPU-01", "ab")]), &mut complaints);
        (deferred.expect("the text is a deferred list"), complaints)
    }

    #[test]
    fn families_rules_and_clauses_are_spelled_out() {
        let (deferred, complaints) = parse("[[deferred]]\nids = ['CPU-*', 'RED-04.b']\nreason = 'later'\n");
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!(deferred.len(), 3);
        assert_eq!(deferred.reason("RED-04", 'b'), Some("later"));
        assert_eq!(deferred.reason("RED-04", 'a'), None);
    }

    #[test]
    fn what_names_nothing_is_a_complaint() {
        let (_, complaints) = parse("[[deferred]]\nids = ['XSK-*', 'RED-04.d', '*', 'RED']\nreason = ''\n");
        assert_eq!(complaints.len(), 5, "{complaints:?}");
    }
}
