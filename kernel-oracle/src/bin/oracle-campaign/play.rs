//! The campaign itself.

use std::fs;

use xdpsim_oracle::campaign::{self, DataCampaign, DataFailure};
use xdpsim_oracle::exercise::{Histogram, NOT_PROVOCABLE};
use xdpsim_oracle::maps::{self, MapCampaign, MapFailure, NOT_SHOWN};
use xdpsim_oracle::model;

use crate::checks;
use crate::document::Document;
use crate::options::Options;
use crate::progress::Progress;

/// Where the kernel says which one it is.
const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// Plays what was asked for on the running kernel and on the model. The error says what this machine lacks;
/// where model and kernel part is in the document.
pub fn play(options: &Options) -> Result<Document, String> {
    let kernel = fs::read_to_string(RELEASE).map_err(|e| format!("cannot read {RELEASE}: {e}"))?;
    let kernel = kernel.trim().to_owned();
    eprintln!("kernel {kernel}");
    checks::run()?;
    let mut document = Document { kernel, seed: options.seed, ..Document::default() };
    if options.map_operations > 0 {
        play_maps(options, &mut document)?;
    }
    if options.cases > 0 {
        play_cases(options, &mut document)?;
    }
    Ok(document)
}

/// Random operations at the maps.
fn play_maps(options: &Options, document: &mut Document) -> Result<(), String> {
    let mut progress = Progress::new("map operations", options.map_operations);
    let what = MapCampaign::new(options.map_operations, options.seed);
    match maps::campaign(&what, &mut |done| progress.at(done)) {
        Ok(report) => {
            document.map_operations = report.operations;
            for (clause, count) in report.exercised.counts() {
                document.count(clause.id(), count);
            }
            for (id, why) in NOT_SHOWN {
                document.not_provoked.insert((*id).to_owned(), (*why).to_owned());
            }
            Ok(())
        }
        Err(MapFailure::Difference(difference)) => {
            document.map_operations = difference.operations;
            document.differences.push(difference.to_string());
            Ok(())
        }
        Err(MapFailure::Machine(error)) => Err(format!("the map campaign: {error}")),
    }
}

/// Random houses with random cases: most of them where programs run in the driver, the others in generic mode.
fn play_cases(options: &Options, document: &mut Document) -> Result<(), String> {
    let (cases, seed, model) = (options.cases, options.seed, model::Options::host()?);
    let native = DataCampaign::new(cases, seed, model.clone());
    let generic = DataCampaign::generic(cases * 3 / 4, seed, model);
    play_campaign("cases", &native, |histogram| histogram, document)?;
    play_campaign("cases in generic mode", &generic, Histogram::only_generic, document)?;
    // Clauses about older kernels are exercised there.
    let counted = |id| document.rules.get(id).is_some_and(|count| *count > 0);
    let reasons: Vec<_> = NOT_PROVOCABLE.iter().filter(|reason| !counted(reason.id)).collect();
    for reason in reasons {
        document.not_provoked.insert(reason.id.to_owned(), reason.why.to_owned());
    }
    Ok(())
}

/// A campaign, of which the clauses count that it is about.
fn play_campaign(
    name: &'static str,
    what: &DataCampaign,
    about: fn(Histogram) -> Histogram,
    document: &mut Document,
) -> Result<(), String> {
    let mut progress = Progress::new(name, what.cases);
    match campaign::campaign(what, &mut |done| progress.at(done)) {
        Ok(report) => {
            document.cases += report.cases;
            let exercised = about(report.exercised);
            for (clause, count) in &exercised.by_clause {
                document.count(clause, *count);
            }
            tell_rare(exercised.rare());
            Ok(())
        }
        Err(DataFailure::Difference(difference)) => {
            document.cases += difference.cases;
            document.differences.push(difference.to_string());
            Ok(())
        }
        Err(failure) => Err(format!("the campaign on the data path, {name}: {failure}")),
    }
}

/// Says which clauses were exercised so seldom that more cases would be good.
fn tell_rare<'a>(rare: impl Iterator<Item = (&'a str, u64)>) {
    let rare: Vec<String> = rare.map(|(clause, count)| format!("{clause} ({count})")).collect();
    if !rare.is_empty() {
        eprintln!("seldom exercised: {}", rare.join(", "));
    }
}
