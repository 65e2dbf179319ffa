//! Arguments of the commands that explain: `explain`, `diff`, `ask`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use xdpsim_core::KernelVersion;

use super::{TimingArg, TruncatedArg, WorldArgs};

/// `xdpsim explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// What is simulated.
    #[command(flatten)]
    pub world: WorldArgs,

    /// Tell the story of this frame, numbered from 1 as tshark and Wireshark do [default: group all frames
    /// by the path that they took]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frame: Option<u64>,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long)]
    pub json: bool,

    /// Which paths, where no frame is named.
    #[command(flatten)]
    pub paths: PathsArgs,
}

/// Which paths are told.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which paths")]
pub struct PathsArgs {
    /// Only paths with this fate, or on which a broadcast left a target out for this reason; `lost` is
    /// every loss
    #[arg(long, value_name = "FATE", conflicts_with = "frame")]
    pub fate: Vec<String>,

    /// Only paths that end with this errno: a name or a number
    #[arg(long, value_name = "ERRNO", conflicts_with = "frame")]
    pub errno: Vec<String>,

    /// Only paths on which this rule decided something
    #[arg(long, value_name = "RULE", conflicts_with = "frame")]
    pub rule: Vec<String>,

    /// Only paths that have to do with this port
    #[arg(long, value_name = "PORT", conflicts_with = "frame")]
    pub port: Vec<String>,

    /// Only frames that this capture filter lets through, in the syntax of libpcap (tcpdump); all frames
    /// are replayed. Needs libpcap
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "frame")]
    pub filter: Option<String>,

    /// Paths to tell at most, the commonest first; 0 tells them all
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with_all = ["frame", "json"])]
    pub top: usize,

    /// Threads to use at most; changes the speed, never the output [default: one for each processor]
    #[arg(long, value_name = "N", conflicts_with = "frame",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `xdpsim diff`.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// A scenario (ends in .toml), or a report: what `xdpsim replay --json` printed
    #[arg(value_name = "A")]
    pub before: PathBuf,

    /// What it is compared with: another scenario or report
    #[arg(value_name = "B")]
    pub after: PathBuf,

    /// The captures that both scenarios replay [default: the built-in capture]
    #[arg(value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// Port on which frames arrive, in both scenarios
    #[arg(long, value_name = "PORT")]
    pub ingress: Option<String>,

    /// When frames arrive, in both scenarios
    #[arg(long, value_enum)]
    pub timing: Option<TimingArg>,

    /// What becomes of frames that the capture cut short, in both scenarios
    #[arg(long, value_enum)]
    pub truncated: Option<TruncatedArg>,

    /// Kernel whose rules apply to both
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<KernelVersion>,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long)]
    pub json: bool,
}

/// `xdpsim ask`.
#[derive(Clone, Debug, Args)]
pub struct AskArgs {
    /// What is simulated; a scenario and no capture.
    #[command(flatten)]
    pub world: WorldArgs,

    /// One JSON document instead of text; errors are in it too
    #[arg(short, long)]
    pub json: bool,

    /// The packet.
    #[command(flatten)]
    pub packet: PacketArgs,
}

/// A packet, byte by byte or by its headers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The packet")]
pub struct PacketArgs {
    /// The whole frame from its destination address on, without check sequence, as hexadecimal digits;
    /// spaces, colons and commas do not count
    #[arg(long, value_name = "HEX", conflicts_with_all = ["src_mac", "dst_mac", "vlan", "ethertype", "src",
          "dst", "protocol", "sport", "dport", "length"])]
    pub frame_hex: Option<String>,

    /// Source address [default: 02:00:00:00:00:01]
    #[arg(long, value_name = "MAC")]
    pub src_mac: Option<String>,

    /// Destination address [default: 02:00:00:00:00:02]
    #[arg(long, value_name = "MAC")]
    pub dst_mac: Option<String>,

    /// VLAN tag; given twice, the first is the outer one (802.1ad)
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(0..=4095))]
    pub vlan: Vec<u16>,

    /// Instead of IP: a frame of this type, such as 0x88cc
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["src", "dst", "protocol", "sport", "dport"])]
    pub ethertype: Option<String>,

    /// Source IP address, version 4 or 6 [default: 192.0.2.1 or 2001:db8::1]
    #[arg(long, value_name = "IP")]
    pub src: Option<IpAddr>,

    /// Destination IP address [default: 192.0.2.2 or 2001:db8::2]
    #[arg(long, value_name = "IP")]
    pub dst: Option<IpAddr>,

    /// What is in it
    #[arg(long, value_enum, value_name = "PROTOCOL")]
    pub protocol: Option<ProtocolArg>,

    /// Source port [default: 1024]
    #[arg(long, value_name = "PORT")]
    pub sport: Option<u16>,

    /// Destination port [default: 9]
    #[arg(long, value_name = "PORT")]
    pub dport: Option<u16>,

    /// Bytes of the whole frame, without check sequence [default: 60, or what the headers take]
    #[arg(long, value_name = "BYTES")]
    pub length: Option<u32>,
}

/// Transport protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtocolArg {
    /// UDP.
    #[default]
    Udp,
    /// TCP, a SYN.
    Tcp,
    /// ICMP or ICMPv6, an echo request.
    Icmp,
}
