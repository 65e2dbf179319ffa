//! `--update`: what was found becomes what is expected.
//!
//! Edits the scenario's text in place: comments, order and everything else stay as they are.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::judge::{Broken, Fix, Observed, of_row};
use crate::output::totals::Class;
use crate::scenario::{Counter, Expectation, Key};

/// The text with every broken expectation mended; `None` if the text has no such place.
#[must_use]
pub fn accept(text: &str, broken: &[(&Expectation, &Broken)]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    // Backwards, so that an entry that goes moves none that are still to be found.
    for (expectation, broken) in broken.iter().rev() {
        match &broken.fix {
            Fix::Rewrite => {}
            Fix::Value(found) => {
                let value = at(document.as_item_mut(), &expectation.path)?.as_value_mut()?;
                let around = value.decor().clone();
                *value = found.parse().ok()?;
                *value.decor_mut() = around;
            }
            &Fix::Count(found) => count(at(document.as_item_mut(), &expectation.path)?, found)?,
            Fix::Remove => {
                let (last, parent) = expectation.path.split_last()?;
                let parent = at(document.as_item_mut(), parent)?;
                match last {
                    Key::Place(place) => drop(parent.as_array_mut()?.remove(*place)),
                    Key::Name(name) => drop(parent.as_table_like_mut()?.remove(name)),
                }
            }
        }
    }
    Some(document.to_string())
}

/// Walks to a value.
fn at<'d>(item: &'d mut Item, path: &[Key]) -> Option<&'d mut Item> {
    path.iter().try_fold(item, |item, key| match key {
        Key::Name(name) => item.get_mut(name.as_str()),
        Key::Place(place) => item.get_mut(*place),
    })
}

/// A number becomes the one that was found; a range is widened as far as needed.
fn count(item: &mut Item, found: u64) -> Option<()> {
    if let Some(range) = item.as_table_like_mut() {
        return widen(range, found);
    }
    replace(item.as_value_mut()?, found);
    Some(())
}

fn widen(range: &mut dyn TableLike, found: u64) -> Option<()> {
    let bound = |range: &dyn TableLike, key: &str| range.get(key).and_then(Item::as_integer);
    let found_here = integer(found);
    let key = match bound(range, "min") {
        Some(min) if found_here < min => "min",
        _ => "max",
    };
    replace(range.get_mut(key)?.as_value_mut()?, found);
    Some(())
}

/// Replaces a value and keeps what stands around it.
fn replace(value: &mut Value, number: u64) {
    let around = value.decor().clone();
    *value = Value::from(integer(number));
    *value.decor_mut() = around;
}

/// TOML's numbers have a sign.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The text with an empty `[expect]` filled by all that was seen.
#[must_use]
pub fn fill(text: &str, seen: &Observed) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let expect = document.as_table_mut().get_mut("expect")?.as_table_mut()?;
    expect.insert("arrivals", toml_edit::value(integer(seen.totals.arrivals)));
    let silent: Array = seen.ports.iter().filter(|row| is_silent(row)).map(|row| row.name.as_str()).collect();
    if !silent.is_empty() {
        expect.insert("silent", toml_edit::value(silent));
    }
    let mut ports = Table::new();
    ports.set_implicit(true);
    for row in seen.ports.iter().filter(|row| row.kind != "far end") {
        let mut port = Table::new();
        for &counter in Counter::ALL {
            let found = of_row(row, counter);
            if found > 0 && !matches!(counter, Counter::Received | Counter::Bytes) {
                port.insert(counter.key(), toml_edit::value(integer(found)));
            }
        }
        if !port.is_empty() {
            ports.insert(&row.name, Item::Table(port));
        }
    }
    if !ports.is_empty() {
        expect.insert("port", Item::Table(ports));
    }
    let fates = fates(seen);
    if !fates.is_empty() {
        expect.insert("fate", Item::ArrayOfTables(fates));
    }
    Some(document.to_string())
}

/// Nothing left by it, though it could have.
fn is_silent(row: &crate::output::ports::PortRow) -> bool {
    row.delivered == 0 && !matches!(row.kind, "upper" | "far end")
}

/// One section for each way in which frames were lost.
fn fates(seen: &Observed) -> ArrayOfTables {
    let mut fates = ArrayOfTables::new();
    let lost = seen.totals.ends.iter().filter(|(key, _)| Class::of(key.fate) == Class::Lost);
    for (key, end) in lost {
        let mut fate = Table::new();
        fate.insert("fate", toml_edit::value(key.fate.name()));
        if let Some(errno) = key.errno {
            fate.insert("errno", toml_edit::value(errno.name()));
        }
        let port = if key.egress.is_some() { "port" } else { "ingress" };
        fate.insert(port, toml_edit::value(key.egress.as_ref().unwrap_or(&key.ingress)));
        if key.egress.is_some() {
            fate.insert("ingress", toml_edit::value(&key.ingress));
        }
        fate.insert("frames", toml_edit::value(integer(end.frames)));
        fates.push(fate);
    }
    fates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str, path: &[Key], fix: Fix) -> Option<String> {
        let expectation = Expectation {
            expected: crate::scenario::Expected::Silent(String::new()),
            at: 0..0,
            path: path.to_vec(),
        };
        let broken = Broken {
            line: 1,
            what: String::new(),
            expected: String::new(),
            found: String::new(),
            look_at: Vec::new(),
            fix,
        };
        accept(text, &[(&expectation, &broken)])
    }

    fn name(key: &str) -> Key {
        Key::Name(key.to_owned())
    }

    #[test]
    fn a_number_changes_and_nothing_else() {
        let text = "# why\n[expect]  # here\nlost   =  3 # was 2\n\n[other]\nx=1\n";
        let new = mended(text, &[name("expect"), name("lost")], Fix::Count(40));
        assert_eq!(new.as_deref(), Some(text.replace("3 #", "40 #").as_str()));
    }

    #[test]
    fn a_range_is_widened_at_the_bound_that_was_crossed() {
        let text = "[expect]\nlost = { min = 3, max = 9 } # some\n";
        let path = [name("expect"), name("lost")];
        let (low, high) = (mended(text, &path, Fix::Count(1)), mended(text, &path, Fix::Count(12)));
        assert_eq!(low.as_deref(), Some("[expect]\nlost = { min = 1, max = 9 } # some\n"));
        assert_eq!(high.as_deref(), Some("[expect]\nlost = { min = 3, max = 12 } # some\n"));
    }

    #[test]
    fn fates_are_found_in_sections_and_in_lists() {
        let path = [name("expect"), name("fate"), Key::Place(1), name("frames")];
        for text in [
            "[[expect.fate]]\nframes = 1\n[[expect.fate]]\nframes = 2 # two\n",
            "[expect]\nfate = [{ frames = 1 }, { frames = 2 }]\n",
        ] {
            let new = mended(text, &path, Fix::Count(5));
            assert_eq!(new.as_deref(), Some(text.replace("= 2", "= 5").as_str()));
        }
    }

    #[test]
    fn a_port_that_was_not_silent_leaves_the_list() {
        let path = [name("expect"), name("silent"), Key::Place(1)];
        let new = mended("[expect]\nsilent = [\"a\", \"b\", \"c\"]\n", &path, Fix::Remove);
        assert_eq!(new.as_deref(), Some("[expect]\nsilent = [\"a\", \"c\"]\n"));
    }

    #[test]
    fn a_place_that_is_not_there_changes_nothing() {
        assert_eq!(mended("[expect]\n", &[name("expect"), name("lost")], Fix::Count(1)), None);
        assert_eq!(mended("not toml", &[], Fix::Rewrite), None);
    }
}
