//! Which files are tests: those that are named, and in folders every `*.toml` with an `[expect]`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::exit::Failure;

/// A scenario to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    /// Named on the command line; in a folder lie other TOML files too.
    pub named: bool,
}

/// All of them, each once, folders in the order of their files' names.
pub(super) fn scenarios(paths: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut all)?;
        } else {
            all.push(Found { path: path.clone(), named: true });
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|found| seen.insert(found.path.clone()));
    Ok(all)
}

fn walk(folder: &Path, all: &mut Vec<Found>) -> Result<(), Failure> {
    let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || is_ours(entry)) {
        let entry = entry.map_err(|error| {
            let folder = folder.display().to_string();
            Failure::output(&folder, &error.into())
        })?;
        let is_toml = entry.path().extension().is_some_and(|ending| ending == "toml");
        if is_toml && entry.file_type().is_file() {
            all.push(Found { path: entry.into_path(), named: false });
        }
    }
    Ok(())
}

/// Hidden folders and what cargo built are nobody's tests.
fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let built = entry.file_type().is_dir() && name == "target";
    !built && !name.starts_with('.')
}
