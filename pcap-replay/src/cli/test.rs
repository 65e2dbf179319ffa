//! Arguments of `xdpsim test`.

use std::path::PathBuf;

use clap::Args;

/// `xdpsim test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Scenarios, and directories in which all `*.toml` with an `[expect]` are run
    #[arg(required = true, value_name = "SCENARIO.toml | DIR")]
    pub paths: Vec<PathBuf>,

    /// Accept what was found: write it into `[expect]` and into golden captures; an `[expect]` that is
    /// empty is filled
    #[arg(short, long)]
    pub update: bool,

    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub junit: Option<PathBuf>,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long, help_heading = "Output")]
    pub json: bool,

    /// Only what is broken
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

pub(super) const AFTER: &str = "\
Examples:
  xdpsim test examples/
        every scenario below examples/ that has an [expect]
  xdpsim test tests/ --junit results.xml
        for CI: exit code 1 if something is broken, 4 if there was nothing to run
  xdpsim test --update host.toml
        what was found is expected from now on

A scenario names its captures in `[replay]`, `captures = [\"in.pcap\"]`; without any it gets 120
made-up frames. What can be expected: docs/scenario.md.
";
