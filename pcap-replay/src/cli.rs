//! The command line: what can be asked, and the help that says so.
//!
//! Owns names, defaults and texts of the arguments. What they mean together is worked out in
//! [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use xdpsim_core::KernelVersion;

/// Exit codes, as every help text ends with them.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; frames that the simulated kernel lost are results, not errors
  1  a check was asked for and found something
  2  wrong usage, a scenario that cannot be run, or a capture that is broken (what comes before the
     break was replayed) or not Ethernet
  3  internal fault: the simulator contradicts itself, or (verify) the running kernel
  4  nothing to replay: no frame in any capture";

const REPLAY_AFTER: &str = "\
Examples:
  xdpsim replay
        the built-in example
  xdpsim replay in.pcap --ports 4 --broadcast --exclude-ingress -o out
        a copy of each frame to ports 2 to 4: out/2.pcapng to out/4.pcapng
  xdpsim replay host.toml in.pcapng.gz --timing asap --json
        a scenario of one's own, frames back to back, counters for a script
  zcat in.pcap.gz | xdpsim replay host.toml - --events events.jsonl
        from a pipe, with the kernel's XDP tracepoints as JSON lines

Ports, maps, programs and timed changes: docs/scenario.md. Rules such as RED-04: docs/semantics.
What is not given is built in: without a scenario and without flags, --ports 4; without a
capture, 120 made-up frames. Frames in tables and JSON are numbered from 1, as tshark does;
`frame = N` of a scenario's changes counts from 0.
";

const EXPLAIN_AFTER: &str = "\
Examples:
  xdpsim explain --frame 42
        a frame of the built-in example
  xdpsim explain host.toml in.pcap --frame 1234
        why frame 1234 went where it went, rule by rule

Frames are numbered from 1, as tshark and Wireshark do; `frame = N` of a scenario's changes
counts from 0. Each rule that decided a step is named at the end of its line: docs/semantics has
its text.
";

#[cfg(target_os = "linux")]
const VERIFY_AFTER: &str = "\
Examples:
  sudo xdpsim verify host.toml in.pcap
        the scenario on veth pairs in namespaces of its own, nothing of which stays behind
  sudo xdpsim verify --random 200000 --seed 1
        random scenarios, and how often each rule was exercised

Compared are: what leaves by each port, byte for byte and in order; what is passed to the stack; the
tracepoints' events with their fields; the result of every map operation; all maps; all counters. Where
the two differ, xdpsim is wrong about this kernel: exit code 3.
";

/// Replays captures through the Linux XDP redirect pipeline and explains where every frame went.
///
/// Helper call, bulk queue, flush: simulated without root, without a kernel, and the same every time.
#[derive(Debug, Parser)]
#[command(name = "xdpsim", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay captures and count where their frames went
    #[command(after_help = format!("{REPLAY_AFTER}\n{EXIT_CODES}"))]
    Replay(ReplayArgs),
    /// Tell the story of one frame, step by step
    #[command(after_help = format!("{EXPLAIN_AFTER}\n{EXIT_CODES}"))]
    Explain(ExplainArgs),
    /// Check scenario files: all errors at once, with line, column and a caret
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Play the same on the model and on the running kernel, and say where they first differ (root)
    #[cfg(target_os = "linux")]
    #[command(after_help = format!("{VERIFY_AFTER}\n{EXIT_CODES}"))]
    Verify(VerifyArgs),
}

/// What is simulated, and what arrives there.
#[derive(Clone, Debug, Default, Args)]
pub struct WorldArgs {
    /// A scenario (ends in .toml) and captures: pcap or pcapng, plain, gzip or zstd; `-` is standard
    /// input
    #[arg(value_name = "SCENARIO.toml | CAPTURE")]
    pub files: Vec<PathBuf>,

    /// Another capture to read
    #[arg(short, long = "read", value_name = "FILE")]
    pub read: Vec<PathBuf>,

    /// Without a scenario: N ideal ports, `1` to `N`; frames go to the port after the ingress
    #[arg(long, value_name = "N", help_heading = "Instead of a scenario")]
    pub ports: Option<u32>,

    /// Without a scenario: frames go to all ports
    #[arg(long, help_heading = "Instead of a scenario")]
    pub broadcast: bool,

    /// With --broadcast: but not back to the port on which they arrived
    #[arg(long, help_heading = "Instead of a scenario")]
    pub exclude_ingress: bool,

    /// Port on which frames arrive [default: the scenario's `ingress`, or its first port]
    #[arg(long, value_name = "PORT", help_heading = "How frames arrive")]
    pub ingress: Option<String>,

    /// When frames arrive: at the capture's timestamps, or back to back in polls of 64 [default: the
    /// scenario's `timing`, or capture]
    #[arg(long, value_enum, help_heading = "How frames arrive")]
    pub timing: Option<TimingArg>,

    /// What becomes of frames that the capture cut short: replay them as they are, or pad them with
    /// zero bytes to their original length [default: the scenario's `truncated`, or as-captured]
    #[arg(long, value_enum, help_heading = "How frames arrive")]
    pub truncated: Option<TruncatedArg>,

    /// Kernel whose rules apply, from 6.1 on [default: the scenario's `kernel`, or 6.12]
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<KernelVersion>,
}

/// `xdpsim replay`.
#[derive(Clone, Debug, Default, Args)]
pub struct ReplayArgs {
    /// What is simulated.
    #[command(flatten)]
    pub world: WorldArgs,

    /// Write one capture per port into DIR: what left by it, in order. With several captures, one
    /// directory for each in DIR
    #[arg(short, long = "out", value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Format of the captures in DIR
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: FormatArg,

    /// Timestamps in them: when the frame arrived, or when it left in virtual time
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub stamp: StampArg,

    /// Write the XDP tracepoint events as JSON lines; `-` is standard output (the table then goes to
    /// standard error)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub events: Option<PathBuf>,

    /// One JSON document instead of the table; errors are in it too
    #[arg(short, long, help_heading = "Output")]
    pub json: bool,

    /// No table; only errors are printed
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,

    /// No progress bar on the terminal
    #[arg(long, help_heading = "Output")]
    pub no_progress: bool,

    /// Threads to use at most; changes the speed, never the output [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `xdpsim explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// What is simulated.
    #[command(flatten)]
    pub world: WorldArgs,

    /// The frame, numbered from 1 as tshark and Wireshark do
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frame: u64,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long)]
    pub json: bool,
}

/// `xdpsim check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// The scenario files; `-` is standard input
    #[arg(required = true, value_name = "SCENARIO.toml")]
    pub scenarios: Vec<PathBuf>,

    /// A JSON document with a list of `{file, line, column, message, help, severity}`
    #[arg(short, long)]
    pub json: bool,
}

/// `xdpsim verify`.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// What is played.
    #[command(flatten)]
    pub world: WorldArgs,

    /// Frames of each capture to play, from the first on
    #[arg(short = 'c', long, value_name = "N", default_value_t = 10_000)]
    pub limit: u64,

    /// Instead of a scenario: so many random cases, and five times as many operations on maps
    #[arg(long, value_name = "N", conflicts_with_all = ["files", "read", "ports", "broadcast", "limit"])]
    pub random: Option<u64>,

    /// Where the random numbers begin
    #[arg(long, value_name = "S", default_value_t = 1, requires = "random")]
    pub seed: u64,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long)]
    pub json: bool,
}

/// When frames arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimingArg {
    /// At the capture's timestamps.
    Capture,
    /// Back to back.
    Asap,
}

/// What becomes of truncated frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TruncatedArg {
    /// As short as they are.
    AsCaptured,
    /// Padded with zero bytes.
    Pad,
}

/// Format of egress captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// pcapng.
    #[default]
    Pcapng,
    /// Classic pcap.
    Pcap,
}

/// Timestamps of egress captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StampArg {
    /// When the frame arrived.
    #[default]
    Arrival,
    /// When it left, in virtual time.
    Egress,
}
