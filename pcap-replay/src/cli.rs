//! The command line: what can be asked, and the help that says so.
//!
//! Owns names, defaults and texts of the arguments. What they mean together is worked out in
//! [`crate::commands`].

mod corpus;
mod everyday;
mod explaining;
mod exploring;
mod object;
mod running;
mod test;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use xdpsim_core::KernelVersion;

pub use corpus::{CapturesArg, CorpusArgs, MergeArgs};
pub use everyday::{ColourArg, CompletionsArgs, ManArgs, NewArgs};
pub use explaining::{AskArgs, DiffArgs, ExplainArgs, PacketArgs, PathsArgs, ProtocolArg};
pub use exploring::{ExploreArgs, FormArg};
pub use object::{KeysArg, ObjectArgs};
pub use running::RunArgs;
pub use test::TestArgs;

/// Exit codes, as every help text ends with them.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; frames that the simulated kernel lost are results, not errors
  1  a check was asked for and found something, or an object's program did what no verifier lets
     through, or redirected beyond what is modelled
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
  xdpsim replay --object fwd.o --ports 4 in.pcap -o out
        your own program as clang made it: on ports 1 to 4, which its DEVMAPs hold
  zcat in.pcap.gz | xdpsim replay host.toml - --events events.jsonl
        from a pipe, with the kernel's XDP tracepoints as JSON lines

Ports, maps, programs and timed changes: docs/scenario.md. Rules such as RED-04: docs/semantics.
What is not given is built in: without a scenario and without flags, --ports 4; without a
capture, 120 made-up frames. Frames in tables and JSON are numbered from 1, as tshark does;
`frame = N` of a scenario's changes counts from 0.
";

const EXPLAIN_AFTER: &str = "\
Examples:
  xdpsim explain
        the paths that the frames of the built-in example took, with their shares
  xdpsim explain host.toml in.pcap --fate lost --port eth1
        only what was lost and has to do with eth1
  xdpsim explain host.toml in.pcap --filter 'udp port 53'
        only DNS, in tcpdump's words
  xdpsim explain --frame 42
        a frame of the built-in example
  xdpsim explain host.toml in.pcap --frame 1234
        why frame 1234 went where it went, rule by rule

Frames are numbered from 1, as tshark and Wireshark do; `frame = N` of a scenario's changes
counts from 0. Each rule that decided a step is named at the end of its line: docs/semantics has
its text.
";

const DIFF_AFTER: &str = "\
Examples:
  xdpsim diff host.toml host-new.toml in.pcap
        frames whose outcome differs, grouped by what became of them in the one and in the other
  xdpsim diff monday.json tuesday.json
        two reports of `xdpsim replay --json`, row by row

Compared are, for each frame, the ports by which it and its copies left, how all others ended, and the
targets that broadcasts left out; not the way there, and not the bytes. The exit code is 0 if nothing
differs and 1 if something does.
";

const ASK_AFTER: &str = "\
Examples:
  xdpsim ask host.toml --src 10.0.0.1 --dst 10.0.0.2 --protocol tcp --dport 443 --vlan 100
        headers by name, everything else is made up
  xdpsim ask host.toml --frame-hex 'ffffffffffff 020000000001 0806 0001...'
        every byte by hand

The packet arrives alone: whether a ring has room is a question to a capture.
";

const MERGE_AFTER: &str = "\
Examples:
  xdpsim replay host.toml captures/ --partition slice:1/2 --json > 1.json
  xdpsim replay host.toml captures/ --partition slice:2/2 --json > 2.json
  xdpsim merge 1.json 2.json
        the same as `xdpsim replay host.toml captures/`, byte for byte with --json
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

    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        global = true,
        hide_possible_values = true
    )]
    pub color: ColourArg,

    /// Errors as JSON too; most commands print their result as JSON as well
    #[arg(short, long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay captures and count where their frames went
    #[command(after_help = format!("{REPLAY_AFTER}\n{EXIT_CODES}"))]
    Replay(ReplayArgs),
    /// Group frames by the path that they took, or tell the story of one, step by step
    #[command(after_help = format!("{EXPLAIN_AFTER}\n{EXIT_CODES}"))]
    Explain(ExplainArgs),
    /// Which frames fare differently in another scenario
    #[command(after_help = format!("{DIFF_AFTER}\n{EXIT_CODES}"))]
    Diff(DiffArgs),
    /// What would happen to this one packet
    #[command(after_help = format!("{ASK_AFTER}\n{EXIT_CODES}"))]
    Ask(AskArgs),
    /// Put the reports of the parts of a corpus together
    #[command(after_help = format!("{MERGE_AFTER}\n{EXIT_CODES}"))]
    Merge(MergeArgs),
    /// Check scenario files: all errors at once, with line, column and a caret
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Run scenarios and compare with what they expect
    #[command(after_help = format!("{}\n{EXIT_CODES}", test::AFTER))]
    Test(TestArgs),
    /// Run an object's program on every frame of a capture, as BPF_PROG_TEST_RUN would
    #[command(after_help = format!("{}\n{EXIT_CODES}", running::AFTER))]
    Run(RunArgs),
    /// Compare designs for groups and exclude groups: memory, lookups, updates, by size and workload
    #[command(after_help = format!("{}\n{EXIT_CODES}", exploring::AFTER))]
    Explore(ExploreArgs),
    /// Make a scenario to start from
    #[command(after_help = everyday::NEW_AFTER)]
    New(NewArgs),
    /// Print what a shell needs to complete the arguments
    #[command(after_help = everyday::COMPLETIONS_AFTER)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    #[command(after_help = everyday::MAN_AFTER)]
    Man(ManArgs),
    /// Play the same on the model and on the running kernel, and say where they first differ (root)
    #[cfg(target_os = "linux")]
    #[command(after_help = format!("{VERIFY_AFTER}\n{EXIT_CODES}"))]
    Verify(VerifyArgs),
}

/// What is simulated, and what arrives there.
#[derive(Clone, Debug, Default, Args)]
pub struct WorldArgs {
    /// A scenario (ends in .toml) and captures: pcap or pcapng, plain, gzip or zstd; `-` is standard
    /// input; of a directory all captures in and below it
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

    /// Stock objects.
    #[command(flatten)]
    pub objects: ObjectArgs,

    /// Port on which frames arrive [default: the scenario's `ingress`, or its first port]. With files, and
    /// several times: captures that were taken at several ports, merged by time
    #[arg(long, value_name = "PORT | PORT=FILE", help_heading = "How frames arrive")]
    pub ingress: Vec<String>,

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

    /// Which frames of which captures.
    #[command(flatten)]
    pub corpus: CorpusArgs,

    /// Write one annotated pcapng of all arrivals and deliveries, an interface for each port, with verdict,
    /// queue, packet id and, where a frame was lost, a comment; `-` is standard output (the table then goes
    /// to standard error)
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,

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

    /// Stop at the first fault of an object's program, with its whole story
    #[arg(long, help_heading = "Objects")]
    pub stop_on_fault: bool,

    /// Write how often each line of the objects' C source ran, as lcov's genhtml and editors read it
    #[arg(long, value_name = "FILE", help_heading = "Objects")]
    pub coverage: Option<PathBuf>,

    /// Write what programs tell user space as JSON lines: perf events, records of ring buffers, printed lines
    #[arg(long, value_name = "FILE", help_heading = "Objects")]
    pub program_events: Option<PathBuf>,

    /// Threads to use at most; changes the speed, never the output [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
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

    /// Nothing about files that are fine
    #[arg(short, long)]
    pub quiet: bool,
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
