//! Arguments about what is taken of the captures, and how several of them go together.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::partition::Partition;

/// Which frames of which captures.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Corpora")]
pub struct CorpusArgs {
    /// Several captures: does each begin with the scenario's state, or with what the one before left
    /// behind? In a chain time does not run back: a capture that is older arrives back to back
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub captures: CapturesArg,

    /// Stop after N frames of each capture (of a chain, or of captures merged by --ingress: of all
    /// together)
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Play each capture N times: numbers, timestamps and state of the simulation go on from pass to pass
    #[arg(long = "loop", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub passes: Option<u32>,

    /// Replay only the captures M, M + N, M + 2N, … of a corpus; `xdpsim merge` puts the reports of all
    /// N parts together
    #[arg(long, value_name = "slice:M/N")]
    pub partition: Option<Partition>,

    /// A pcapng's interface stands for this port (its number, from 0, does too); `auto`: every interface
    /// stands for the port of its own name
    #[arg(long, value_name = "INTERFACE=PORT | auto")]
    pub interface: Vec<String>,

    /// Seed of the random numbers that programs get (`bpf_get_prandom_u32`), and of nothing else
    /// [default: the scenario's `seed`, or 0]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
}

/// What state a capture begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CapturesArg {
    /// The scenario's.
    #[default]
    Fresh,
    /// What the capture before it left behind.
    Chain,
}

/// `xdpsim merge`.
#[derive(Clone, Debug, Args)]
pub struct MergeArgs {
    /// Reports of `xdpsim replay --json --partition`, all parts of one corpus in any order; or reports
    /// of whole runs of one scenario, whose captures then follow each other as the reports do. `-` is
    /// standard input
    #[arg(required = true, value_name = "REPORT.json")]
    pub reports: Vec<PathBuf>,

    /// The report of the whole corpus as `xdpsim replay --json` would have written it, instead of a table
    #[arg(short, long)]
    pub json: bool,
}
