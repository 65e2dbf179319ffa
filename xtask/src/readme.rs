//! The parts of README.md that are generated: what is not modelled, and on which kernels the model was judged.
//!
//! A block begins with a comment `<!-- NAME: … -->` and ends with `<!-- end -->`; what stands between is
//! replaced.

use std::fmt::Write as _;
use std::path::Path;

use crate::Failure;
use crate::deferred::Deferred;
use crate::generated::{Mode, settle};
use crate::kernels::Kernels;

/// The file, relative to the root.
const FILE: &str = "README.md";
const END: &str = "<!-- end -->";

/// Writes the blocks, or checks them.
pub fn run(root: &Path, deferred: &Deferred, kernels: &Kernels, mode: Mode) -> Result<(), Failure> {
    let text = crate::read(&root.join(FILE))?;
    let text = replaced(&text, "not modelled", &not_modelled(deferred))?;
    let text = replaced(&text, "kernels", &judges(kernels))?;
    settle(root, FILE, &text, mode, "cargo xtask conformance")
}

fn not_modelled(deferred: &Deferred) -> String {
    let mut list = String::new();
    for (ids, reason) in deferred.entries() {
        _ = writeln!(list, "- {}: {reason}", ids.join(", "));
    }
    list
}

fn judges(kernels: &Kernels) -> String {
    let mut table = "| kernel | map operations | data-path cases | clauses exercised | differences |\n\
                     |---|---|---|---|---|\n"
        .to_owned();
    for kernel in kernels.campaigns() {
        let (operations, cases) = (grouped(kernel.map_operations), grouped(kernel.cases));
        _ = writeln!(table, "| {} | {operations} | {cases} | {} | 0 |", kernel.release, kernel.clauses);
    }
    table
}

/// 50000 as `50,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn replaced(text: &str, name: &str, block: &str) -> Result<String, Failure> {
    let missing = |what: &str| Failure::new(format!("{FILE}: the block `{name}` has no {what}"));
    let start =
        text.find(&format!("<!-- {name}: ")).ok_or_else(|| missing("beginning `<!-- NAME: … -->`"))?;
    let head = start + text[start..].find('\n').ok_or_else(|| missing("second line"))? + 1;
    let end = head + text[head..].find(END).ok_or_else(|| missing("end `<!-- end -->`"))?;
    Ok(format!("{}{block}{}", &text[..head], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_nothing_else() {
        let text = "a\n<!-- kernels: by x -->\nold\n<!-- end -->\nb\n";
        let expected = "a\n<!-- kernels: by x -->\nnew\n<!-- end -->\nb\n";
        assert_eq!(replaced(text, "kernels", "new\n").ok().as_deref(), Some(expected));
        assert!(replaced(text, "others", "").is_err());
        assert!(replaced("<!-- kernels: by x -->\n", "kernels", "").is_err());
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
