//! The command line.

/// What to play, and where the document goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Map operations to compare.
    pub map_operations: u64,
    /// Data-path cases to compare.
    pub cases: u64,
    /// Where the random numbers begin.
    pub seed: u64,
    /// A file, or `-` for standard output.
    pub json: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { map_operations: 50_000, cases: 2_000, seed: 1, json: "-".to_owned() }
    }
}

impl Options {
    /// Reads the arguments; what is wrong is said with what was expected.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--map-operations" => options.map_operations = number(name, value()?)?,
                "--cases" => options.cases = number(name, value()?)?,
                "--seed" => options.seed = number(name, value()?)?,
                "--json" => options.json.clone_from(value()?),
                other => {
                    return Err(format!(
                        "no option `{other}`; there are --map-operations N, --cases N, --seed S and --json FILE|-"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn number(name: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{name} takes a number, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_have_defaults_and_slips_are_explained() {
        let some = Options { cases: 7, json: "x".to_owned(), ..Options::default() };
        assert_eq!(parse("--cases 7 --json x"), Ok(some));
        assert_eq!(parse("--seed"), Err("--seed needs a value".to_owned()));
        assert_eq!(parse("--seed x"), Err("--seed takes a number, not `x`".to_owned()));
        assert!(parse("--json - 7").is_err_and(|why| why.starts_with("no option `7`")));
    }
}
