//! Arguments, and one row after the other.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use xdpsim_oracle::model::Options;
use xdpsim_oracle::need::{self, Need};

use crate::failure::{Failure, Tried};
use crate::kernel::{KernelSide, Street};
use crate::measure::Samples;
use crate::model::ModelSide;
use crate::row::Row;
use crate::table::{self, Line};
use crate::traffic::{CAPTURE_ROUNDS, capture};

/// What the kernel's side needs.
const NEEDS: [Need; 3] = [Need::CapBpf, Need::CapNetAdmin, Need::CapSysAdmin];

/// Redirects the same frames in the running kernel and in the model, on one CPU, and tells the frames per
/// second of both. As root, on a machine that does nothing else, please.
#[derive(Debug, Parser)]
#[command(name = "side_by_side", disable_version_flag = true)]
pub struct Args {
    /// Numbers of ports, each for unicast and broadcast
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 2, 8, 32], value_parser = clap::value_parser!(u32).range(1..=64))]
    ports: Vec<u32>,

    /// Samples of each side; the median counts
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,

    /// How long a sample takes at least, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    millis: u64,

    /// One JSON document instead of the table
    #[arg(long)]
    json: bool,
}

/// The command.
pub fn run() -> ExitCode {
    let args = Args::parse();
    match measure(&args) {
        Ok(lines) if args.json => println!("{:#}", table::json(&lines)),
        Ok(lines) => print!("{}", table::text(&lines)),
        Err(failure) => {
            eprintln!("side_by_side: {failure}");
            return ExitCode::from(failure.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn measure(args: &Args) -> Result<Vec<Line>, Failure> {
    let missing = need::missing(&NEEDS);
    if !missing.is_empty() {
        return Err(Failure::Missing(missing));
    }
    let kernel = Options::host().tried(|| "find the kernel's version".to_owned())?.kernel;
    let rows = Row::all(&args.ports, kernel);
    let Some(widest) = rows.iter().max_by_key(|row| row.targets) else { return Ok(Vec::new()) };
    let mut street = Street::build(&widest.scenario.ports)?;
    let captures = (capture(CAPTURE_ROUNDS), capture(1));
    rows.iter().map(|row| line(row, &mut street, &captures, args)).collect()
}

/// Both sides by turns, so that a slow moment of the machine meets both.
fn line(row: &Row, street: &mut Street, captures: &(Vec<u8>, Vec<u8>), args: &Args) -> Result<Line, Failure> {
    eprintln!("{}", row.name);
    let least = Duration::from_millis(args.millis);
    let mut model = ModelSide::new(row, &captures.0, &captures.1)?;
    let copies = model.copies().to_vec();
    let mut kernel = KernelSide::new(row, street, &copies)?;
    let mut of_kernel = Samples::warm_up(&mut kernel, least)?;
    let mut of_model = Samples::warm_up(&mut model, least)?;
    for _ in 0..args.samples {
        of_kernel.add(&mut kernel, least)?;
        of_model.add(&mut model, least)?;
    }
    Ok(Line::new(row, &of_kernel, &of_model, copies.iter().sum()))
}
