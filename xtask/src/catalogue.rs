//! The rule catalogue: reads `docs/semantics/*.md` into rules and clauses.
//!
//! The form is strict, so that a slip is an error with file and line, not a rule that
//! silently goes missing:
//!
//! ```text
//! ### RED-05 Redirect back to the ingress device
//! - **RED-05.a** It is an ordinary redirect,
//!   by ifindex as by map.
//!
//! Source: `file:function`. Seen on 6.18: yes (how).
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// Where the catalogue's files are.
pub const FOLDER: &str = "docs/semantics";

/// The file whose rules stand before all others.
const FIRST: &str = "redirect.md";

/// One rule: a heading and its clauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `RED-04`.
    pub id: String,
    /// The rest of the heading.
    pub title: String,
    /// In the order of the text, which is the order of the letters.
    pub clauses: Vec<Clause>,
    /// What follows "Seen on 6.18:", its first word only: `yes`, `partly` or `no`.
    pub seen_on_6_18: String,
    /// The catalogue file, relative to the root, for messages and links.
    pub file: String,
}

/// One lettered clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// `a`, `b`, …
    pub letter: char,
    /// The statement, on one line.
    pub text: String,
}

/// All rules, [`FIRST`]'s and then files in alphabetical order, rules in the order of the text.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// See [`Catalogue`].
    pub rules: Vec<Rule>,
}

impl Catalogue {
    /// Reads every `.md` file of [`FOLDER`].
    pub fn read(root: &Path) -> Result<Catalogue, Failure> {
        let folder = root.join(FOLDER);
        let listing = fs::read_dir(&folder)
            .map_err(|e| Failure::new(format!("cannot list the rule catalogue {}: {e}", folder.display())))?;
        let mut paths: Vec<PathBuf> = listing
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        // What the kernel does comes first; the numbers of its rules do not move with other files.
        paths.sort_by_key(|path| (!path.ends_with(FIRST), path.clone()));

        let mut catalogue = Catalogue::default();
        let mut faults = Vec::new();
        for path in paths {
            let text = crate::read(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            parse(&name, &text, &mut catalogue.rules, &mut faults);
        }
        if catalogue.rules.is_empty() {
            faults.push(format!("{FOLDER}: no rule found; a rule starts with a line `### RED-04 Title`"));
        }
        Failure::unless_empty(faults)?;
        Ok(catalogue)
    }

    /// The rule called `id`.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

impl Rule {
    /// Whether the rule has the clause `letter`.
    pub fn has(&self, letter: char) -> bool {
        self.clauses.iter().any(|clause| clause.letter == letter)
    }
}

/// Whether `text` has the form of a rule ID: three to five capitals, a dash, perhaps a capital for a part of
/// the family (`MCAST-K01`), two digits.
pub fn is_rule_id(text: &str) -> bool {
    let Some((family, number)) = text.split_once('-') else { return false };
    let number = number.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(number);
    (3..=5).contains(&family.len())
        && family.bytes().all(|byte| byte.is_ascii_uppercase())
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits `RED-04.c` into the rule and the letter; `RED-04` has no letter.
pub fn split_clause_id(text: &str) -> Option<(&str, Option<char>)> {
    let (rule, letter) = match text.split_once('.') {
        None => (text, None),
        Some((rule, letter)) => {
            let mut chars = letter.chars();
            let first = chars.next().filter(char::is_ascii_lowercase)?;
            if chars.next().is_some() {
                return None;
            }
            (rule, Some(first))
        }
    };
    is_rule_id(rule).then_some((rule, letter))
}

/// Appends the rules of one file; faults name file and line.
fn parse(file: &str, text: &str, rules: &mut Vec<Rule>, faults: &mut Vec<String>) {
    let mut reader = Reader { file, rules, faults, in_rule: false, in_clause: false };
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line);
    }
    reader.end_rule(text.lines().count());
}

struct Reader<'a> {
    file: &'a str,
    rules: &'a mut Vec<Rule>,
    faults: &'a mut Vec<String>,
    in_rule: bool,
    in_clause: bool,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) {
        if let Some(heading) = line.strip_prefix("### ") {
            self.end_rule(number);
            self.start_rule(number, heading);
        } else if line.starts_with("## ") || line.starts_with("# ") {
            self.end_rule(number);
        } else if let Some(clause) = line.strip_prefix("- **").filter(|_| self.in_rule) {
            self.start_clause(number, clause);
        } else if self.in_clause && line.starts_with("  ") {
            self.continue_clause(line.trim());
        } else {
            self.in_clause = false;
            self.note_seen(line);
        }
    }

    fn start_rule(&mut self, number: usize, heading: &str) {
        let (id, title) = heading.split_once(' ').unwrap_or((heading, ""));
        if !is_rule_id(id) || title.trim().is_empty() {
            self.fault(number, format!("expected `### RED-04 Title`, found `### {heading}`"));
            return;
        }
        if let Some(first) = self.rules.iter().find(|rule| rule.id == id) {
            let message = format!("{id} is defined twice; the first is in {}", first.file);
            self.fault(number, message);
            return;
        }
        self.in_rule = true;
        self.rules.push(Rule {
            id: id.to_owned(),
            title: title.trim().to_owned(),
            clauses: Vec::new(),
            seen_on_6_18: String::new(),
            file: self.file.to_owned(),
        });
    }

    fn start_clause(&mut self, number: usize, rest: &str) {
        let Some(rule) = self.rules.last_mut() else { return };
        let expected_letter = (b'a' + rule.clauses.len() as u8) as char;
        let expected = format!("{}.{expected_letter}", rule.id);
        match rest.split_once("** ") {
            Some((id, text)) if id == expected => {
                rule.clauses.push(Clause { letter: expected_letter, text: text.trim().to_owned() });
                self.in_clause = true;
            }
            _ => self.fault(number, format!("expected the clause `- **{expected}** …`, found `- **{rest}`")),
        }
    }

    fn continue_clause(&mut self, text: &str) {
        if let Some(clause) = self.rules.last_mut().and_then(|rule| rule.clauses.last_mut()) {
            clause.text.push(' ');
            clause.text.push_str(text);
        }
    }

    fn note_seen(&mut self, line: &str) {
        let Some((_, after)) = line.split_once("Seen on 6.18: ").filter(|_| self.in_rule) else { return };
        let word: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
        if let Some(rule) = self.rules.last_mut() {
            rule.seen_on_6_18 = word;
        }
    }

    fn end_rule(&mut self, number: usize) {
        self.in_clause = false;
        if !std::mem::take(&mut self.in_rule) {
            return;
        }
        let Some(rule) = self.rules.last() else { return };
        let (id, seen, clauses) = (rule.id.clone(), rule.seen_on_6_18.clone(), rule.clauses.len());
        if clauses == 0 {
            self.fault(number, format!("{id} has no clause; write at least `- **{id}.a** …`"));
        }
        if !matches!(seen.as_str(), "yes" | "partly" | "no") {
            self.fault(number, format!("{id} has no `Seen on 6.18:` with yes, partly or no"));
        }
    }

    fn fault(&mut self, number: usize, message: String) {
        self.faults.push(format!("{}:{number}: {message}", self.file));
    }
}

#[cfg(test)]
pub mod testing {
    //! Small catalogues for tests.

    use super::*;

    /// Rules named with their letters: `("RED-04", "abc")`.
    pub fn catalogue(rules: &[(&str, &str)]) -> Catalogue {
        let clause = |letter| Clause { letter, text: format!("Statement {letter}.") };
        let rule = |(id, letters): &(&str, &str)| Rule {
            id: (*id).to_owned(),
            title: "Title".to_owned(),
            clauses: letters.chars().map(clause).collect(),
            seen_on_6_18: "yes".to_owned(),
            file: "docs/semantics/x.md".to_owned(),
        };
        Catalogue { rules: rules.iter().map(rule).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Rule>, Vec<String>) {
        let (mut rules, mut faults) = (Vec::new(), Vec::new());
        parse("x.md", text, &mut rules, &mut faults);
        (rules, faults)
    }

    #[test]
    fn clauses_run_over_several_lines_and_end_at_prose() {
        let (rules, faults) = read(
            "## 2. Title\n### RED-05 Back to ingress\nProse.\n- **RED-05.a** An ordinary\n  redirect.\n- **RED-05.b** More.\n\nSource: `x`. Seen on 6.18: partly (a).\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(rules[0].title, "Back to ingress");
        assert_eq!(rules[0].clauses[0], Clause { letter: 'a', text: "An ordinary redirect.".into() });
        assert_eq!(rules[0].clauses[1].text, "More.");
        assert_eq!(rules[0].seen_on_6_18, "partly");
    }

    #[test]
    fn slips_are_faults_with_file_and_line() {
        let (_, faults) = read("### RED-05 Title\n- **RED-05.b** Wrong letter.\n");
        assert_eq!(
            faults,
            [
                "x.md:2: expected the clause `- **RED-05.a** …`, found `- **RED-05.b** Wrong letter.`",
                "x.md:2: RED-05 has no clause; write at least `- **RED-05.a** …`",
                "x.md:2: RED-05 has no `Seen on 6.18:` with yes, partly or no",
            ]
        );
    }

    #[test]
    fn clause_ids_split_into_rule_and_letter() {
        assert_eq!(split_clause_id("RED-04.c"), Some(("RED-04", Some('c'))));
        assert_eq!(split_clause_id("RED-04"), Some(("RED-04", None)));
        assert_eq!(split_clause_id("MCAST-K04.b"), Some(("MCAST-K04", Some('b'))));
        for wrong in
            ["RED-4.a", "RED-04.", "RED-04.ab", "red-04.a", "RED-04.A", "RE-04", "MCAST-KP4", "MCAST-K1"]
        {
            assert_eq!(split_clause_id(wrong), None, "{wrong}");
        }
    }
}
