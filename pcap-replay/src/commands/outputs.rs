//! Where a replay's files go, worked out before any of them is made.
//!
//! Nothing that is read may be written: a capture that is its own egress capture would be emptied before
//! it was read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::world::{Capture, World};
use crate::cli::ReplayArgs;
use crate::exit::Failure;
use crate::output::captures::CapturesOptions;

/// The outputs of each of these captures in order; none if no captures are asked for.
///
/// # Errors
/// If a file would be read and written.
pub(super) fn plan(
    args: &ReplayArgs,
    world: &World,
    captures: &[Capture],
) -> Result<Vec<Option<CapturesOptions>>, Failure> {
    let files = world.captures.iter().flat_map(Capture::files);
    let inputs: Vec<PathBuf> = files.filter_map(|path| path.canonicalize().ok()).collect();
    for file in [&args.events, &args.write].into_iter().flatten() {
        refuse_input(&inputs, file)?;
    }
    let Some(dir) = &args.out else { return Ok(vec![None; captures.len()]) };
    let options = |dir| CapturesOptions { dir, format: args.format, stamp: args.stamp };
    let outs: Vec<CapturesOptions> = directories(dir, captures).into_iter().map(options).collect();
    for out in &outs {
        for (_, port) in world.plan.ports() {
            refuse_input(&inputs, &out.file(&port.name))?;
        }
    }
    Ok(outs.into_iter().map(Some).collect())
}

fn refuse_input(inputs: &[PathBuf], output: &Path) -> Result<(), Failure> {
    // A file that does not exist yet is nobody's input.
    let Ok(real) = output.canonicalize() else { return Ok(()) };
    // Devices and pipes keep nothing that could be lost.
    if real.is_file() && inputs.contains(&real) {
        let message = format!("{} would be read and written", output.display());
        return Err(Failure::usage(message, "write to another directory or file"));
    }
    Ok(())
}

/// With several captures each has a directory of its own, called as its file; where a name is taken, it
/// is numbered.
fn directories(dir: &Path, captures: &[Capture]) -> Vec<PathBuf> {
    if captures.len() == 1 {
        return vec![dir.to_owned()];
    }
    let mut taken = BTreeSet::new();
    let mut own = |capture: &Capture| {
        let name = name(capture);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut free = std::iter::once(name.clone()).chain(numbered);
        free.find(|name| taken.insert(name.clone())).unwrap_or(name)
    };
    captures.iter().map(|capture| dir.join(own(capture))).collect()
}

fn name(capture: &Capture) -> String {
    let file = match capture {
        Capture::File(path) if path != Path::new("-") => path.file_name(),
        _ => None,
    };
    file.map_or_else(|| "stdin".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_captures_share_a_directory() {
        let captures = ["a", "x/a", "a-2", "y/a", "-"].map(|path| Capture::File(path.into()));
        let dirs = directories(Path::new("out"), &captures);
        let expected = ["out/a", "out/a-2", "out/a-2-2", "out/a-3", "out/stdin"];
        assert_eq!(dirs, expected.map(PathBuf::from));
        assert_eq!(directories(Path::new("out"), &captures[..1]), [PathBuf::from("out")]);
    }
}
