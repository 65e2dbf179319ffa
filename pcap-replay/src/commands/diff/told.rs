//! What `xdpsim diff` says of two scenarios: pairs of paths with their frames, in words and as JSON.

use serde::Serialize;

use super::scenarios::{Compared, Known};
use crate::cli::DiffArgs;
use crate::commands::colour;
use crate::commands::world::{self, World};
use crate::exit::{Exit, Failure, Message};
use crate::explain::Names;
use crate::output::columns::{counted, grouped};
use crate::output::json::{SCHEMA, pretty};
use crate::output::stdout;
use crate::paths::{FramePath, Legs, Outcome, Tally, block, legs};

/// Pairs that are told in words; the JSON has all.
const PAIRS_SHOWN: usize = 20;

/// One side of a difference.
#[derive(Serialize)]
struct Side<'a> {
    outcome: Outcome,
    legs: Legs<'a>,
    #[serde(skip)]
    block: String,
}

/// Frames that fare differently in the same way.
#[derive(Serialize)]
struct Pair<'a> {
    frames: u64,
    /// Index into `captures`: the numbers are of this one.
    capture: usize,
    first: Vec<u64>,
    before: Side<'a>,
    after: Side<'a>,
}

/// What is told.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    schema: u32,
    before: String,
    after: String,
    captures: Vec<String>,
    /// Frames compared.
    frames: u64,
    /// Frames that fare differently.
    differing: u64,
    /// Frames on paths that there was no room for.
    uncompared: u64,
    pairs: Vec<Pair<'a>>,
    errors: Vec<Message>,
}

impl<'a> Told<'a> {
    /// Picks the pairs whose outcomes differ.
    pub fn new(
        args: &DiffArgs,
        (before, after): (&'a World, &'a World),
        known: &'a (Known, Known),
        compared: Compared,
    ) -> Self {
        let names = (Names::new(&before.plan), Names::new(&after.plan));
        let paths = (known.0.paths(), known.1.paths());
        let outcomes = |names, paths: &[&FramePath]| -> Vec<Outcome> {
            paths.iter().map(|path| Outcome::of(names, path)).collect()
        };
        let all = (outcomes(names.0, &paths.0), outcomes(names.1, &paths.1));
        let (mut pairs, mut uncompared) = (Vec::new(), 0);
        for (&numbers, tally) in &compared.pairs {
            let (Some(one), Some(other)) = numbers else {
                uncompared += tally.frames;
                continue;
            };
            let (one, other) = (one as usize, other as usize);
            if all.0[one] != all.1[other] {
                let before = side(names.0, paths.0[one], &all.0[one]);
                let after = side(names.1, paths.1[other], &all.1[other]);
                let Tally { frames, capture, first } = tally.clone();
                pairs.push(Pair { frames, capture, first, before, after });
            }
        }
        // Frames are compared once, so no two pairs have the same first one.
        pairs.sort_by_key(|pair| (std::cmp::Reverse(pair.frames), pair.capture, pair.first.clone()));
        Self {
            schema: SCHEMA,
            before: args.before.display().to_string(),
            after: args.after.display().to_string(),
            captures: before.captures.iter().map(world::Capture::name).collect(),
            frames: compared.frames,
            differing: pairs.iter().map(|pair| pair.frames).sum(),
            uncompared,
            pairs,
            errors: compared.errors,
        }
    }

    /// A difference is a finding, and so are frames that could not be compared.
    pub fn exit(&self) -> Exit {
        match (self.errors.is_empty(), self.differing + self.uncompared) {
            (false, _) => Exit::Input,
            (true, 0) => Exit::Fine,
            (true, _) => Exit::Findings,
        }
    }

    /// As text or JSON.
    pub fn print(&self, json: bool) -> Result<(), Failure> {
        stdout::print(&if json { pretty(self) } else { self.render() })?;
        for message in &self.errors {
            stdout::complain(&Failure::Plain(Exit::Input, message.clone()).render(colour()));
        }
        Ok(())
    }

    fn render(&self) -> String {
        let source = match self.captures.as_slice() {
            [one] => one.clone(),
            all => counted(all.len() as u64, "capture", "captures"),
        };
        let frames = counted(self.frames, "frame", "frames");
        let differing = match self.differing {
            0 => "all fare alike".to_owned(),
            1 => "1 fares differently".to_owned(),
            many => format!("{} fare differently", grouped(many)),
        };
        let mut out = format!("{source}: {frames} in {} and {}, {differing}\n", self.before, self.after);
        for pair in self.pairs.iter().take(PAIRS_SHOWN) {
            out.push_str(&self.pair(pair));
        }
        if self.pairs.len() > PAIRS_SHOWN {
            let more = counted((self.pairs.len() - PAIRS_SHOWN) as u64, "more pair", "more pairs");
            out.push_str(&format!("\n… and {more} of paths; --json has them all\n"));
        }
        if self.uncompared > 0 {
            let frames = counted(self.uncompared, "frame was", "frames were");
            out.push_str(&format!("\n{frames} not compared: there are too many distinct paths to keep\n"));
        }
        out
    }

    fn pair(&self, pair: &Pair<'_>) -> String {
        let numbers: Vec<String> = pair.first.iter().map(|&number| grouped(number)).collect();
        let more = if pair.frames > pair.first.len() as u64 { " …" } else { "" };
        let capture = match self.captures.as_slice() {
            [_] => String::new(),
            all => format!("of {} ", all[pair.capture]),
        };
        let frames = counted(pair.frames, "frame", "frames");
        format!(
            "\n{frames}: {capture}{}{more}\n  {}: {}\n{}  {}: {}\n{}",
            numbers.join(" "),
            self.before,
            pair.before.outcome,
            pair.before.block,
            self.after,
            pair.after.outcome,
            pair.after.block,
        )
    }
}

fn side<'a>(names: Names<'a>, path: &FramePath, outcome: &Outcome) -> Side<'a> {
    Side { outcome: outcome.clone(), legs: legs(names, path), block: block(names, path, "    ") }
}
