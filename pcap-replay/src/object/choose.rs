//! Which program of an object is meant.

use xdpsim_vm::load::{Attach, Initial, Object, Program, Reference};

use super::load::ObjectError;

/// The program for ports: the one that was named, or the only one that is not there to be tail-called.
pub(super) fn for_ports<'a>(object: &'a Object, named: Option<&str>) -> Result<&'a Program, ObjectError> {
    let fits = |program: &&Program| program.attach == Attach::Interface;
    let all: Vec<&Program> = object.programs.iter().filter(fits).collect();
    if let Some(name) = named {
        let program = self::named(object, name)?;
        if program.attach == Attach::Interface {
            return Ok(program);
        }
        let what = format!("program `{name}` is for {} (section `{}`)", purpose(program), program.section);
        let help = match names(&all) {
            none if none.is_empty() => "it has no program for ports".to_owned(),
            names => format!("for ports there is {names}"),
        };
        return Err(wrong(object, what, help));
    }
    let entries: Vec<&Program> = all.iter().copied().filter(|program| !is_callee(object, program)).collect();
    match (entries.as_slice(), all.as_slice()) {
        ([only], _) | (_, [only]) => Ok(only),
        (_, []) => Err(wrong(
            object,
            "it has no program for ports".to_owned(),
            "mark the program with SEC(\"xdp\")".to_owned(),
        )),
        _ => Err(wrong(
            object,
            format!("it has {} programs for ports: {}", all.len(), names(&all)),
            format!("say which one: `--object {}:{}`, or `--prog {1}`", object.name, all[0].name),
        )),
    }
}

/// The program of this function or section, whatever it is for.
pub(super) fn named<'a>(object: &'a Object, name: &str) -> Result<&'a Program, ObjectError> {
    object.program(name).or_else(|| by_section(object, name)).ok_or_else(|| {
        let every: Vec<&Program> = object.programs.iter().collect();
        wrong(object, format!("it has no program `{name}`"), format!("it has {}", names(&every)))
    })
}

/// The only program for entries of devmaps.
pub(super) fn for_entries(object: &Object) -> Option<&Program> {
    let mut all = object.programs.iter().filter(|program| program.attach == Attach::Devmap);
    all.next().filter(|_| all.next().is_none())
}

fn by_section<'a>(object: &'a Object, section: &str) -> Option<&'a Program> {
    let mut all = object.programs.iter().filter(|program| program.section == section);
    all.next().filter(|_| all.next().is_none())
}

/// Does a program array of the object begin with it?
fn is_callee(object: &Object, program: &Program) -> bool {
    object.maps.iter().any(|map| match &map.initial {
        Initial::References(all) => all
            .iter()
            .any(|(_, reference)| matches!(reference, Reference::Program(name) if *name == program.name)),
        _ => false,
    })
}

fn purpose(program: &Program) -> &'static str {
    match program.attach {
        Attach::Interface => "ports",
        Attach::Devmap => "entries of devmaps",
        Attach::Cpumap => "entries of cpumaps",
    }
}

fn names(programs: &[&Program]) -> String {
    programs.iter().map(|program| format!("`{}`", program.name)).collect::<Vec<_>>().join(", ")
}

fn wrong(object: &Object, what: String, help: String) -> ObjectError {
    ObjectError::Program { object: object.name.clone(), what, help }
}
