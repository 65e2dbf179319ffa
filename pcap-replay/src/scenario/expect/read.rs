//! Reading `[expect]`: counters of the run, `[expect.port.NAME]`, `[[expect.fate]]`, silence.

use toml::Spanned;
use toml::de::DeValue;
use xdpsim_core::fate::{Fate, PipelineStep};
use xdpsim_devmap::Errno;
use xdpsim_devmap::rule::RuleId;

use super::{Counter, Expectation, Expected, FatePattern, Frames, Key, Total, Verdict};
use crate::scenario::diag::{Problem, Sink};
use crate::scenario::fields::{Fields, Item, Loc, clip, number, table, wrong_type};
use crate::scenario::limits;
use crate::scenario::names::PortClass;
use crate::scenario::objects::{self, Written};
use crate::scenario::parse::Cx;
use crate::scenario::suggest;

const A_COUNT: &str = "a number, or `{ min = 1, max = 9 }`";

/// The expectations in the order of this module's first line; `None` without a section.
pub(in crate::scenario) fn read<'a>(cx: &mut Cx<'a>, top: &mut Fields<'a>) -> Option<Vec<Expectation>> {
    let mut fields = table(&mut cx.sink, top.item("expect")?, "`expect`", "a section: `[expect]`")?;
    let mut list = Vec::new();
    for &total in Total::ALL {
        let Some(item) = fields.item(total.key()) else { continue };
        let what = format!("`{}` of `expect`", total.key());
        let frames = frames(&mut cx.sink, item, &what);
        list.extend(frames.map(|frames| at(item, Expected::Total(total, frames), [total.key()])));
    }
    silent(cx, &mut fields, &mut list);
    ports(cx, &mut fields, &mut list);
    fates(cx, &mut fields, &mut list);
    verdicts(cx, &mut fields, &mut list);
    elements(cx, &mut fields, &mut list);
    fields.finish(&mut cx.sink);
    Some(list)
}

fn at<'k>(item: Item<'_>, expected: Expected, path: impl IntoIterator<Item = &'k str>) -> Expectation {
    let path = std::iter::once("expect").chain(path).map(|key| Key::Name(key.to_owned())).collect();
    Expectation { expected, at: item.span(), path }
}

/// A number or a range.
fn frames(sink: &mut Sink, item: Item<'_>, what: &str) -> Option<Frames> {
    let range = match item.get_ref() {
        DeValue::Integer(_) => {
            return number(sink, item, || what.to_owned(), 0..=u64::MAX)
                .map(|found| Frames::exactly(found.value));
        }
        DeValue::Table(range) => range,
        other => {
            wrong_type(sink, item.span(), what, other, A_COUNT);
            return None;
        }
    };
    let mut fields = Fields::new(what, range, item.span());
    let min = fields.number(sink, "min", 0..=u64::MAX).map(|min| min.value);
    let max = fields.number(sink, "max", 0..=u64::MAX).map(|max| max.value);
    let (empty, reversed) =
        (!fields.has("min") && !fields.has("max"), min.zip(max).is_some_and(|(min, max)| min > max));
    fields.finish(sink);
    if empty || reversed {
        let why = if empty { "has no bound" } else { "holds no number: `min` is above `max`" };
        sink.error(|| Problem::error(format!("{what} {why}"), item.span(), format!("expected {A_COUNT}")));
        return None;
    }
    Some(Frames { min: min.unwrap_or(0), max })
}

fn silent<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, list: &mut Vec<Expectation>) {
    let Some(items) = fields.list(&mut cx.sink, "silent", "a list of ports such as [\"eth0\"]") else {
        return;
    };
    for (place, item) in items.value.iter().enumerate() {
        let what = || "an entry of `silent` of `expect`".to_owned();
        let Some(name) = crate::scenario::fields::text(&mut cx.sink, item, what, "the name of a port") else {
            continue;
        };
        if sends(cx, &name) {
            let mut one = at(item, Expected::Silent(name.owned()), ["silent"]);
            one.path.push(Key::Place(place));
            list.push(one);
        }
    }
}

/// Can frames leave by what has this name? Reports what cannot.
fn sends(cx: &mut Cx<'_>, name: &Loc<&str>) -> bool {
    let class = cx.names.port(&mut cx.sink, name).map(|port| port.class);
    if class == Some(PortClass::Upper) {
        let message = format!("nothing ever leaves by `{}`, which is only an upper device", clip(name.value));
        cx.sink.error(|| Problem::error(message, name.span.clone(), "expected a port of another kind"));
    }
    class.is_some_and(|class| class != PortClass::Upper)
}

/// The sections below a key, by their names, in the order of the file: the document's tables are sorted by name.
fn sections<'a>(
    cx: &mut Cx<'a>,
    fields: &mut Fields<'a>,
    key: &'static str,
    wanted: &str,
) -> Vec<(Loc<&'a str>, Item<'a>)> {
    let Some(item) = fields.item(key) else { return Vec::new() };
    let DeValue::Table(sections) = item.get_ref() else {
        let what = format!("`{key}` of `expect`");
        wrong_type(&mut cx.sink, item.span(), &what, item.get_ref(), wanted);
        return Vec::new();
    };
    let mut sections: Vec<_> =
        sections.iter().map(|(name, item)| (Loc::new(name.get_ref().as_ref(), name.span()), item)).collect();
    sections.sort_by_key(|(name, _)| name.span.start);
    sections
}

fn ports<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, list: &mut Vec<Expectation>) {
    for (name, item) in sections(cx, fields, "port", "sections such as `[expect.port.eth1]`") {
        port(cx, &name, item, list);
    }
}

fn port<'a>(cx: &mut Cx<'a>, name: &Loc<&'a str>, item: Item<'a>, list: &mut Vec<Expectation>) {
    let known = cx.names.port(&mut cx.sink, name).is_some();
    let what = format!("`expect.port.{}`", clip(name.value));
    let wanted = "a section with counters, such as `delivered = 100`";
    let Some(mut fields) = table(&mut cx.sink, item, &what, wanted) else { return };
    for &counter in Counter::ALL {
        let Some(item) = fields.item(counter.key()) else { continue };
        let what = format!("`{}` of {what}", counter.key());
        let Some(frames) = frames(&mut cx.sink, item, &what) else { continue };
        let expected = Expected::Port(name.owned(), counter, frames);
        list.push(at(item, expected, ["port", name.value, counter.key()]));
    }
    if let Some(file) = fields.text(&mut cx.sink, "golden", "the name of a capture")
        && let Some(item) = fields.item("golden")
        && known
        && sends(cx, name)
    {
        let expected = Expected::Golden(name.owned(), file.owned());
        list.push(at(item, expected, ["port", name.value, "golden"]));
    }
    fields.finish(&mut cx.sink);
}

fn fates<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, list: &mut Vec<Expectation>) {
    let wanted = "sections `[[expect.fate]]`";
    let Some(items) = fields.list(&mut cx.sink, "fate", wanted) else { return };
    let over = items.value.get(limits::EXPECTED_FATES).map(Spanned::span);
    limits::check_count(&mut cx.sink, wanted, items.value.len(), limits::EXPECTED_FATES, over.as_ref());
    for (place, item) in items.value.iter().take(limits::EXPECTED_FATES).enumerate() {
        let what = format!("expect.fate number {}", place + 1);
        let Some(fields) = table(&mut cx.sink, item, &what, "a table") else { continue };
        list.extend(fate(cx, fields, place));
    }
}

fn fate<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>, place: usize) -> Option<Expectation> {
    const CRITERIA: [&str; 6] = ["fate", "step", "errno", "rule", "port", "ingress"];
    fields.need(&mut cx.sink, "frames", "write how many frames end so: `frames = 12`");
    if !CRITERIA.iter().any(|key| fields.has(key)) {
        let message = format!("{} says nothing about the frames", fields.what);
        let label = format!("expected at least one of {}", suggest::list(&CRITERIA));
        let span = fields.span.clone();
        cx.sink.error(|| Problem::error(message, span, label).help("write `fate = \"down\"`, for one"));
    }
    let sink = &mut cx.sink;
    let fates = || Fate::ALL.iter().map(|fate| (fate.name(), *fate));
    let steps = || PipelineStep::ALL.iter().map(|step| (step.name(), *step));
    let errnos = || Errno::ALL.iter().map(|errno| (errno.name(), *errno));
    let rules = || Fate::ALL.iter().map(|fate| (fate.rule().name(), fate.rule()));
    let (fate, step) = (word(sink, &mut fields, "fate", fates()), word(sink, &mut fields, "step", steps()));
    let (errno, rule) =
        (word(sink, &mut fields, "errno", errnos()), word::<RuleId>(sink, &mut fields, "rule", rules()));
    let (egress, ingress) = (device(cx, &mut fields, "port"), device(cx, &mut fields, "ingress"));
    let item = fields.item("frames");
    let what = format!("`frames` of {}", fields.what);
    let frames = item.and_then(|item| frames(&mut cx.sink, item, &what));
    fields.finish(&mut cx.sink);
    let pattern = FatePattern { fate, step, errno, rule, port: egress, ingress };
    let mut one = at(item?, Expected::Fate(pattern, frames?), ["fate"]);
    one.path.extend([Key::Place(place), Key::Name("frames".to_owned())]);
    Some(one)
}

/// `[expect.verdicts.PROGRAM]`: counts. Whether the program is one of an object is known where objects are.
fn verdicts<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, list: &mut Vec<Expectation>) {
    let wanted = "sections such as `[expect.verdicts.forward]`";
    for (Loc { value: name, .. }, item) in sections(cx, fields, "verdicts", wanted) {
        let what = format!("`expect.verdicts.{}`", clip(name));
        let wanted = "a section with verdicts, such as `redirect = 100`";
        let Some(mut fields) = table(&mut cx.sink, item, &what, wanted) else { continue };
        for &verdict in Verdict::ALL {
            let Some(item) = fields.item(verdict.key()) else { continue };
            let what = format!("`{}` of {what}", verdict.key());
            let frames = frames(&mut cx.sink, item, &what);
            let expected = |frames| Expected::Verdict(name.to_owned(), verdict, frames);
            list.extend(frames.map(|frames| at(item, expected(frames), ["verdicts", name, verdict.key()])));
        }
        fields.finish(&mut cx.sink);
    }
}

/// `[expect.maps.NAME]`: keys and values. Whether they fit the map is known where the object is.
fn elements<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, list: &mut Vec<Expectation>) {
    for element in objects::contents(&mut cx.sink, fields, "maps") {
        let Some(Written { value: serde_json::Value::String(key), .. }) = element.key else {
            let label = "expected a table of keys and values";
            let message = "`expect.maps` does not take lists";
            cx.sink.error(|| Problem::error(message, element.value.span, label));
            continue;
        };
        let map = element.map.value;
        let path = ["expect", "maps", &map, &key].map(|name| Key::Name(name.to_owned())).to_vec();
        let expected = Expected::Element { map, key, value: element.value.value };
        list.push(Expectation { expected, at: element.value.span, path });
    }
}

/// A port or a far end: frames can end at either.
fn device<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, key: &'static str) -> Option<String> {
    let name = fields.text(&mut cx.sink, key, "the name of a port")?;
    cx.names.device(&mut cx.sink, &name).map(|_| name.owned())
}

/// A word of a long list, with the nearest one suggested.
fn word<T>(
    sink: &mut Sink,
    fields: &mut Fields<'_>,
    key: &'static str,
    mut known: impl Iterator<Item = (&'static str, T)> + Clone,
) -> Option<T> {
    let found = fields.text(sink, key, "a name, in quotes")?;
    let names = known.clone().map(|(name, _)| name);
    let value = known.find(|(name, _)| *name == found.value).map(|(_, value)| value);
    if value.is_none() {
        sink.error(|| {
            let message = format!("no frame ends with {key} `{}`", clip(found.value));
            let help = match suggest::nearest(found.value, names) {
                _ if key == "rule" && RuleId::from_name(found.value).is_some() => {
                    "no fate is decided by it; what broadcasts leave out is `skipped` of a port".to_owned()
                }
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "`xdpsim replay --json` prints every frame's fate, step, errno and rule".to_owned(),
            };
            Problem::error(message, found.span.clone(), format!("unknown {key}")).help(help)
        });
    }
    value
}
