//! `cargo bench -p xdpsim-benches --bench groups`: forward group without exclude group, in every encoding.
//!
//! 64 ports, random pairs out of 1,000 forward and 64 exclude groups, one core. A difference is both lookups and the result,
//! which is used: as a mask all words, one by one each port. Of a forward group's 48 ports 32 are left on average. Before
//! anything is timed all encodings must agree. Figures are the best round and the median.
//!
//! Before that a million groups: bytes by formula, by capacity, and as the process grew.

mod million;
mod rates;
mod workload;

use clap::Parser;

/// Forward group without exclude group, in every encoding.
#[derive(Debug, Parser)]
struct Args {
    /// How often everything is timed.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Only designs whose name or id contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Groups of the first part; 0 leaves it out.
    #[arg(long, default_value_t = 1_000_000)]
    groups: u32,
    /// What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    // First, while nothing has been given back to the allocator.
    if args.groups > 0 {
        million::print(args.groups, &args.only);
        println!();
    }
    rates::print(args.rounds, &args.only);
}
