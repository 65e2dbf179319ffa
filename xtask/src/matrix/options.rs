//! What `cargo xtask kernel-matrix` is told.

use std::time::Duration;

use crate::Failure;

/// The kernel that runs this program.
pub const HOST: &str = "host";

/// What runs without `--kernel`.
const KERNELS: [&str; 3] = ["6.1", "6.12", HOST];

/// The options, with their defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Series of kernels (`6.12`), or [`HOST`].
    pub kernels: Vec<String>,
    /// Map operations on each kernel.
    pub map_operations: u64,
    /// Data-path cases on each kernel.
    pub cases: u64,
    /// Where the campaign's random numbers begin.
    pub seed: u64,
    /// How long one guest may take, from power-on to power-off.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            kernels: Vec::new(),
            map_operations: 50_000,
            cases: 2_000,
            seed: 1,
            timeout: Duration::from_secs(1_800),
        }
    }
}

impl Options {
    /// Reads the options; every slip says what was expected.
    pub fn parse(arguments: &[String]) -> Result<Options, Failure> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value =
                || rest.next().ok_or_else(|| Failure::new(format!("kernel-matrix: {name} needs a value")));
            match name.as_str() {
                "--kernel" => options.kernels.push(value()?.clone()),
                "--map-operations" => options.map_operations = number(name, value()?)?,
                "--cases" => options.cases = number(name, value()?)?,
                "--seed" => options.seed = number(name, value()?)?,
                "--timeout" => options.timeout = Duration::from_secs(number(name, value()?)?),
                other => {
                    return Err(Failure::new(format!(
                        "kernel-matrix: no option `{other}`; it takes --kernel, --map-operations, --cases, \
                         --seed and --timeout"
                    )));
                }
            }
        }
        if options.kernels.is_empty() {
            options.kernels = KERNELS.map(str::to_owned).to_vec();
        }
        options.kernels.iter().try_for_each(|kernel| check_kernel(kernel))?;
        Ok(options)
    }

    /// What the campaign is started with.
    pub fn for_campaign(&self) -> Vec<String> {
        [("--map-operations", self.map_operations), ("--cases", self.cases), ("--seed", self.seed)]
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value.to_string()])
            .collect()
    }
}

fn number(name: &str, text: &str) -> Result<u64, Failure> {
    text.replace('_', "")
        .parse()
        .map_err(|_| Failure::new(format!("kernel-matrix: {name} takes a number, not `{text}`")))
}

/// A series is `6.12`: two numbers, as the names of kernel packages begin.
fn check_kernel(kernel: &str) -> Result<(), Failure> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_series = kernel.split_once('.').is_some_and(|(left, right)| is_number(left) && is_number(right));
    if is_series || kernel == HOST {
        return Ok(());
    }
    Err(Failure::new(format!("kernel-matrix: --kernel takes a series like 6.12, or {HOST}, not `{kernel}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words).map_err(|failure| failure.to_string())
    }

    #[test]
    fn defaults_are_the_whole_matrix() {
        let options = parse("").expect("no option is needed");
        assert_eq!(options.kernels, ["6.1", "6.12", "host"]);
        assert_eq!((options.map_operations, options.cases), (50_000, 2_000));
        assert_eq!(options.for_campaign().join(" "), "--map-operations 50000 --cases 2000 --seed 1");
    }

    #[test]
    fn slips_say_what_was_expected() {
        for (text, expected) in [
            ("--kernel 6", "kernel-matrix: --kernel takes a series like 6.12, or host, not `6`"),
            ("--cases many", "kernel-matrix: --cases takes a number, not `many`"),
            ("--seed", "kernel-matrix: --seed needs a value"),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()));
        }
    }
}
