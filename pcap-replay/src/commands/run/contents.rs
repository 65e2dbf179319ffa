//! What maps and variables begin with: a TOML file, values as people write them ([`xdpsim_vm::natural`]).
//!
//! Sections: `[globals]` (variables of `.rodata`, `.data`, `.bss`), `[inner]` (maps to be made after the template of a
//! map of maps), `[maps]` (contents by the map's name). A mistake is shown with its line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use xdpsim_devmap::Errno;
use xdpsim_vm::load::Object;
use xdpsim_vm::machine::Builder;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::memory::MapIdx;
use xdpsim_vm::natural::{self, Mismatch, Step, Value};
use xdpsim_vm::test_run::{Ebpf, MapError};

use crate::exit::Failure;
use crate::scenario::{Problem, Problems, Source, Span};

type Item<'a> = Spanned<DeValue<'a>>;

/// A file for `--maps`.
pub(super) struct Contents {
    source: Source,
}

impl Contents {
    /// Reads it as TOML.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let help = "a file for --maps is TOML: `xdpsim run --help` has an example";
        let source = Source::read(path).map_err(|error| {
            Failure::usage(format!("{file}: cannot read contents of maps: {error}"), help)
        })?;
        if let Some((_, message)) = source.defect() {
            return Err(Failure::usage(format!("{file}: {message}"), help));
        }
        let contents = Self { source };
        let (document, syntax) = DeTable::parse_recoverable(contents.source.text());
        let wrong = |error: &toml::de::Error| {
            let message = format!("this is not TOML: {}", error.message());
            Problem::error(message, error.span().unwrap_or(0..0), "here")
        };
        contents.end(syntax.iter().map(wrong).collect())?;
        contents.check_sections(document.get_ref())?;
        Ok(contents)
    }

    /// The file, which has been read without an error.
    fn document(&self) -> DeTable<'_> {
        DeTable::parse_recoverable(self.source.text()).0.into_inner()
    }

    fn end(&self, list: Vec<Problem>) -> Result<(), Failure> {
        if list.is_empty() {
            return Ok(());
        }
        let mut problems = Problems::none(self.source.clone());
        list.into_iter().for_each(|problem| problems.add(problem));
        Err(Failure::Scenario(problems))
    }

    fn check_sections(&self, document: &DeTable<'_>) -> Result<(), Failure> {
        const KNOWN: [&str; 3] = ["globals", "inner", "maps"];
        let mut problems = Vec::new();
        for (key, item) in document.iter() {
            if !KNOWN.contains(&key.get_ref().as_ref()) {
                let message = format!("unknown section `{}`", key.get_ref());
                problems.push(Problem::error(message, key.span(), "here").help(
                    "sections are [maps] for maps by name, [globals] for variables, [inner] for new inner maps",
                ));
            } else if !matches!(item.get_ref(), DeValue::Table(_)) {
                let message = format!("`{}` must be a table", key.get_ref());
                problems.push(Problem::error(message, item.span(), "this is none"));
            }
        }
        self.end(problems)
    }

    /// `[globals]`
    pub fn set_globals(&self, object: &mut Object) -> Result<(), Failure> {
        let (document, mut problems) = (self.document(), Vec::new());
        for (name, at, item) in section(&document, "globals") {
            let known = object.globals.iter().find(|global| global.name == name);
            let (ty, size) = known.map_or_else(Default::default, |known| (known.ty, known.size as usize));
            let value = json(item);
            let done = match known {
                None => Ok(vec![]),
                Some(_) => natural::encode(&object.btf, ty, size, &value),
            };
            match done {
                Err(error) => problems.push(mismatch(&format!("variable `{name}`"), &error, item)),
                Ok(bytes) => {
                    if let Err(error) = object.set_global(name, &bytes) {
                        let message = format!("variable `{name}`: {}", error.what);
                        problems.push(Problem::error(message, at, "here").help(error.remedy));
                    }
                }
            }
        }
        self.end(problems)
    }

    /// `[inner]`
    pub fn add_inner(&self, mut builder: Builder) -> Result<Builder, Failure> {
        let (document, mut problems) = (self.document(), Vec::new());
        for (name, _, item) in section(&document, "inner") {
            match item.get_ref() {
                DeValue::String(outer) => builder = builder.inner(name, outer),
                _ => problems.push(Problem::error(
                    format!("inner map `{name}`: the name of a map of maps is expected"),
                    item.span(),
                    "this is none",
                )),
            }
        }
        self.end(problems).map(|()| builder)
    }

    /// `[maps]`
    pub fn fill(&self, object: &mut Ebpf) -> Result<(), Failure> {
        let (document, mut problems) = (self.document(), Vec::new());
        for (name, at, item) in section(&document, "maps") {
            match object.machine().map(name) {
                Err(error) => problems.push(Problem::error(error.to_string(), at, "here")),
                Ok(map) => {
                    let kind =
                        object.machine().map_name(map).and_then(|map| Kind::from_number(map.spec.map_type));
                    let mut filling =
                        Filling { object: &mut *object, map, name, kind, problems: &mut problems };
                    filling.all(item);
                }
            }
        }
        self.end(problems)
    }
}

/// The keys of a section, where they stand, and what they are set to.
fn section<'a>(document: &'a DeTable<'a>, name: &str) -> impl Iterator<Item = (&'a str, Span, &'a Item<'a>)> {
    let table = match document.get(name).map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    };
    let entries = table.into_iter().flat_map(|table| table.iter());
    entries.map(|(key, item)| (key.get_ref().as_ref(), key.span(), item))
}

/// A map that is being filled.
struct Filling<'a> {
    object: &'a mut Ebpf,
    map: MapIdx,
    name: &'a str,
    kind: Option<Kind>,
    problems: &'a mut Vec<Problem>,
}

impl Filling<'_> {
    fn wrong(&mut self, message: impl std::fmt::Display, at: Span, label: &str) {
        self.problems.push(Problem::error(format!("map `{}`: {message}", self.name), at, label));
    }

    fn all(&mut self, item: &Item<'_>) {
        match item.get_ref() {
            DeValue::Table(table) => {
                for (key, value) in table.iter() {
                    self.element(&Value::from(key.get_ref().as_ref()), key.span(), None, value);
                }
            }
            DeValue::Array(list) => {
                for (index, element) in list.iter().enumerate() {
                    self.listed(index, element);
                }
            }
            _ => self.wrong("expected a table of keys and values, or a list", item.span(), "neither"),
        }
    }

    /// An element of a list: a pair of key and value, a queue's next, or an array's by its place.
    fn listed(&mut self, index: usize, element: &Item<'_>) {
        if let DeValue::Table(table) = element.get_ref()
            && let (2, Some(key), Some(value)) = (table.len(), table.get("key"), table.get("value"))
        {
            return self.element(&json(key), key.span(), Some(key), value);
        }
        match self.kind {
            Some(Kind::Queue | Kind::Stack) => {
                self.element(&Value::from("hex:"), element.span(), None, element)
            }
            _ if self.object.machine().map_name(self.map).is_some_and(|map| map.spec.key_size == 4) => {
                self.element(&Value::from(index), element.span(), None, element);
            }
            _ => self.wrong(
                "its keys are no places in a list: write { key = …, value = … }, or a table",
                element.span(),
                "no key",
            ),
        }
    }

    fn element(&mut self, key: &Value, at: Span, key_item: Option<&Item<'_>>, item: &Item<'_>) {
        let machine = self.object.machine();
        let bytes = match machine.encode_key(self.map, key) {
            Ok(bytes) => bytes,
            Err(error) => {
                let problem = match key_item {
                    Some(item) => mismatch(&format!("key of map `{}`", self.name), &error, item),
                    None => Problem::error(format!("key of map `{}`: {error}", self.name), at, "this key"),
                };
                return self.problems.push(problem);
            }
        };
        match self.kind {
            Some(Kind::ProgArray | Kind::ArrayOfMaps | Kind::HashOfMaps) => self.reference(&bytes, item),
            Some(Kind::PerfEventArray | Kind::Ringbuf) => {
                self.wrong("events are sent by programs, nothing can be put in", item.span(), "here");
            }
            _ => self.value(&bytes, item),
        }
    }

    fn value(&mut self, key: &[u8], item: &Item<'_>) {
        let value = match self.object.machine().encode_value(self.map, &json(item)) {
            Ok(value) => value,
            Err(error) => {
                return self.problems.push(mismatch(&format!("value of map `{}`", self.name), &error, item));
            }
        };
        let handle = self.object.map_at(self.map);
        if let Some(Err(error)) = handle.map(|mut map| map.insert_bytes(key, &value, 0)) {
            self.refused(&error, item);
        }
    }

    /// A program or map by name.
    fn reference(&mut self, key: &[u8], item: &Item<'_>) {
        let DeValue::String(name) = item.get_ref() else {
            return self.wrong("expected the name of a program or map", item.span(), "this is none");
        };
        let machine = self.object.machine_mut();
        let done = if self.kind == Some(Kind::ProgArray) {
            let found = machine.program(name).map_err(|error| error.to_string());
            found.map(|program| machine.set_program(self.map, key, program))
        } else {
            let found = machine.map(name).map_err(|error| error.to_string());
            found.map(|inner| machine.set_inner(self.map, key, inner, 0))
        };
        match done {
            Err(message) => self.wrong(message, item.span(), "here"),
            Ok(Err(errno)) => self.refused(&errno.into(), item),
            Ok(Ok(())) => {}
        }
    }

    fn refused(&mut self, error: &MapError, item: &Item<'_>) {
        let spec = self.object.machine().map_name(self.map).map(|map| map.spec).unwrap_or_default();
        let remedy = match error {
            MapError::Errno(Errno::E2BIG) => format!("; it has room for {} entries", spec.max_entries),
            MapError::Errno(Errno::EINVAL)
                if self.kind == Some(Kind::HashOfMaps) || self.kind == Some(Kind::ArrayOfMaps) =>
            {
                "; the inner map must be like the template: [inner] makes one".to_owned()
            }
            _ => String::new(),
        };
        self.wrong(format!("a kernel refuses this with {error}{remedy}"), item.span(), "this element");
    }
}

fn mismatch(what: &str, error: &Mismatch, item: &Item<'_>) -> Problem {
    let at = locate(item, &error.path);
    Problem::error(format!("{what}: {error}"), at, format!("expected {}", error.expected))
}

/// Where in the file a step of a value stands.
fn locate(item: &Item<'_>, path: &[Step]) -> Span {
    let next = match (path.first(), item.get_ref()) {
        (Some(Step::Field(name)), DeValue::Table(table)) => table.get(name.as_str()),
        (Some(Step::Index(index)), DeValue::Array(list)) => list.get(*index),
        _ => None,
    };
    next.map_or_else(|| item.span(), |next| locate(next, &path[1..]))
}

/// A value as JSON has it. Numbers beyond 64 bits stay text, which says so where it is used.
fn json(item: &Item<'_>) -> Value {
    match item.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let signed = i64::from_str_radix(&digits, number.radix()).map(Value::from);
            let number = signed.or_else(|_| u64::from_str_radix(&digits, number.radix()).map(Value::from));
            number.unwrap_or_else(|_| Value::from(digits))
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(list) => list.iter().map(json).collect(),
        DeValue::Table(table) => {
            let field = |(key, item): (&Spanned<std::borrow::Cow<'_, str>>, &Item<'_>)| {
                (key.get_ref().to_string(), json(item))
            };
            Value::Object(table.iter().map(field).collect())
        }
    }
}
