//! Objects that a scenario names: loaded, linked, filled; every problem with its place in the scenario.

use std::path::Path;
use std::sync::{Arc, Mutex};

use xdpsim_core::scenario::{MapSpec, ProgramKind, ProgramSpec};
use xdpsim_core::{AttachType, MapId};
use xdpsim_vm::load::{Attach, Object, Program};
use xdpsim_vm::{Machine, ProgIdx};

use super::code::Code;
use super::contents::{self, Wrong};
use super::facts::Facts;
use super::load::{ObjectError, Options, Source};
use super::machine::{Maps, Programs};
use super::stage::{Stage, Template};
use super::{calls, choose, groups, machine};
use crate::scenario::{Element, Expected, MapSpans, ObjectUse, Parsed, Problem, Problems, Span};

/// Loads the objects of a scenario. Their files are looked for in `folder`; their DEVMAPs join the scenario's maps,
/// filled as its `[[map]]` of the same name says.
///
/// # Errors
/// All problems at once.
pub fn in_scenario(
    parsed: &mut Parsed,
    folder: &Path,
    options: &Options,
) -> Result<Option<(Programs, Template)>, Problems> {
    let mut work = Work { problems: Vec::new(), objects: Vec::new(), chosen: Vec::new() };
    let uses = parsed.objects.clone();
    if let (true, Some(element)) = (uses.is_empty(), parsed.contents.first()) {
        let message = format!("`contents` of map `{}`, but no object", element.map.value);
        let label = "maps with contents are those of objects";
        work.problems.push(Problem::error(message, element.map.span.clone(), label));
    }
    work.check_counted(parsed);
    let mut expected = parsed.expect.iter().flatten();
    let element = expected.find(|one| matches!(one.expected, Expected::Element { .. }));
    if let (true, Some(one)) = (uses.is_empty(), element) {
        let message = format!("{} is expected, but there is no object", one.expected);
        work.problems.push(Problem::error(
            message,
            one.at.clone(),
            "maps with contents are those of objects",
        ));
    }
    for one in &uses {
        work.use_object(parsed, one, folder, options);
    }
    let made =
        if work.problems.is_empty() && !uses.is_empty() { work.make(parsed, &uses, options) } else { None };
    if work.problems.is_empty() {
        return Ok(made);
    }
    let mut all = parsed.warnings.clone();
    work.problems.sort_by_key(|problem| problem.label.0.start);
    work.problems.into_iter().for_each(|problem| all.add(problem));
    Err(all)
}

/// A DEVMAP of the scenario that an object's map of maps holds.
struct Group {
    inner: String,
    outer: String,
}

struct Work {
    problems: Vec<Problem>,
    /// By file.
    objects: Vec<(String, Object)>,
    /// Of each use: its object, and the program's name there.
    chosen: Vec<(usize, String)>,
}

impl Work {
    fn problem(&mut self, message: impl Into<String>, at: &Span, label: impl Into<String>) {
        self.problems.push(Problem::error(message, at.clone(), label));
    }

    fn refused(&mut self, error: &ObjectError, at: &Span) {
        let problem = Problem::error(error.to_string(), at.clone(), "this object");
        self.problems.push(problem.help(error.help()));
    }

    fn use_object(&mut self, parsed: &mut Parsed, one: &ObjectUse, folder: &Path, options: &Options) {
        let file = &one.object.value;
        let at = match self.objects.iter().position(|(known, _)| known == file) {
            Some(at) => at,
            None => {
                let loaded =
                    Source::read_as(file, &folder.join(file)).and_then(|source| source.load(options));
                match loaded {
                    Ok(object) => self.objects.push((file.clone(), object)),
                    Err(error) => return self.refused(&error, &one.object.span),
                }
                self.objects.len() - 1
            }
        };
        self.set_globals(at, one);
        self.choose(parsed, at, one);
    }

    fn set_globals(&mut self, at: usize, one: &ObjectUse) {
        for global in &one.globals {
            if let Err(wrong) =
                contents::set_global(&mut self.objects[at].1, &global.0.value, &global.1.value)
            {
                self.problems.push(contents::wrong_global(global, wrong));
            }
        }
    }

    /// Which of the object's programs it is, and whether it can be attached so.
    fn choose(&mut self, parsed: &mut Parsed, at: usize, one: &ObjectUse) {
        let object = &self.objects[at].1;
        let named = one.function.as_ref().map(|function| function.value.as_str());
        let Some(spec) = parsed.scenario.programs.iter_mut().find(|spec| spec.name == one.program) else {
            return;
        };
        let span = one.function.as_ref().map_or(&one.object.span, |function| &function.span);
        let found = match (spec.attach, named) {
            (AttachType::Devmap, None) => choose::for_entries(object).ok_or_else(|| ObjectError::Program {
                object: object.name.clone(),
                what: "it has not exactly one program for entries of devmaps".to_owned(),
                help: "name it: `function = \"NAME\"`".to_owned(),
            }),
            (AttachType::Devmap, Some(name)) => choose::named(object, name),
            (_, named) => choose::for_ports(object, named),
        };
        match found {
            Err(error) => self.refused(&error, span),
            Ok(program) if attach(program) != spec.attach => {
                let message = format!("program `{}` is of section `{}`", program.name, program.section);
                let label = match attach(program) {
                    AttachType::Devmap => "it needs `attach = \"devmap\"`",
                    _ => "it cannot be attached to entries of devmaps",
                };
                self.problem(message, span, label);
            }
            Ok(program) => {
                spec.frags = program.frags;
                self.chosen.push((at, program.name.clone()));
            }
        }
    }

    fn make(
        &mut self,
        parsed: &mut Parsed,
        uses: &[ObjectUse],
        options: &Options,
    ) -> Option<(Programs, Template)> {
        let builder = Machine::builder().cpus(parsed.scenario.cpus.into()).engine(options.engine);
        let objects = self.objects.iter().map(|(_, object)| object.clone());
        let builder = objects.fold(builder, |builder, object| builder.object(object));
        let groups = self.groups(parsed);
        let builder = groups.iter().fold(builder, |builder, group| builder.inner(&group.inner, &group.outer));
        let mut machine = match builder.build() {
            Ok(machine) => machine,
            Err(error) => {
                self.refused(&error.into(), &uses[0].object.span);
                return None;
            }
        };
        let maps = Maps::of(&machine);
        let ids = self.join_maps(parsed, &maps, &groups, &uses[0].object.span);
        let mut targets = maps.targets(&ids);
        self.fill(&mut machine, &parsed.contents);
        let rules = parsed.scenario.profile.rules;
        for calls::Refused { what, help } in calls::refused(&machine, rules) {
            self.problems.push(Problem::error(what, uses[0].object.span.clone(), "this object").help(help));
        }
        for (at, spec) in groups::specs(&mut machine, &maps, rules) {
            if let Some(place) = parsed.scenario.maps.iter().position(|map| map.name == spec.name) {
                let span = parsed.spans.maps[place].name.clone();
                let label = format!("fill it in `[contents.{}]` instead", spec.name);
                self.problem(format!("map `{}` is a map of maps of an object", spec.name), &span, label);
                continue;
            }
            targets[at.0 as usize] = Some(join(parsed, spec, &uses[0].object.span));
        }
        self.check_expected(&machine, parsed);
        let names: Vec<String> = maps.specs().map(|spec| spec.name).collect();
        for spec in &mut parsed.scenario.programs {
            if let ProgramSpec { kind: ProgramKind::Object { maps, .. }, .. } = spec {
                maps.clone_from(&names);
            }
        }
        let facts = Facts::of(&machine);
        let places: Vec<ProgIdx> =
            self.chosen.iter().filter_map(|chosen| self.place(&machine, chosen)).collect();
        let stage = Arc::new(Mutex::new(Stage::new(machine, targets).with_fib(parsed.fib.clone())));
        let code = uses.iter().zip(places).map(|(one, at)| {
            let code = Code::new(&one.program, &stage, at, &facts);
            (one.program.clone(), Box::new(code) as machine::Boxed)
        });
        Some((code.collect(), Template::new(&stage)))
    }

    fn place(&self, machine: &Machine, (object, program): &(usize, String)) -> Option<ProgIdx> {
        let object = &self.objects[*object].0;
        let mut all = machine.programs();
        all.find(|(_, of, known)| of.name == *object && known.name == *program).map(|(at, ..)| at)
    }

    /// The scenario's DEVMAPs that `[contents]` puts into an object's maps of maps: they are made like the template.
    fn groups(&self, parsed: &Parsed) -> Vec<Group> {
        let of_objects =
            |name: &str| self.objects.iter().find_map(|(_, object)| object.map(name).map(|(_, def)| def));
        let mut groups: Vec<Group> = Vec::new();
        for element in &parsed.contents {
            let outer = &element.map.value;
            let Some(inner) = element.value.value.as_str() else { continue };
            let written = parsed.scenario.maps.iter().any(|map| map.name == inner);
            let holds_maps = of_objects(outer).is_some_and(|def| def.inner.is_some());
            let known = of_objects(inner).is_some() || groups.iter().any(|group| group.inner == inner);
            if written && holds_maps && !known {
                groups.push(Group { inner: inner.to_owned(), outer: outer.clone() });
            }
        }
        groups
    }

    /// The scenario's maps of the DEVMAPs' names, and new ones for the others; says which ids they get.
    fn join_maps(&mut self, parsed: &mut Parsed, maps: &Maps, groups: &[Group], at: &Span) -> Vec<MapId> {
        let mut ids = Vec::new();
        for declared in maps.specs() {
            let known = parsed.scenario.maps.iter().position(|map| map.name == declared.name);
            let place = known.unwrap_or_else(|| {
                parsed.scenario.maps.push(declared.clone());
                parsed.spans.maps.push(MapSpans { name: at.clone(), entries: Vec::new() });
                parsed.scenario.maps.len() - 1
            });
            let written = &mut parsed.scenario.maps[place];
            written.value_size = declared.value_size;
            let written = &*written;
            // How many entries an inner map has is its own business (MCAST-K08).
            let is_group = groups.iter().any(|group| group.inner == declared.name);
            let sort = |map: &MapSpec| (map.kind, if is_group { 0 } else { map.max_entries });
            if sort(written) != sort(&declared) {
                let span = parsed.spans.maps[place].name.clone();
                let (told, wanted) = (describe(written), describe(&declared));
                self.problem(
                    format!("map `{}` is {told} here", declared.name),
                    &span,
                    format!("the object declares {wanted}"),
                );
            }
            ids.push(MapId(place as u32 + 1));
        }
        ids
    }

    fn fill(&mut self, machine: &mut Machine, elements: &[Element]) {
        for element in elements {
            if let Err(wrong) = contents::write(machine, element) {
                self.problems.push(wrong.of(element));
            }
        }
    }
}

impl Work {
    /// Verdicts are counted of programs of objects.
    fn check_counted(&mut self, parsed: &Parsed) {
        let mut missing: Vec<(&str, &Span)> = Vec::new();
        for one in parsed.expect.iter().flatten() {
            let Expected::Verdict(program, ..) = &one.expected else { continue };
            let counted = parsed.objects.iter().any(|known| known.program == *program);
            if !counted && missing.iter().all(|(known, _)| known != program) {
                missing.push((program, &one.at));
            }
        }
        for (program, at) in missing {
            let message = format!("verdicts of `{program}`, which is no program of an object");
            self.problem(message, at, "verdicts are counted where `[[program]]` has an `object`");
        }
    }

    /// Can what is expected of maps be there at all?
    fn check_expected(&mut self, machine: &Machine, parsed: &Parsed) {
        let mut machine = machine.clone();
        for one in parsed.expect.iter().flatten() {
            let Expected::Element { map, key, value } = &one.expected else { continue };
            if let Err(Wrong::Map(what) | Wrong::Key(what) | Wrong::Value(what)) =
                contents::compare(&mut machine, map, key, value)
            {
                self.problem(format!("key {key} of map `{map}`: {what}"), &one.at, "expected here");
            }
        }
    }
}

/// One more map of the scenario: its id.
fn join(parsed: &mut Parsed, spec: MapSpec, at: &Span) -> MapId {
    parsed.spans.maps.push(MapSpans { name: at.clone(), entries: vec![at.clone(); spec.entries.len()] });
    parsed.scenario.maps.push(spec);
    MapId(parsed.scenario.maps.len() as u32)
}

fn attach(program: &Program) -> AttachType {
    match program.attach {
        Attach::Interface => AttachType::Xdp,
        Attach::Devmap => AttachType::Devmap,
        Attach::Cpumap => AttachType::Cpumap,
    }
}

fn describe(map: &MapSpec) -> String {
    format!("a {} of {} entries", map.kind, map.max_entries)
}
