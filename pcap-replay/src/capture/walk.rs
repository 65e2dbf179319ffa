//! The captures of a directory, in an order that depends on their names alone.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Endings by which a capture in a directory is known; one of `.gz` and `.zst` may follow.
pub const ENDINGS: [&str; 4] = ["pcap", "pcapng", "cap", "ntar"];

/// All captures below a directory, sorted by their paths. Files of other kinds are passed by; links to
/// directories are not followed, so there is no way in circles.
///
/// # Errors
/// If something cannot be listed.
pub fn captures_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry?;
        if is_capture(entry.path()) && entry.path().is_file() {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_known_by_their_endings() {
        for yes in ["a.pcap", "x/A.PCAPNG", "a.cap.gz", "b.pcap.zst", "1.2.ntar"] {
            assert!(is_capture(Path::new(yes)), "{yes}");
        }
        for no in ["pcap", "a.gz", "a.pcap.bak", "a.toml", "recap", "a.txt.zst"] {
            assert!(!is_capture(Path::new(no)), "{no}");
        }
    }
}
