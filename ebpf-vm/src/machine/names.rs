//! Programs and maps by name: one object needs no more, several may have to say which is meant.

use super::Machine;
use crate::host::ProgIdx;
use crate::load::btf::TypeId;
use crate::load::{MapSpec, Object};
use crate::memory::MapIdx;

/// A map's name and types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapName {
    /// Its name in C, or of the section if it holds variables.
    pub name: String,
    /// Place of the object among [`Machine::objects`] that declared it; of a pinned one, the first.
    pub object: usize,
    /// What it was created with.
    pub spec: MapSpec,
    /// The template of a map of maps.
    pub inner: Option<MapSpec>,
    /// The type of a key in that object's BTF; `void` if it is not known.
    pub key: TypeId,
    /// The type of a value; `void` if it is not known.
    pub value: TypeId,
}

/// No program, or more than one, has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", words("program", name, *found, known))]
pub struct NoSuchProgram {
    /// The name that was asked for.
    pub name: String,
    /// How many have it.
    pub found: usize,
    /// The names that there are.
    pub known: Vec<String>,
}

/// No map, or more than one, has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", words("map", name, *found, known))]
pub struct NoSuchMap {
    /// The name that was asked for.
    pub name: String,
    /// How many have it.
    pub found: usize,
    /// The names that there are.
    pub known: Vec<String>,
}

fn words(what: &str, name: &str, found: usize, known: &[String]) -> String {
    let known = match known {
        [] => "there are none".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    match found {
        0 => format!("there is no {what} `{name}`; {known}"),
        _ => format!(
            "{found} {what}s have the name `{name}`: put the object in front (`OBJECT:{name}`); {known}"
        ),
    }
}

/// Finds the only one with a name, alone or behind `OBJECT:`; else how many there are, and all names.
fn find<'a>(
    wanted: &str,
    all: impl Iterator<Item = (&'a Object, &'a str)>,
) -> Result<usize, (usize, Vec<String>)> {
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for (at, (object, name)) in all.enumerate() {
        let of_object = wanted.strip_suffix(name).and_then(|rest| rest.strip_suffix(':'));
        if wanted == name || of_object == Some(object.name.as_str()) {
            found.push(at);
        }
        known.push((object.name.as_str(), name));
    }
    if let [only] = found[..] {
        return Ok(only);
    }
    let twice = |name| known.iter().filter(|(_, other)| *other == name).count() > 1;
    let name = |&(object, name)| if twice(name) { format!("{object}:{name}") } else { String::from(name) };
    Err((found.len(), known.iter().map(name).collect()))
}

impl Machine {
    /// A program by its function's name; `OBJECT:NAME` where several objects have one.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn program(&self, name: &str) -> Result<ProgIdx, NoSuchProgram> {
        let all = self.programs().map(|(_, object, program)| (object, program.name.as_str()));
        let found = find(name, all);
        let no = |(found, known)| NoSuchProgram { name: name.to_owned(), found, known };
        found.map(|at| ProgIdx(at as u32)).map_err(no)
    }

    /// A map by name; `OBJECT:NAME` where several objects have one that they do not share.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn map(&self, name: &str) -> Result<MapIdx, NoSuchMap> {
        let all = self.linked.maps.iter().map(|map| (&self.linked.objects[map.object], map.name.as_str()));
        let no = |(found, known)| NoSuchMap { name: name.to_owned(), found, known };
        find(name, all).map(|at| MapIdx(at as u32)).map_err(no)
    }
}
