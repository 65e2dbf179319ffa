//! The file that somebody may have meant.

use std::path::Path;

use crate::scenario::suggest::nearest;

/// Larger directories are not searched to their end.
const ENTRIES_MAX: usize = 4_096;

/// For a file that is not there: the one in its directory with the nearest name, if one is near.
#[must_use]
pub fn did_you_mean(file: &str) -> Option<String> {
    let path = Path::new(file);
    if path.exists() {
        return None;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let listed = if folder == Path::new("") { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(listed).ok()?.take(ENTRIES_MAX).filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let meant = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{}`?", folder.join(meant).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_of_the_directory_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["in.pcap", "out.pcap"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let meant = |name: &str| did_you_mean(&folder.path().join(name).display().to_string());
        let expected = format!("did you mean `{}`?", folder.path().join("in.pcap").display());
        assert_eq!(meant("in.pacp"), Some(expected));
        assert_eq!((meant("something-else"), meant("in.pcap"), meant("none/in.pcap")), (None, None, None));
    }
}
