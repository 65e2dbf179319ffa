//! The files of the tree.

use std::fs;
use std::path::Path;

use crate::Failure;

/// Folders that hold no source.
const NOT_SOURCE: [&str; 4] = ["target", ".git", "corpus", "artifacts"];

/// All files under `folder` that end in `.extension`, relative to `root`, sorted. A folder
/// that is not there holds none.
pub fn files(root: &Path, folder: &str, extension: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        let unreadable = |e| Failure::new(format!("cannot list {}: {e}", folder.display()));
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !NOT_SOURCE.contains(&name.as_ref()) {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}
