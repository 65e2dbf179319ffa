//! What programs of objects tell user space, as JSON lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::columns::counted;
use super::results::Results;
use super::stdout;
use crate::exit::Failure;
use crate::object::Told;

#[derive(Serialize)]
struct Line<'a> {
    capture: &'a str,
    #[serde(flatten)]
    told: &'a Told,
}

/// Writes the file.
///
/// # Errors
/// If it cannot be written.
pub fn write(file: &Path, results: &Results) -> Result<(), Failure> {
    let cannot = format!("{}: cannot write what programs told", file.display());
    written(file, results).map_err(|error| Failure::output(&cannot, &error))?;
    if results.told_more > 0 {
        let more = counted(results.told_more, "event", "events");
        stdout::complain(&format!("{}: {more} more than are kept\n", file.display()));
    }
    Ok(())
}

fn written(file: &Path, results: &Results) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for (capture, told) in &results.told {
        let capture = results.totals.captures.get(*capture).map_or("", |done| done.file.as_str());
        serde_json::to_writer(&mut out, &Line { capture, told })?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
