//! `xdpsim explore`: from arguments to a sweep, and from its cells to table, documents and page.

use std::fmt::Display;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use thiserror::Error;
use xdpsim_devmap::groups::encoding::{Design, MapForm};

use crate::capture::{CaptureReader, ReadOptions, captures_in};
use crate::cli::{ExploreArgs, FormArg};
use crate::exit::{Exit, Failure};
use crate::explore::learn::{LearnError, Learnt, learn};
use crate::explore::recommend::{Demand, recommend};
use crate::explore::report::{Report, Settings};
use crate::explore::state::{self, State, StateError};
use crate::explore::trial::{Differs, Trials};
use crate::explore::workload::{Members, Shape};
use crate::explore::{csv, document, page, sweep, table};
use crate::output::json::SCHEMA;
use crate::output::stdout;

/// More cells than this are taken for a mistake.
const CELLS_MAX: usize = 10_000;
/// Joins and leaves a second, if nobody says how many.
const CHURN: u64 = 100;

/// Runs the command.
pub(super) fn run(args: &ExploreArgs) -> Result<Exit, Failure> {
    let asked = Asked::new(args)?;
    let report = Report { cells: asked.sweep()?, settings: asked.settings() };
    let recommendation = recommend(&report, asked.demand);
    if let Some(directory) = &args.out {
        let html = page::render(&report, &recommendation)
            .map_err(|error| Failure::internal(format!("a chart cannot be drawn: {error}")))?;
        write(directory, "index.html", &html)?;
        write(directory, "cells.csv", &csv::render(&report))?;
        write(directory, "explore.json", &document::render(&report, &recommendation))?;
    }
    let text = match (args.json, args.csv) {
        (true, _) => document::render(&report, &recommendation),
        (_, true) => csv::render(&report),
        _ => table::render(&report, &recommendation) + &args.out.as_deref().map(made).unwrap_or_default(),
    };
    stdout::print(&text).map(|()| Exit::Fine)
}

/// What was asked for, with all defaults.
struct Asked<'a> {
    args: &'a ExploreArgs,
    designs: Vec<&'static str>,
    ports: Vec<u32>,
    groups: Vec<u32>,
    shape: Shape,
    form: MapForm,
    demand: Demand,
}

impl<'a> Asked<'a> {
    fn new(args: &'a ExploreArgs) -> Result<Self, Failure> {
        let learnt = learnt(&args.learn)?.map(Arc::new);
        let (ports, groups) = match &learnt {
            Some(learnt) => (vec![learnt.ports()], vec![learnt.groups()]),
            None => (once_each(&args.ports), once_each(&args.groups)),
        };
        let designs = designs(&args.designs)?;
        let cells = designs.len() * ports.len() * groups.len();
        if cells > CELLS_MAX {
            let message = format!("a sweep of {cells} cells: expected at most {CELLS_MAX}");
            return Err(Failure::usage(message, "fewer --ports, --groups or --designs"));
        }
        let changes = args.churn.unwrap_or_else(|| learnt.as_deref().map_or(CHURN, churn));
        let shape = Shape {
            seed: args.seed,
            members: Members { size: args.size, overlap: args.overlap },
            exclude: args.exclude,
            popularity: args.popularity,
            plain: args.plain,
            learnt,
        };
        let form = match args.form {
            FormArg::Aa => MapForm::ArrayOfDevmap,
            FormArg::Ah => MapForm::ArrayOfDevmapHash,
            FormArg::Ha => MapForm::HashOfDevmap,
            FormArg::Hh => MapForm::HashOfDevmapHash,
        };
        let demand = Demand { frames: args.frames, changes };
        Ok(Self { args, designs, ports, groups, shape, form, demand })
    }

    /// All cells: those that are finished already, and the others.
    fn sweep(&self) -> Result<Vec<crate::explore::results::Cell>, Failure> {
        let places = sweep::places(&self.designs, &self.ports, &self.groups);
        let (state, done) = match &self.args.out {
            None => (None, Vec::new()),
            Some(directory) => {
                std::fs::create_dir_all(directory)
                    .map_err(|error| Failure::output(&directory.display().to_string(), &error))?;
                let (state, done) = State::open(directory, &self.head(), self.args.fresh)?;
                (Some(state), done)
            }
        };
        let trials = Trials::new(&self.shape, self.form, self.args.memory.0, !self.args.no_times);
        let bar = bar(!self.args.no_progress, places.len());
        let cells = sweep::run(
            &places,
            &done,
            threads(self.args),
            |place| {
                let outcome = trials.run(place).map_err(SweepError::from);
                bar.inc(1);
                outcome
            },
            |cell| state.as_ref().map_or(Ok(()), |state| state.add(cell).map_err(SweepError::from)),
        );
        bar.finish_and_clear();
        let cells = cells?;
        if let Some(state) = state {
            // Cells of other sizes stay, behind those of this sweep.
            let mut all = cells.clone();
            all.extend(done.into_iter().filter(|cell| !places.contains(&sweep::Place::of(cell))));
            state.finish(&all)?;
        }
        Ok(cells)
    }

    /// What finished cells must have in common with others.
    fn head(&self) -> String {
        let common = self.workload().into_iter().chain(self.trial());
        let settings: serde_json::Map<String, serde_json::Value> =
            common.map(|(name, value)| (name.to_owned(), value.into())).collect();
        serde_json::json!({ "schema": SCHEMA, "version": env!("CARGO_PKG_VERSION"), "settings": settings })
            .to_string()
    }

    fn settings(&self) -> Settings {
        let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut settings = Vec::new();
        if self.args.learn.is_empty() {
            settings.extend([("ports", list(&self.ports)), ("groups", list(&self.groups))]);
        }
        if self.designs.len() < Design::ALL.len() {
            settings.push(("designs", self.designs.join(",")));
        }
        settings.extend(self.workload());
        settings
            .extend([("frames", self.demand.frames.to_string()), ("churn", self.demand.changes.to_string())]);
        settings.extend(self.trial());
        Settings(settings)
    }

    fn workload(&self) -> Vec<(&'static str, String)> {
        let args = self.args;
        let mut settings: Vec<(&'static str, String)> =
            args.learn.iter().map(|path| ("learn", path.display().to_string())).collect();
        if settings.is_empty() {
            settings.push(("size", args.size.to_string()));
            settings.push(("overlap", args.overlap.to_string()));
            settings.push(("popularity", args.popularity.to_string()));
        }
        settings.push(("exclude", args.exclude.to_string()));
        settings.push(("plain", args.plain.to_string()));
        settings
    }

    fn trial(&self) -> Vec<(&'static str, String)> {
        let args = self.args;
        let form = match args.form {
            FormArg::Aa => "aa",
            FormArg::Ah => "ah",
            FormArg::Ha => "ha",
            FormArg::Hh => "hh",
        };
        let mut settings = vec![
            ("form", form.to_owned()),
            ("seed", args.seed.to_string()),
            ("memory", args.memory.to_string()),
        ];
        settings.extend(args.no_times.then(|| ("no-times", String::new())));
        settings
    }
}

/// Why a sweep ended before its last cell.
#[derive(Debug, Error)]
enum SweepError {
    #[error(transparent)]
    Differs(#[from] Differs),
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Differs(differs) => Self::internal(differs.to_string()),
            SweepError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Io { file, source } => Self::output(&file, &source),
            other => {
                Self::usage(other.to_string(), "name another directory, or forget those cells with --fresh")
            }
        }
    }
}

/// Why these files teach nothing.
fn unlearnt(error: LearnError, files: &[PathBuf]) -> Failure {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let names = names.join(", ");
    match error {
        LearnError::Capture(error) => error.into(),
        LearnError::NoGroup { .. } => Failure::nothing(
            format!("nothing to learn from {names}: {error}"),
            "`tshark -r FILE -Y igmp` shows reports; without --learn a workload is made up",
        ),
        LearnError::TooMany { .. } => Failure::usage(
            format!("too much to learn from {names}: {error}"),
            "`tshark -r FILE -Y FILTER -w PART` makes a smaller capture",
        ),
    }
}

/// What the captures teach, if there are any.
fn learnt(files: &[PathBuf]) -> Result<Option<Learnt>, Failure> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut captures = Vec::new();
    for file in files {
        let listed = match file.is_dir() {
            false => vec![file.clone()],
            true => {
                captures_in(file).map_err(|error| Failure::output(&file.display().to_string(), &error))?
            }
        };
        for file in listed {
            captures.push(CaptureReader::open(&file, &ReadOptions::default())?);
        }
    }
    learn(captures).map(Some).map_err(|error| unlearnt(error, files))
}

/// Joins and leaves a second that a capture has; at least one.
fn churn(learnt: &Learnt) -> u64 {
    const SECOND: u128 = 1_000_000_000;
    let rate = u128::from(learnt.changes) * SECOND / u128::from(learnt.nanos.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX).max(1)
}

fn designs(names: &[String]) -> Result<Vec<&'static str>, Failure> {
    if names.is_empty() {
        return Ok(Design::ALL.iter().map(|design| design.id()).collect());
    }
    let mut designs = Vec::new();
    for name in names {
        let known = |design: &Design| {
            name.eq_ignore_ascii_case(design.id()) || name.replace('-', " ") == design.name()
        };
        match Design::ALL.iter().find(|design| known(design)) {
            Some(design) => designs.push(*design),
            None => {
                let all = Design::ALL.map(|design| format!("{} ({})", design.id(), design.name())).join(", ");
                return Err(Failure::usage(
                    format!("there is no design `{name}`"),
                    format!("there are {all}"),
                ));
            }
        }
    }
    designs.sort_unstable();
    designs.dedup();
    Ok(designs.into_iter().map(Design::id).collect())
}

fn once_each(numbers: &[u32]) -> Vec<u32> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn threads(args: &ExploreArgs) -> NonZeroUsize {
    let given = args.threads.and_then(|threads| NonZeroUsize::new(threads.into()));
    given.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Cells that are done, on a terminal only.
fn bar(wanted: bool, cells: usize) -> ProgressBar {
    if !wanted || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(cells as u64), ProgressDrawTarget::stderr());
    // A template that cannot be read would only cost the bar its looks.
    let style = ProgressStyle::with_template("{pos}/{len} cells {wide_bar} {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn write(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let file = directory.join(name);
    std::fs::write(&file, text).map_err(|error| Failure::output(&file.display().to_string(), &error))
}

/// What lies in the directory now.
fn made(directory: &Path) -> String {
    let file = |name: &str| directory.join(name).display().to_string();
    let files: [&dyn Display; 4] =
        [&file("index.html"), &file("cells.csv"), &file("explore.json"), &file(state::FILE)];
    let files = files.map(|file| file.to_string()).join(", ");
    format!("\nThe same as a page and for scripts: {files}\n")
}
