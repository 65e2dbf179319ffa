//! The document that a campaign ends with, as far as this command looks into it.

use serde_json::Value;

use crate::Failure;

use super::guest::{BEGIN, END};

/// The form of the documents that this program understands.
pub const SCHEMA: u64 = 1;

/// A campaign's document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    value: Value,
}

impl Document {
    /// Reads a document; `place` is for messages.
    pub fn parse(text: &str, place: &str) -> Result<Document, Failure> {
        let value: Value = serde_json::from_str(text).map_err(|e| Failure::new(format!("{place}: {e}")))?;
        let document = Document { value };
        match document.number("schema") {
            Some(SCHEMA) => {}
            other => {
                let found = other.map_or("none".to_owned(), |schema| schema.to_string());
                return Err(Failure::new(format!("{place}: expected `schema` {SCHEMA}, found {found}")));
            }
        }
        for (key, is_right, kind) in [
            ("kernel", document.value["kernel"].is_string(), "a string"),
            ("map_operations", document.value["map_operations"].is_u64(), "a number"),
            ("cases", document.value["cases"].is_u64(), "a number"),
            ("differences", document.value["differences"].is_array(), "a list"),
            ("rules", document.value["rules"].is_object(), "counts by clause"),
            ("not_provoked", document.value["not_provoked"].is_object(), "reasons by clause"),
        ] {
            if !is_right {
                return Err(Failure::new(format!("{place}: expected `{key}` to be {kind}")));
            }
        }
        Ok(document)
    }

    /// The kernel's release as it calls itself.
    pub fn kernel(&self) -> &str {
        self.value["kernel"].as_str().unwrap_or("")
    }

    /// How many map operations were compared.
    pub fn map_operations(&self) -> u64 {
        self.number("map_operations").unwrap_or(0)
    }

    /// How many data-path cases were compared.
    pub fn cases(&self) -> u64 {
        self.number("cases").unwrap_or(0)
    }

    /// Where model and kernel part, each as the campaign words it.
    pub fn differences(&self) -> Vec<String> {
        let list = self.value["differences"].as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
    }

    /// How often each clause was exercised: `("ENQ-03.a", 120)`.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        let map = self.value["rules"].as_object();
        map.into_iter().flatten().map(|(clause, count)| (clause.as_str(), count.as_u64()))
    }

    /// Why clauses could not be exercised: `("DRV-02", "veth has no …")`.
    pub fn not_provoked(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let map = self.value["not_provoked"].as_object();
        map.into_iter().flatten().map(|(clause, reason)| (clause.as_str(), reason.as_str()))
    }

    /// The document as it is kept: one entry a line, so that versions of it can be compared.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.value)
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.value[key].as_u64()
    }
}

/// `6.12` of `6.12.117+deb12-cloud-amd64`.
pub fn series(release: &str) -> String {
    let mut parts = release.split(['.', '-', '+']);
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        _ => release.to_owned(),
    }
}

/// What came over the second serial line: the campaign's exit code and the text between the markers.
pub fn between_markers(received: &str) -> Result<(i32, &str), String> {
    let rest = received.strip_prefix(BEGIN).ok_or("the campaign was not started")?;
    let at = rest.rfind(END).ok_or("the document is cut off: the guest ended before the campaign did")?;
    let code = rest[at + END.len()..].trim();
    let code = code.parse().map_err(|_| format!("expected an exit code after `{END}`, found `{code}`"))?;
    Ok((code, rest[..at].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"schema":1,"kernel":"6.12.3","map_operations":5,"cases":2,
        "differences":["x"],"rules":{"ENQ-03.a":4},"not_provoked":{"DRV-02":"why"}}"#;

    #[test]
    fn a_document_is_read_and_kept() {
        let document = Document::parse(TEXT, "x").expect("it is one");
        assert_eq!((document.kernel(), document.map_operations(), document.cases()), ("6.12.3", 5, 2));
        assert_eq!(document.differences(), ["x"]);
        assert_eq!(document.rules().collect::<Vec<_>>(), [("ENQ-03.a", Some(4))]);
        assert_eq!(document.not_provoked().collect::<Vec<_>>(), [("DRV-02", Some("why"))]);
        assert_eq!(Document::parse(&document.text(), "y").expect("it is one"), document);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, expected) in [
            ("\"schema\":1", "\"schema\":2", "x: expected `schema` 1, found 2"),
            ("\"cases\":2", "\"cases\":\"2\"", "x: expected `cases` to be a number"),
            ("\"rules\":{\"ENQ-03.a\":4}", "\"rules\":[]", "x: expected `rules` to be counts by clause"),
        ] {
            let failure = Document::parse(&TEXT.replace(from, to), "x").expect_err(to);
            assert_eq!(failure.to_string(), expected);
        }
    }

    #[test]
    fn releases_belong_to_series() {
        for (release, expected) in
            [("6.12.117+deb12-cloud-amd64", "6.12"), ("6.1.0-56-cloud-amd64", "6.1"), ("7.2-rc1", "7.2")]
        {
            assert_eq!(series(release), expected);
        }
    }

    #[test]
    fn the_document_is_what_stands_between_the_markers() {
        assert_eq!(between_markers(&format!("{BEGIN}\r\n{{}}\n{END} 1\r\n")), Ok((1, "{}")));
        assert_eq!(between_markers(&format!("{BEGIN}\n{END} 101\n")), Ok((101, "")));
        assert!(between_markers(&format!("{BEGIN}\n{{")).is_err_and(|why| why.contains("cut off")));
        assert!(between_markers("").is_err());
    }
}
