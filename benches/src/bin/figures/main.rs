//! `figures`: every speed that the project promises, measured in one run, with its target.
//!
//! A repetition runs every workload once, so that a slow moment of the machine hits all of them; the
//! best of all repetitions counts. The yardstick, the rate at which one core reads the same capture from
//! memory, is part of each repetition. Exit code 1 if a target is missed.

mod list;
mod measure;
mod rows;
mod whole_process;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use rows::Row;

/// Measures xdpsim: frames per second of each workload, as part of the memory bandwidth, with its
/// target. On a machine that does nothing else, please.
#[derive(Debug, Parser)]
#[command(name = "figures", disable_version_flag = true)]
struct Args {
    /// 64-byte frames of the capture; of IMIX a quarter as many
    #[arg(long, value_name = "N", default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    frames: u64,

    /// Repetitions; the best of them counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    reps: u32,

    /// Only the workload of this name, or all whose names contain TEXT
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,

    /// One JSON document instead of the table
    #[arg(long)]
    json: bool,

    /// Instead: time and memory of `xdpsim replay` on captures of 1 GB. The command is
    /// target/release/xdpsim, or what the environment variable XDPSIM names
    #[arg(long)]
    whole_process: bool,

    /// With --whole-process: keep the captures in DIR and use those that are there already
    #[arg(long, value_name = "DIR", requires = "whole_process")]
    captures: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let rows = if args.whole_process {
        whole_process::rows(args.captures.as_deref(), args.reps, &args.only)
    } else {
        measure::rows(args.frames, args.reps, &args.only)
    };
    match rows {
        Ok(rows) => report(&rows, args.json),
        Err(complaint) => {
            eprintln!("figures: {complaint}");
            ExitCode::from(2)
        }
    }
}

fn report(rows: &[Row], json: bool) -> ExitCode {
    if json {
        println!("{:#}", rows::json(rows));
    } else {
        print!("{}", rows::table(rows));
    }
    let missed = rows.iter().filter(|row| row.is_missed()).count();
    if missed > 0 {
        eprintln!("figures: {missed} missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
