//! Arguments of `xdpsim run`.

use std::path::PathBuf;

use clap::Args;
use xdpsim_vm::Engine;

pub(super) const AFTER: &str = "\
Examples:
  xdpsim run fwd.o in.pcap
        verdicts with their counts; what the program did that no program may do, with line and registers
  xdpsim run fwd.o in.pcap --prog forward --maps maps.toml --dump-maps after.json
        one of several programs, with contents of maps before and after
  xdpsim run fwd.o in.pcap --json | jq -c 'select(.verdict == 1)'
        a line for each frame: which were dropped?

A file for --maps has keys and values as people write them, by the object's types:
  [globals]
  port_count = 4
  [maps.routes]
  \"10.0.0.0/8\" = { port = 3, mac = \"02:00:00:00:00:03\" }
  [maps]
  ports = [5, 6, 7]
  [[maps.flows]]
  key = { source = \"10.0.0.1\", port = 443 }
  value = 1

The packet is what BPF_PROG_TEST_RUN makes of a frame: 256 bytes in front, no metadata, from the loopback
device; frames below 14 bytes are refused. A redirect is a verdict here and leads nowhere: `xdpsim replay`
takes it further.
";

/// `xdpsim run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The object, as clang left it
    #[arg(value_name = "OBJECT")]
    pub object: PathBuf,

    /// The capture: pcap or pcapng, plain, gzip or zstd; `-` is standard input
    #[arg(value_name = "CAPTURE")]
    pub capture: PathBuf,

    /// The program, by the name of its function [default: the object's only one for interfaces]
    #[arg(long, value_name = "NAME")]
    pub prog: Option<String>,

    /// Contents of maps and variables before the first frame, as TOML
    #[arg(long, value_name = "FILE")]
    pub maps: Option<PathBuf>,

    /// Types to relocate to, as in /sys/kernel/btf/vmlinux [default: the object's own]
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,

    /// What runs the program; changes the speed, never the output
    #[arg(long, value_name = "NAME", default_value_t)]
    pub engine: Engine,

    /// For how many CPUs per-CPU maps have values; the program runs on the first
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cpus: u32,

    /// Where the program's random numbers begin
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// End at the first frame in which the program does what no program may do
    #[arg(long)]
    pub stop_on_fault: bool,

    /// Write all maps as JSON after the last frame; `-` is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub dump_maps: Option<PathBuf>,

    /// Write the frames as the program left them: pcap if FILE ends so, else pcapng; `-` is standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,

    /// A JSON line for each frame instead of the table; errors are lines too
    #[arg(short, long, help_heading = "Output")]
    pub json: bool,
}
