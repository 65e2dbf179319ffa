//! Generated files: written, or compared with what stands in the tree.

use std::fs;
use std::path::Path;

use crate::Failure;

/// What to do with a generated text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write the file when its text differs.
    Write,
    /// Fail when the file's text differs.
    Check,
}

/// Writes `text` to `file` (relative to `root`), or checks that it stands there already.
pub fn settle(root: &Path, file: &str, text: &str, mode: Mode, command: &str) -> Result<(), Failure> {
    let path = root.join(file);
    let present = fs::read_to_string(&path).ok();
    if present.as_deref() == Some(text) {
        return Ok(());
    }
    match mode {
        Mode::Write => {
            fs::write(&path, text).map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))
        }
        Mode::Check => {
            let at = first_difference(present.as_deref().unwrap_or(""), text);
            Err(Failure::new(format!("{file} is stale (first difference in line {at}): run `{command}`")))
        }
    }
}

fn first_difference(left: &str, right: &str) -> usize {
    1 + left.lines().zip(right.lines()).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\nc", "a\nx\nc"), 2);
        assert_eq!(first_difference("", "a"), 1);
        assert_eq!(first_difference("a\n", "a\nb\n"), 2);
    }
}
