//! What campaigns on kernels found: `docs/conformance/SERIES.json`, written by `cargo xtask kernel-matrix`.
//!
//! A clause counts as checked on a kernel if the campaign there exercised it at least once; a document with a
//! difference between model and kernel is a complaint, so a count never stands beside one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Failure;
use crate::catalogue::{Catalogue, split_clause_id};
use crate::matrix::FOLDER;
use crate::matrix::document::{Document, series};

/// All kernels, the oldest first.
#[derive(Debug, Default)]
pub struct Kernels {
    kernels: Vec<Kernel>,
}

/// What was played on a kernel.
#[derive(Debug, Default)]
pub struct Campaign {
    /// `6.12.117+deb12-cloud-amd64`.
    pub release: String,
    /// Operations on maps.
    pub map_operations: u64,
    /// Cases on the data path.
    pub cases: u64,
    /// Clauses that were exercised.
    pub clauses: usize,
}

#[derive(Debug)]
struct Kernel {
    /// `6.12`.
    series: String,
    campaign: Campaign,
    /// Clauses that were exercised.
    checked: BTreeSet<(String, char)>,
    /// Why clauses can't be; a whole rule is spelled out clause by clause.
    not_provoked: BTreeMap<(String, char), String>,
}

impl Kernels {
    /// Reads all documents; what does not fit to the catalogue is a complaint.
    pub fn read(
        root: &Path,
        catalogue: &Catalogue,
        complaints: &mut Vec<String>,
    ) -> Result<Kernels, Failure> {
        let mut kernels = Kernels::default();
        let folder = root.join(FOLDER);
        // Before the first campaign there is no folder.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let document = Document::parse(&crate::read(&path)?, &file(&name))?;
                kernels.add(&name, &document, catalogue, complaints);
            }
        }
        kernels.kernels.sort_by_key(|kernel| age(&kernel.series));
        Ok(kernels)
    }

    /// The kernels on which a campaign exercised the clause.
    pub fn checked(&self, rule: &str, letter: char) -> Vec<&str> {
        let key = (rule.to_owned(), letter);
        let kernels = self.kernels.iter().filter(|kernel| kernel.checked.contains(&key));
        kernels.map(|kernel| kernel.series.as_str()).collect()
    }

    /// Why the clause can't be exercised, with the kernels that this holds for.
    pub fn not_provoked(&self, rule: &str, letter: char) -> BTreeMap<&str, Vec<&str>> {
        let key = (rule.to_owned(), letter);
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for kernel in &self.kernels {
            if let Some(reason) = kernel.not_provoked.get(&key) {
                reasons.entry(reason).or_default().push(&kernel.series);
            }
        }
        reasons
    }

    /// What was played, on each kernel.
    pub fn campaigns(&self) -> impl Iterator<Item = &Campaign> {
        self.kernels.iter().map(|kernel| &kernel.campaign)
    }

    /// How many clauses were exercised on each kernel.
    pub fn counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.kernels.iter().map(|kernel| (kernel.series.as_str(), kernel.checked.len()))
    }

    fn add(&mut self, name: &str, document: &Document, catalogue: &Catalogue, complaints: &mut Vec<String>) {
        let file = file(name);
        if series(document.kernel()) != name {
            complaints.push(format!("{file}: it is of kernel {}, so of another series", document.kernel()));
        }
        let differences = document.differences().len();
        if differences > 0 {
            complaints
                .push(format!("{file}: {differences} differences; only campaigns without any are kept"));
        }
        let campaign = Campaign {
            release: document.kernel().to_owned(),
            map_operations: document.map_operations(),
            cases: document.cases(),
            clauses: 0,
        };
        let (series, checked, not_provoked) = (name.to_owned(), BTreeSet::new(), BTreeMap::new());
        let mut kernel = Kernel { series, campaign, checked, not_provoked };
        for (clause, count) in document.rules() {
            match (clauses(clause, catalogue).as_slice(), count) {
                ([(rule, letter)], Some(count)) if clause.contains('.') => {
                    if count > 0 {
                        kernel.checked.insert((rule.clone(), *letter));
                    }
                }
                _ => {
                    complaints.push(format!("{file}: `rules` has `{clause}`: expected a clause and a count"))
                }
            }
        }
        for (id, reason) in document.not_provoked() {
            let clauses = clauses(id, catalogue);
            let reason = reason.unwrap_or("").trim();
            if clauses.is_empty() || reason.is_empty() {
                complaints.push(format!(
                    "{file}: `not_provoked` has `{id}`: expected a rule or clause and a reason"
                ));
            }
            kernel.not_provoked.extend(clauses.into_iter().map(|clause| (clause, reason.to_owned())));
        }
        kernel.campaign.clauses = kernel.checked.len();
        self.kernels.push(kernel);
    }
}

fn file(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

/// `6.9` is before `6.12`.
fn age(series: &str) -> Vec<u32> {
    series.split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect()
}

/// The clauses that a rule or clause of the catalogue stands for.
fn clauses(id: &str, catalogue: &Catalogue) -> Vec<(String, char)> {
    let Some((rule, only)) = split_clause_id(id) else { return Vec::new() };
    let letters = catalogue.rule(rule).into_iter().flat_map(|rule| &rule.clauses).map(|clause| clause.letter);
    letters
        .filter(|letter| only.is_none_or(|only| only == *letter))
        .map(|letter| (rule.to_owned(), letter))
        .collect()
}

#[cfg(test)]
pub mod testing {
    //! Kernels for tests.

    use super::*;

    /// One kernel from its document's `rules` and `not_provoked`.
    pub fn kernels(
        files: &[(&str, &str, &str)],
        catalogue: &Catalogue,
        complaints: &mut Vec<String>,
    ) -> Kernels {
        let mut kernels = Kernels::default();
        for (series, rules, not_provoked) in files {
            let text = format!(
                r#"{{"schema":1,"kernel":"{series}.3","map_operations":5,"cases":2,"differences":[],
                    "rules":{rules},"not_provoked":{not_provoked}}}"#
            );
            let document = Document::parse(&text, series).expect("it is a document");
            kernels.add(series, &document, catalogue, complaints);
        }
        kernels.kernels.sort_by_key(|kernel| age(&kernel.series));
        kernels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::testing::catalogue;

    #[test]
    fn a_clause_is_checked_where_it_was_exercised() {
        let catalogue = catalogue(&[("RED-04", "ab")]);
        let mut complaints = Vec::new();
        let kernels = testing::kernels(
            &[
                ("6.12", r#"{"RED-04.a":3,"RED-04.b":0}"#, "{}"),
                ("6.1", r#"{"RED-04.a":1}"#, r#"{"RED-04.b":"no such device"}"#),
            ],
            &catalogue,
            &mut complaints,
        );
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!(kernels.checked("RED-04", 'a'), ["6.1", "6.12"]);
        assert!(kernels.checked("RED-04", 'b').is_empty());
        assert_eq!(kernels.not_provoked("RED-04", 'b'), BTreeMap::from([("no such device", vec!["6.1"])]));
        assert_eq!(kernels.counts().collect::<Vec<_>>(), [("6.1", 1), ("6.12", 1)]);
    }

    #[test]
    fn a_whole_rule_can_lack_a_provocation_but_not_be_counted() {
        let catalogue = catalogue(&[("RED-04", "ab")]);
        let mut complaints = Vec::new();
        let files = [("6.12", r#"{"RED-04":3,"RED-05.a":1}"#, r#"{"RED-04":"why","RED-04.c":"why"}"#)];
        let kernels = testing::kernels(&files, &catalogue, &mut complaints);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert_eq!(kernels.not_provoked("RED-04", 'b').len(), 1);
    }
}
