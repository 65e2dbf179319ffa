//! Programs of object files, and what their maps begin with: `object = "fwd.o"`, `[contents]`.
//!
//! Owns the keys. Files are not opened here: [`crate::object::in_scenario`] does, and finds out whether the programs,
//! variables and maps that are named exist.

use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};
use xdpsim_core::scenario::ProgramKind;

use super::diag::{Problem, Problems, Sink};
use super::fields::{self, Fields, Item, clip};
use super::limits;
use super::parse::Cx;
use super::source::{Source, Span};

/// A value in a scenario, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A program of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectUse {
    /// The program's name in the scenario.
    pub program: String,
    /// The object file.
    pub object: Written<String>,
    /// The function or section, if it was named.
    pub function: Option<Written<String>>,
    /// Variables that are set before anything runs.
    pub globals: Vec<(Written<String>, Written<Value>)>,
}

/// An element of an object's map, to begin with or to expect.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// The map.
    pub map: Written<String>,
    /// The key; none for queues and stacks, and in lists of values alone.
    pub key: Option<Written<Value>>,
    /// Its place in a list, from 0: the key of an array's element.
    pub place: usize,
    /// The value.
    pub value: Written<Value>,
}

/// Reads the keys of a program of an object.
pub(super) fn program<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, name: &str) -> Option<ProgramKind> {
    let sink = &mut cx.sink;
    fields.need(sink, "object", "write the file: `object = \"fwd.o\"`");
    let object = fields.text(sink, "object", "the name of an object file");
    let function = fields.text(sink, "function", "the name of a function, or a section");
    let globals = globals(sink, fields);
    let object = object?;
    if object.value.is_empty() {
        sink.error(|| Problem::error("`object` is empty", object.span.clone(), "expected a file"));
        return None;
    }
    let kind = ProgramKind::Object {
        object: object.owned(),
        function: function.as_ref().map(|function| function.owned()),
        maps: Vec::new(),
    };
    cx.objects.push(ObjectUse {
        program: name.to_owned(),
        object: Written { value: object.owned(), span: object.span },
        function: function.map(|found| Written { value: found.owned(), span: found.span }),
        globals,
    });
    Some(kind)
}

fn globals(sink: &mut Sink, fields: &mut Fields<'_>) -> Vec<(Written<String>, Written<Value>)> {
    let Some(item) = fields.item("globals") else { return Vec::new() };
    let DeValue::Table(table) = item.get_ref() else {
        let what = format!("`globals` of {}", fields.what);
        fields::wrong_type(sink, item.span(), &what, item.get_ref(), "a table: `{ port_count = 4 }`");
        return Vec::new();
    };
    let one = |(name, item): (&toml::Spanned<toml::de::DeString<'_>>, Item<'_>)| {
        let name = Written { value: name.get_ref().to_string(), span: name.span() };
        Some((name, value(sink, item)?))
    };
    table.iter().filter_map(one).collect()
}

/// Reads `[contents]`: by map, a table of keys and values, or a list of `{ key = …, value = … }`.
pub(super) fn contents<'a>(sink: &mut Sink, parent: &mut Fields<'a>, key: &'static str) -> Vec<Element> {
    let Some(item) = parent.item(key) else { return Vec::new() };
    let DeValue::Table(maps) = item.get_ref() else {
        let what = format!("`{key}` of {}", parent.what);
        fields::wrong_type(sink, item.span(), &what, item.get_ref(), "a section by map");
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, item) in maps {
        let map = Written { value: name.get_ref().to_string(), span: name.span() };
        match item.get_ref() {
            DeValue::Table(table) => by_key(sink, &map, table, &mut all),
            DeValue::Array(items) => {
                let numbered = items.iter().enumerate();
                all.extend(numbered.filter_map(|(place, item)| element(sink, &map, (place, item))));
            }
            other => {
                let what = format!("`{key}.{}`", clip(&map.value));
                let wanted = "a table of keys and values, or a list of { key = …, value = … }";
                fields::wrong_type(sink, item.span(), &what, other, wanted);
            }
        }
    }
    let last = all.last().map(|element| element.value.span.clone());
    limits::check_count(sink, "elements of maps", all.len(), limits::ELEMENTS, last.as_ref());
    all.truncate(limits::ELEMENTS);
    all
}

fn by_key(sink: &mut Sink, map: &Written<String>, table: &DeTable<'_>, all: &mut Vec<Element>) {
    for (key, item) in table {
        let key = Written { value: Value::String(key.get_ref().to_string()), span: key.span() };
        let element = value(sink, item);
        all.extend(element.map(|value| Element { map: map.clone(), key: Some(key), place: 0, value }));
    }
}

/// `{ key = …, value = … }`, or a value alone.
fn element(sink: &mut Sink, map: &Written<String>, (place, item): (usize, Item<'_>)) -> Option<Element> {
    let map = map.clone();
    let named = item.get_ref().as_table().is_some_and(|table| table.contains_key("value"));
    if !named {
        return value(sink, item).map(|value| Element { map, key: None, place, value });
    }
    let mut fields = fields::table(sink, item, &format!("an element of `{}`", clip(&map.value)), "a table")?;
    let key = fields.item("key").and_then(|item| value(sink, item));
    let found = fields.item("value").and_then(|item| value(sink, item));
    fields.finish(sink);
    Some(Element { map, key, place, value: found? })
}

/// Contents of maps and variables outside of a scenario: the file of `--maps`.
#[derive(Clone, Debug)]
pub struct Contents {
    /// `[globals]`.
    pub globals: Vec<(Written<String>, Written<Value>)>,
    /// `[maps]`.
    pub elements: Vec<Element>,
    /// The text.
    pub source: Source,
}

impl Contents {
    /// Reads the file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(source: &Source) -> Result<Self, Problems> {
        let mut sink = Sink::default();
        let (document, syntax) = DeTable::parse_recoverable(source.text());
        if let Some((span, message)) = source.defect() {
            sink.error(|| Problem::error(message, span, "here"));
        }
        for error in &syntax {
            let span = error.span().unwrap_or(0..0);
            sink.error(|| Problem::error(format!("this is not TOML: {}", error.message()), span, "here"));
        }
        let mut top = Fields::new("the contents", document.get_ref(), 0..0);
        let globals = globals(&mut sink, &mut top);
        let elements = contents(&mut sink, &mut top, "maps");
        if !sink.failed() {
            top.finish(&mut sink);
        }
        if sink.failed() {
            return Err(sink.finish(source.clone()));
        }
        Ok(Self { globals, elements, source: source.clone() })
    }
}

/// Any value; dates mean nothing to a program.
fn value(sink: &mut Sink, item: Item<'_>) -> Option<Written<Value>> {
    match plain(item.get_ref()) {
        Some(value) => Some(Written { value, span: item.span() }),
        None => {
            sink.error(|| {
                let label = "expected numbers, strings, true or false, lists and tables of them";
                Problem::error("a value that no map can hold", item.span(), label)
            });
            None
        }
    }
}

fn plain(item: &DeValue<'_>) -> Option<Value> {
    Some(match item {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Integer(number) => {
            let unsigned = u64::from_str_radix(number.as_str(), number.radix()).ok().map(Number::from);
            let signed = || i64::from_str_radix(number.as_str(), number.radix()).ok().map(Number::from);
            Value::Number(unsigned.or_else(signed)?)
        }
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, item)| Some((key.get_ref().to_string(), plain(item.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
        DeValue::Float(_) | DeValue::Datetime(_) => return None,
    })
}
