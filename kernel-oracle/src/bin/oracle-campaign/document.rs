//! The document that a campaign ends with.

use std::collections::BTreeMap;

use serde_json::json;

/// The form of the document; a reader refuses a form that it does not know.
const SCHEMA: u64 = 1;

/// What was compared, and what came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Document {
    /// The kernel's release as it calls itself.
    pub kernel: String,
    /// Where the random numbers began.
    pub seed: u64,
    /// Map operations compared.
    pub map_operations: u64,
    /// Data-path cases compared.
    pub cases: u64,
    /// Where model and kernel part, in words.
    pub differences: Vec<String>,
    /// How often each clause was exercised: `ENQ-03.a`.
    pub rules: BTreeMap<String, u64>,
    /// Why clauses cannot be exercised on this kernel.
    pub not_provoked: BTreeMap<String, String>,
}

impl Document {
    /// Adds to the count of a clause. A clause with count 0 is one that could have been exercised and was not.
    pub fn count(&mut self, clause: &str, count: u64) {
        *self.rules.entry(clause.to_owned()).or_default() += count;
    }

    /// Writes it to a file, or to standard output if that is `-`.
    pub fn write(&self, file: &str) -> Result<(), String> {
        let text = self.text();
        if file == "-" {
            print!("{text}");
            return Ok(());
        }
        std::fs::write(file, text).map_err(|e| format!("cannot write the document to {file}: {e}"))
    }

    fn text(&self) -> String {
        let value = json!({
            "schema": SCHEMA,
            "kernel": self.kernel,
            "seed": self.seed,
            "map_operations": self.map_operations,
            "cases": self.cases,
            "differences": self.differences,
            "rules": self.rules,
            "not_provoked": self.not_provoked,
        });
        format!("{value}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_one_line_of_json() {
        let document = Document {
            kernel: "6.12.3".to_owned(),
            seed: 1,
            differences: vec!["a \"b\"\nc".to_owned()],
            rules: BTreeMap::from([("ENQ-03.a".to_owned(), 4)]),
            ..Document::default()
        };
        assert_eq!(
            document.text(),
            "{\"cases\":0,\"differences\":[\"a \\\"b\\\"\\nc\"],\"kernel\":\"6.12.3\",\"map_operations\":0,\
             \"not_provoked\":{},\"rules\":{\"ENQ-03.a\":4},\"schema\":1,\"seed\":1}\n"
        );
    }
}
