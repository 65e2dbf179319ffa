//! Citations: which test says that it checks which clause.
//!
//! A test cites in its doc comment, `/// Rule: RED-04.c, ENQ-03.a`, a Python function in the
//! comment lines above it, `# Rule: …`. Several such lines add up.

use std::path::Path;

use crate::Failure;
use crate::catalogue::{Catalogue, split_clause_id};
use crate::tree;

/// Folders whose Rust tests may cite.
const RUST_FOLDERS: [&str; 6] =
    ["devmap-model", "sim-core", "pcap-replay", "ebpf-vm", "benches", "kernel-oracle"];
/// Folder whose Python functions may cite.
const PYTHON_FOLDER: &str = "scripts";

/// One test and the clause that it cites.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Citation {
    /// `RED-04`.
    pub rule: String,
    /// `c`.
    pub letter: char,
    /// `sim-core/tests/redirect.rs::a_target_that_is_down_is_refused`.
    pub test: String,
}

/// All citations of the tree, sorted; unusable ones become complaints.
pub fn collect(
    root: &Path,
    catalogue: &Catalogue,
    complaints: &mut Vec<String>,
) -> Result<Vec<Citation>, Failure> {
    let mut citations = Vec::new();
    for folder in RUST_FOLDERS {
        for file in tree::files(root, folder, "rs")? {
            let text = crate::read(&root.join(&file))?;
            scan(&file, &text, &RUST, catalogue, &mut citations, complaints);
        }
    }
    for file in tree::files(root, PYTHON_FOLDER, "py")? {
        let text = crate::read(&root.join(&file))?;
        scan(&file, &text, &PYTHON, catalogue, &mut citations, complaints);
    }
    citations.sort();
    citations.dedup();
    Ok(citations)
}

/// How a language marks citations and functions.
struct Language {
    citation: &'static str,
    /// Lines that may stand between a citation and its function start so.
    between: &'static [&'static str],
    function: &'static str,
    /// What the lines above a test's name must contain.
    test_mark: Option<&'static str>,
}

const RUST: Language =
    Language { citation: "/// Rule: ", between: &["//", "#["], function: "fn ", test_mark: Some("#[test]") };
const PYTHON: Language =
    Language { citation: "# Rule: ", between: &["#", "@"], function: "def ", test_mark: None };

/// The lines above a function: what they cite, and whether they mark a test.
#[derive(Default)]
struct Head<'a> {
    cited: Vec<(usize, &'a str)>,
    is_test: bool,
    open_attribute: bool,
}

fn scan(
    file: &str,
    text: &str,
    language: &Language,
    catalogue: &Catalogue,
    citations: &mut Vec<Citation>,
    complaints: &mut Vec<String>,
) {
    let mut head = Head::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        head.is_test |= language.test_mark.is_none_or(|mark| line.starts_with(mark));
        if let Some(ids) = line.strip_prefix(language.citation) {
            head.cited.extend(ids.split(',').map(|id| (index + 1, id.trim().trim_end_matches('.'))));
        } else if head.open_attribute {
            head.open_attribute = !line.ends_with(']');
        } else if language.between.iter().any(|start| line.starts_with(start)) {
            head.open_attribute = line.starts_with("#[") && !line.ends_with(']');
        } else {
            let head = std::mem::take(&mut head);
            match function_name(line, language.function) {
                _ if head.cited.is_empty() => {}
                None => {
                    complaints.push(format!("{file}:{}: `Rule:` stands above no function", head.cited[0].0))
                }
                Some(name) if !head.is_test => complaints.push(format!(
                    "{file}:{}: `Rule:` stands above `{name}`, which is not a #[test]",
                    head.cited[0].0
                )),
                Some(name) => {
                    let test = format!("{file}::{name}");
                    for (number, id) in head.cited {
                        match resolve(id, catalogue) {
                            Ok((rule, letter)) => {
                                citations.push(Citation { rule, letter, test: test.clone() })
                            }
                            Err(why) => complaints.push(format!("{file}:{number}: {why}")),
                        }
                    }
                }
            }
        }
    }
}

/// The rule and letter that `id` cites; a rule with one clause may be cited without letter.
fn resolve(id: &str, catalogue: &Catalogue) -> Result<(String, char), String> {
    let (name, letter) = split_clause_id(id).ok_or(format!("`{id}` is not a clause such as RED-04.c"))?;
    let rule = catalogue.rule(name).ok_or(format!("{id}: the catalogue has no rule {name}"))?;
    match (letter, rule.clauses.as_slice()) {
        (Some(letter), _) if rule.has(letter) => Ok((name.to_owned(), letter)),
        (Some(letter), _) => Err(format!("{id}: rule {name} has no clause {letter}")),
        (None, [only]) => Ok((name.to_owned(), only.letter)),
        (None, several) => {
            Err(format!("{id}: rule {name} has {} clauses; cite them by letter", several.len()))
        }
    }
}

/// The name behind `keyword` in a line such as `pub(crate) async fn name<T>(`.
fn function_name<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let (before, rest) = line.split_once(keyword)?;
    if !before.chars().all(|c| c.is_ascii_lowercase() || " ()\"".contains(c)) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::testing::catalogue;

    fn read(text: &str, language: &Language) -> (Vec<String>, Vec<String>) {
        let (mut citations, mut complaints) = (Vec::new(), Vec::new());
        let catalogue = catalogue(&[("RED-04", "abc"), ("RED-05", "a")]);
        scan("x", text, language, &catalogue, &mut citations, &mut complaints);
        let shown = citations.iter().map(|c| format!("{}.{} {}", c.rule, c.letter, c.test)).collect();
        (shown, complaints)
    }

    #[test]
    fn a_test_cites_in_its_doc_comment() {
        let text = "/// What it shows.\n/// Rule: RED-04.b, RED-05\n/// Rule: RED-04.a.\n#[cfg(\n  unix\n)]\n#[test]\nfn works() {\n";
        let (citations, complaints) = read(text, &RUST);
        assert_eq!(citations, ["RED-04.b x::works", "RED-05.a x::works", "RED-04.a x::works"]);
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn python_cites_in_a_comment() {
        let (citations, _) = read("# Rule: RED-04.c\n@decorated\ndef works(one):\n", &PYTHON);
        assert_eq!(citations, ["RED-04.c x::works"]);
    }

    #[test]
    fn citations_that_lead_nowhere_are_complaints() {
        let test = |cited: &str| format!("/// Rule: {cited}\n#[test]\nfn t() {{}}\n");
        for (text, why) in [
            (test("RED-04"), "x:1: RED-04: rule RED-04 has 3 clauses; cite them by letter"),
            (test("RED-04.d"), "x:1: RED-04.d: rule RED-04 has no clause d"),
            (test("RED-99.a"), "x:1: RED-99.a: the catalogue has no rule RED-99"),
            (test("the rules"), "x:1: `the rules` is not a clause such as RED-04.c"),
            (
                "/// Rule: RED-05.a\nfn helper() {}\n".into(),
                "x:1: `Rule:` stands above `helper`, which is not a #[test]",
            ),
            ("/// Rule: RED-05.a\nstruct S;\n".into(), "x:1: `Rule:` stands above no function"),
        ] {
            assert_eq!(read(&text, &RUST).1, [why], "{text}");
        }
    }
}
