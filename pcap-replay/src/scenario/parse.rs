//! A scenario file as a whole: text to TOML to sections to a [`Scenario`].
//!
//! Owns the order in which things are read (names first, so that references can point forward) and
//! the keys at the top. Total: any bytes give a scenario or problems, in bounded time and memory.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use xdpsim_core::profile::{KernelVersion, Profile};
use xdpsim_core::rules::Rules;
use xdpsim_core::scenario::Scenario;
use xdpsim_vm::fib::Fib;

use super::diag::{Problem, Problems, Sink};
use super::expect::{self, Expectation};
use super::faults::Fault;
use super::fields::{self, Fields, Loc};
use super::limits;
use super::names::{self, MapHead, Names, PortHead, ProgramHead};
use super::objects::{self, Element, ObjectUse};
use super::replay::{self, ReplaySection};
use super::routes::{self, Hardware};
use super::source::{Source, Span};
use super::{changes, faults, groups, maps, owner, ports, programs, uppers};

/// A scenario file that can be run.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What is simulated.
    pub scenario: Scenario,
    /// How a capture is fed into it.
    pub replay: ReplaySection,
    /// What the author expects of a run; `None` without a section `[expect]`.
    pub expect: Option<Vec<Expectation>>,
    /// Programs of object files.
    pub objects: Vec<ObjectUse>,
    /// What objects' maps begin with.
    pub contents: Vec<Element>,
    /// What `bpf_fib_lookup()` is answered from.
    pub fib: Fib,
    /// Where things stand in the text, for those who find problems later.
    pub spans: Spans,
    /// The text and what it was warned about.
    pub warnings: Problems,
}

/// Where the parts of a scenario stand in its text; each list as long as, and in the order of, the
/// scenario's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The ports' names.
    pub ports: Vec<Span>,
    /// The maps.
    pub maps: Vec<MapSpans>,
    /// The programs' names.
    pub programs: Vec<Span>,
    /// The headers of the changes.
    pub changes: Vec<Span>,
    /// The headers of the faults.
    pub faults: Vec<Span>,
}

/// Where a map stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapSpans {
    /// Its name.
    pub name: Span,
    /// Its entries.
    pub entries: Vec<Span>,
}

/// What the sections' readers share.
#[derive(Debug, Default)]
pub(super) struct Cx<'a> {
    pub(super) sink: Sink,
    pub(super) names: Names<'a>,
    pub(super) text: &'a str,
    pub(super) cpus: u16,
    pub(super) rules: Rules,
    /// What `rules` says is unknown, and has been reported.
    pub(super) rules_unknown: bool,
    pub(super) objects: Vec<ObjectUse>,
    pub(super) contents: Vec<Element>,
    pub(super) hardware: Vec<Hardware>,
    pub(super) fib: Fib,
}

/// Reads a scenario.
///
/// # Errors
/// All problems at once, if one of them is an error; errors of TOML itself hide the others.
pub fn parse(source: &Source) -> Result<Parsed, Problems> {
    let mut cx = Cx { text: source.text(), cpus: 1, ..Cx::default() };
    if let Some((span, message)) = source.defect() {
        cx.sink.error(|| Problem::error(message, span, "here"));
        return Err(cx.sink.finish(source.clone()));
    }
    let (document, syntax) = DeTable::parse_recoverable(source.text());
    for error in &syntax {
        let span = within_line(source.text(), error.span().unwrap_or(0..0));
        cx.sink.error(|| Problem::error(format!("this is not TOML: {}", error.message()), span, "here"));
    }
    if cx.sink.failed() {
        return Err(cx.sink.finish(source.clone()));
    }
    let (scenario, replay, expect, spans) = read(&mut cx, document.get_ref());
    if cx.sink.failed() {
        return Err(cx.sink.finish(source.clone()));
    }
    let (objects, contents, fib) = (cx.objects, cx.contents, cx.fib);
    let warnings = cx.sink.finish(source.clone());
    Ok(Parsed { scenario, replay, expect, objects, contents, fib, spans, warnings })
}

/// A caret has no place behind a line: it goes under its last character.
fn within_line(text: &str, span: Span) -> Span {
    let line = text.get(..span.start).unwrap_or("");
    let at_end = text.get(span.start..).is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r']));
    match line.chars().next_back() {
        Some(last) if at_end && last != '\n' => span.start - last.len_utf8()..span.start,
        _ => span,
    }
}

type Sections = (Scenario, ReplaySection, Option<Vec<Expectation>>, Spans);

fn read<'a>(cx: &mut Cx<'a>, document: &'a DeTable<'a>) -> Sections {
    let mut top = Fields::new("the scenario", document, 0..0);
    let mut scenario = read_top(cx, &mut top);
    top.refuse(&mut cx.sink, &["mode"], "each port has its own: write it in `[[port]]`");

    let ports = sections(&mut cx.sink, &mut top, "port", limits::PORTS);
    let maps = sections(&mut cx.sink, &mut top, "map", limits::MAPS);
    let programs = sections(&mut cx.sink, &mut top, "program", limits::PROGRAMS);
    let changes = sections(&mut cx.sink, &mut top, "change", limits::CHANGES);
    let faults = sections(&mut cx.sink, &mut top, "fault", limits::FAULTS);

    let routes = sections(&mut cx.sink, &mut top, "route", limits::ROUTES);
    let neighbours = sections(&mut cx.sink, &mut top, "neighbour", limits::ROUTES);

    let ports = heads(cx, ports, ports::head, Names::add_port);
    let maps = heads(cx, maps, maps::head, Names::add_map);
    let programs = heads(cx, programs, programs::head, Names::add_program);
    cx.names.resolve_ifindexes(&mut cx.sink);
    limits::check_capacity(&mut cx.sink, &maps);

    let spans = Spans {
        ports: ports.iter().map(|(_, head): &(_, PortHead)| head.name.span.clone()).collect(),
        maps: Vec::new(),
        programs: programs.iter().map(|(_, head): &(_, ProgramHead)| head.name.span.clone()).collect(),
        changes: changes.iter().map(|fields| fields.span.clone()).collect(),
        faults: Vec::new(),
    };
    let mut spans = spans;
    scenario.ports = ports.into_iter().map(|(fields, head)| ports::body(cx, fields, &head)).collect();
    cx.fib = routes::read(cx, routes, neighbours);
    for (fields, head) in maps {
        let (map, entries) = maps::body(cx, fields, &head);
        scenario.maps.push(map);
        spans.maps.push(MapSpans { name: head.name.span, entries });
    }
    scenario.programs =
        programs.into_iter().filter_map(|(fields, head)| programs::body(cx, fields, &head)).collect();
    scenario.changes = changes.into_iter().filter_map(|fields| changes::read(cx, fields)).collect();
    for fields in faults {
        let span = fields.span.clone();
        match faults::read(cx, fields) {
            Some(Fault::Spec(fault)) => {
                scenario.faults.push(fault);
                spans.faults.push(span);
            }
            Some(Fault::Flap(changes)) => {
                spans.changes.extend(changes.iter().map(|_| span.clone()));
                scenario.changes.extend(changes);
            }
            None => {}
        }
    }
    limits::check_count(&mut cx.sink, "changes", scenario.changes.len(), limits::CHANGES, None);
    cx.contents = objects::contents(&mut cx.sink, &mut top, "contents");
    let replay = replay::read(cx, &mut top, &scenario);
    let expect = expect::read(cx, &mut top);
    top.finish(&mut cx.sink);

    uppers::check_cycles(&mut cx.sink, &scenario.ports, &spans.ports);
    if !cx.sink.failed() {
        owner::check(&mut cx.sink, &scenario, &spans);
    }
    (scenario, replay, expect, spans)
}

fn read_top<'a>(cx: &mut Cx<'a>, top: &mut Fields<'a>) -> Scenario {
    let defaults = Scenario::default();
    let sink = &mut cx.sink;
    let kernel = read_kernel(sink, top).unwrap_or(KernelVersion::V6_12);
    let rules = groups::read_rules(sink, top);
    cx.rules_unknown = rules.is_none() && top.has("rules");
    let rules = rules.unwrap_or_default();
    let cpus = top.number(sink, "cpus", 1..=u64::from(limits::CPUS)).map_or(1, |cpus| cpus.value as u16);
    let seed = top.number(sink, "seed", 0..=u64::MAX).map_or(defaults.seed, |seed| seed.value);
    let netns = top.texts(sink, "netns", "a list of names such as [\"blue\"]").unwrap_or_default();
    limits::check_count(sink, "namespaces", netns.len(), limits::NETNS, netns.last().map(|name| &name.span));
    (cx.cpus, cx.rules) = (cpus, rules);
    for name in netns.iter().take(limits::NETNS) {
        names::check_name(sink, name, "namespace");
        if name.value == names::INIT || cx.names.netns.contains(&name.value) {
            let message = format!("there is more than one namespace `{}`", fields::clip(name.value));
            sink.error(|| Problem::error(message, name.span.clone(), "this name is taken"));
        }
        cx.names.netns.push(name.value);
    }
    Scenario {
        profile: Profile { kernel, rules, ..Profile::default() },
        cpus,
        netns: cx.names.netns.iter().map(|name| (*name).to_owned()).collect(),
        hops_max: read_hops(sink, top).unwrap_or(defaults.hops_max),
        seed,
        ..defaults
    }
}

fn read_kernel<'a>(sink: &mut Sink, top: &mut Fields<'a>) -> Option<KernelVersion> {
    let item = top.item("kernel")?;
    if let DeValue::Float(number) = item.get_ref() {
        let help = format!("write it in quotes: `kernel = \"{}\"`", fields::clip(number.as_str()));
        sink.error(|| {
            Problem::error(
                "`kernel` of the scenario is a number",
                item.span(),
                "expected a string such as \"6.12\"",
            )
            .help(help)
        });
        return None;
    }
    let found = top.text(sink, "kernel", "a string such as \"6.12\"")?;
    let version = found.value.parse();
    if version.is_err() {
        sink.error(|| {
            let message = format!("unknown kernel `{}`", fields::clip(found.value));
            Problem::error(message, found.span.clone(), "expected a version from 6.1 on, such as \"6.12\"")
                .help("major and minor number only: stable releases follow their rules")
        });
    }
    version.ok()
}

fn read_hops<'a>(sink: &mut Sink, top: &mut Fields<'a>) -> Option<u8> {
    let item = top.item("limits")?;
    let mut limits = fields::table(sink, item, "`limits`", "a section: `[limits]`")?;
    let hops = limits.number(sink, "hops", 1..=255);
    limits.finish(sink);
    hops.and_then(|hops| u8::try_from(hops.value).ok())
}

/// The tables of `[[key]]`, up to a limit.
fn sections<'a>(sink: &mut Sink, top: &mut Fields<'a>, key: &'static str, max: usize) -> Vec<Fields<'a>> {
    let Some(item) = top.item(key) else { return Vec::new() };
    let all = match item.get_ref() {
        DeValue::Array(items) => items.as_ref(),
        DeValue::Table(_) => {
            let message = format!("`{key}` is one table");
            let label = format!("expected `[[{key}]]`");
            sink.error(|| {
                Problem::error(message, item.span(), label).help("two brackets: there can be several")
            });
            std::slice::from_ref(item)
        }
        other => {
            fields::wrong_type(
                sink,
                item.span(),
                &format!("`{key}`"),
                other,
                &format!("sections `[[{key}]]`"),
            );
            return Vec::new();
        }
    };
    limits::check_count(
        sink,
        &format!("sections `[[{key}]]`"),
        all.len(),
        max,
        all.get(max).map(Spanned::span).as_ref(),
    );
    let numbered = all.iter().take(max).enumerate();
    let one = |(index, item)| fields::table(sink, item, &format!("{key} number {}", index + 1), "a table");
    numbered.filter_map(one).collect()
}

/// Reads what each section is called and makes the names known.
fn heads<'a, H: Clone>(
    cx: &mut Cx<'a>,
    sections: Vec<Fields<'a>>,
    head: impl Fn(&mut Sink, &mut Fields<'a>) -> H,
    add: impl Fn(&mut Names<'a>, &mut Sink, H),
) -> Vec<(Fields<'a>, H)> {
    let read = |mut fields: Fields<'a>| {
        let head = head(&mut cx.sink, &mut fields);
        add(&mut cx.names, &mut cx.sink, head.clone());
        (fields, head)
    };
    sections.into_iter().map(read).collect()
}

/// The text between the quotes of a string in the file, where the string has no escapes: offsets in
/// it are then offsets in the file.
pub(super) fn inside_quotes(text: &str, string: &Loc<&str>) -> Option<usize> {
    let raw = text.get(string.span.clone())?;
    let inner = raw.get(1..raw.len().checked_sub(1)?)?;
    (inner == string.value).then_some(string.span.start + 1)
}

/// A map's head with its section, as [`limits`] needs it.
pub(super) type MapSection<'a> = (Fields<'a>, MapHead<'a>);
