//! Arguments of `xdpsim explore`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::explore::workload::{Exclude, Popularity, Size};

pub(super) const AFTER: &str = "\
Examples:
  xdpsim explore --ports 8,64,512 --groups 16,1024,65536 -o page/
        all designs at nine sizes: a table, and page/index.html with charts
  xdpsim explore --ports 64 --groups 1024 --exclude bonds:4 --churn 10000
        ports are bonded in fours, and ten thousand joins or leaves come each second
  xdpsim explore --learn lan.pcapng
        the groups, members and senders of a capture
  xdpsim explore --designs D1,D5 --groups 65535,65536 --no-times --csv
        two designs, for a script, the same bytes in every run

A workload is groups of ports, exclude groups, frames and changes, all from --seed. Which ports are excluded:
  nothing                   no port
  ingress                   the port on which the frame came in
  bonds:MEMBERS             all ports of its bond
  split-horizon:SEGMENTS    all ports of its segment
  arbitrary:SETSxSIZE       one of so many random sets of so many ports

A sweep that was interrupted goes on where it ended, if it has the same -o.
";

/// `xdpsim explore`.
#[derive(Clone, Debug, Args)]
pub struct ExploreArgs {
    /// Numbers of ports, from 1 to 65535
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [8, 64, 512],
          value_parser = clap::value_parser!(u32).range(1..=65_535), help_heading = "Sizes")]
    pub ports: Vec<u32>,

    /// Numbers of forward groups, from 1 to 16777216
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [16, 1_024, 65_536],
          value_parser = clap::value_parser!(u32).range(1..=16_777_216), help_heading = "Sizes")]
    pub groups: Vec<u32>,

    /// Which designs, by number or name [default: all]
    #[arg(long, value_name = "DESIGN,...", value_delimiter = ',', help_heading = "Sizes")]
    pub designs: Vec<String>,

    /// Ports of a group: a number, a range such as 4-32, or a part of all such as 25%
    #[arg(long, value_name = "SIZE", default_value_t = Size::Exactly(16), help_heading = "Workload")]
    pub size: Size,

    /// Of a hundred members of a group, so many are ports that all groups have
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100),
          help_heading = "Workload")]
    pub overlap: u32,

    /// Which ports a frame must not leave by
    #[arg(long, value_name = "PATTERN", default_value_t = Exclude::Ingress, help_heading = "Workload")]
    pub exclude: Exclude,

    /// Of a hundred frames, so many have no exclude group
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100),
          help_heading = "Workload")]
    pub plain: u32,

    /// Which groups frames go to: uniform, or skewed to a few of them
    #[arg(long, value_name = "WORD", default_value_t = Popularity::Uniform, help_heading = "Workload")]
    pub popularity: Popularity,

    /// Frames a second, for the recommendation
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = "Workload")]
    pub frames: u64,

    /// Joins and leaves a second, for the recommendation [default: 100, or what --learn saw]
    #[arg(long, value_name = "N", help_heading = "Workload")]
    pub churn: Option<u64>,

    /// Groups from a capture instead: its multicast destinations, its IGMP and MLD reports, its senders; `-` is
    /// standard input; of a directory all captures in and below it
    #[arg(long, value_name = "CAPTURE", conflicts_with_all = ["ports", "groups", "size", "overlap", "popularity"],
          help_heading = "Workload")]
    pub learn: Vec<PathBuf>,

    /// Kinds of maps, in designs that have maps: the containing map and the groups, an array (a) or a hash (h) each
    #[arg(long, value_enum, default_value_t, help_heading = "Workload")]
    pub form: FormArg,

    /// Where the random numbers begin
    #[arg(long, value_name = "S", default_value_t = 1, help_heading = "Workload")]
    pub seed: u64,

    /// Memory that all cells under way may take by their formulas; what never fits is reported and not tried
    #[arg(long, value_name = "BYTES", default_value_t = ByteCount(1 << 30))]
    pub memory: ByteCount,

    /// Measure nothing: the output is then the same in every run
    #[arg(long)]
    pub no_times: bool,

    /// Write index.html, cells.csv and explore.json into DIR, and each cell as soon as it is finished
    #[arg(short, long = "out", value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Forget finished cells that DIR has
    #[arg(long, requires = "out", help_heading = "Output")]
    pub fresh: bool,

    /// One JSON document instead of the table; errors are in it too
    #[arg(short, long, help_heading = "Output")]
    pub json: bool,

    /// The cells as CSV instead of the table
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub csv: bool,

    /// No progress bar on the terminal
    #[arg(long, help_heading = "Output")]
    pub no_progress: bool,

    /// Threads to use at most [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// Kinds of a containing map and of the groups in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// An array of DEVMAPs.
    Aa,
    /// An array of DEVMAP_HASHes.
    Ah,
    /// A hash of DEVMAPs.
    Ha,
    /// A hash of DEVMAP_HASHes.
    #[default]
    Hh,
}

/// A number of bytes, in which K, M, G and T are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}`: expected a number of bytes such as 512M or 2G");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let power = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" | "B" => 0,
            "K" | "KIB" => 1,
            "M" | "MIB" => 2,
            "G" | "GIB" => 3,
            "T" | "TIB" => 4,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << (10 * power)).map(Self).ok_or_else(wrong)
    }
}

impl std::fmt::Display for ByteCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = ["", "K", "M", "G", "T"];
        let power =
            (1..units.len()).rev().find(|&power| self.0 > 0 && self.0.is_multiple_of(1 << (10 * power)));
        let power = power.unwrap_or(0);
        write!(f, "{}{}", self.0 >> (10 * power), units[power])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes() {
        for (text, bytes) in
            [("1000", 1_000), ("1k", 1_024), ("512M", 512 << 20), ("2GiB", 2 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(text.parse(), Ok(ByteCount(bytes)));
            assert_eq!(ByteCount(bytes).to_string().parse(), Ok(ByteCount(bytes)));
        }
        for text in ["", "G", "1X", "-1", "1.5G", "99999999T"] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
        assert_eq!(ByteCount(1 << 30).to_string(), "1G");
    }
}
