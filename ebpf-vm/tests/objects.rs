//! Every object of the corpus is loaded, and what was found is kept as a snapshot.

mod corpus;

use std::fmt::Write as _;

use corpus::{CPUS, load, names};
use xdpsim_vm::load::{Global, Initial, MapDef, MapSpec, Object, Program, Reference};

#[test]
fn what_is_found_in_the_objects_stays_the_same() {
    for name in names() {
        let object = load("v3", &name);
        insta::assert_snapshot!(name, describe(&object));
    }
}

/// Maps, variables and the programs' names do not depend on the instruction set version.
#[test]
fn all_versions_hold_the_same() {
    for name in names() {
        let all: Vec<_> = CPUS.iter().filter(|cpu| corpus::exists(cpu, &name)).collect();
        assert!(all.len() >= 2, "{name} is built for {all:?} only");
        let facts: Vec<_> = all.iter().map(|cpu| facts(&load(cpu, &name))).collect();
        assert!(facts.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {facts:#?}");
    }
}

#[test]
fn a_variable_is_set_by_name() {
    let mut object = load("v3", "globals");
    object.set_global("every", &9_u32.to_le_bytes()).unwrap();
    object.set_global("limits", &[1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
    let (_, rodata) = object.map(".rodata").unwrap();
    let Initial::Bytes(bytes) = &rodata.initial else { panic!("{rodata:?}") };
    let at = object.globals.iter().find(|global| global.name == "limits").unwrap().offset as usize;
    assert_eq!(bytes[at..at + 8], [1, 0, 0, 0, 2, 0, 0, 0]);
}

#[test]
fn a_variable_that_cannot_be_set_is_named() {
    let mut object = load("v3", "globals");
    let refused =
        |object: &mut Object, name, value: &[u8]| object.set_global(name, value).unwrap_err().to_string();
    insta::assert_snapshot!(refused(&mut object, "evry", &[0; 4]), @"globals.o, symbol `evry`: there is no such variable; declare it `const volatile`, outside of all functions");
    insta::assert_snapshot!(refused(&mut object, "limits", &[0; 4]), @"globals.o, symbol `limits`: the value has 4 bytes, the variable 8; give 8 bytes: it is a struct limits");
}

/// Types of keys and values, by which maps' contents get names.
#[test]
fn keys_and_values_have_types() {
    let object = load("v3", "routes");
    let (_, routes) = object.map("routes").unwrap();
    let fields = |ty| {
        let members = object.btf.members(ty).unwrap();
        members
            .iter()
            .map(|m| (m.name.as_str(), m.bit_offset / 8, object.btf.size_of(m.ty).unwrap()))
            .collect()
    };
    let (key, value): (Vec<_>, Vec<_>) = (fields(routes.key), fields(routes.value));
    assert_eq!(key, [("len", 0, 4), ("address", 4, 4)]);
    assert_eq!(value, [("port", 0, 4), ("mac", 4, 6), ("mtu", 10, 2)]);
}

/// Names of programs; names and attributes of maps; names and sizes of variables.
type Facts = (Vec<String>, Vec<(String, MapSpec)>, Vec<(String, u32)>);

fn facts(object: &Object) -> Facts {
    (
        object.programs.iter().map(|program| program.name.clone()).collect(),
        object.maps.iter().map(|map| (map.name.clone(), map.spec)).collect(),
        object.globals.iter().map(|global| (global.name.clone(), global.size)).collect(),
    )
}

fn describe(object: &Object) -> String {
    let mut out = String::new();
    for program in &object.programs {
        describe_program(&mut out, object, program);
    }
    for (at, map) in object.maps.iter().enumerate() {
        describe_map(&mut out, object, at, map);
    }
    for Global { name, map, offset, size, ty } in &object.globals {
        writeln!(
            out,
            "variable {name}: {} at {offset} of map {}, {size} bytes",
            object.btf.describe(*ty),
            map.0
        )
        .unwrap();
    }
    if !object.ignored.is_empty() {
        writeln!(out, "passed over: {}", object.ignored.join(", ")).unwrap();
    }
    out
}

fn describe_program(out: &mut String, object: &Object, program: &Program) {
    let Program { name, section, attach, frags, insns, functions, lines } = program;
    let frags = if *frags { ", frags" } else { "" };
    writeln!(out, "program {name} in {section} ({attach:?}{frags}), {} instructions", insns.len()).unwrap();
    for function in functions {
        writeln!(out, "  {:>3} function {}", function.start, function.name).unwrap();
    }
    for line in lines {
        let file = &object.files[line.file as usize];
        writeln!(out, "  {:>3} {file}:{}:{} {}", line.start, line.line, line.column, object.source(line))
            .unwrap();
    }
}

fn describe_map(out: &mut String, object: &Object, at: usize, map: &MapDef) {
    let MapDef { name, spec, inner, pinned, initial, key, value, lock } = map;
    let types = (object.btf.describe(*key), object.btf.describe(*value));
    writeln!(out, "map {at} {name}: {}, {} -> {}", text(spec), types.0, types.1).unwrap();
    if let Some(inner) = inner {
        writeln!(out, "  of maps: {}", text(inner)).unwrap();
    }
    if *pinned {
        writeln!(out, "  pinned by name").unwrap();
    }
    if let Some(lock) = lock {
        writeln!(out, "  spin lock at {lock}").unwrap();
    }
    match initial {
        Initial::Empty => {}
        Initial::Bytes(bytes) => writeln!(out, "  begins with {bytes:02x?}").unwrap(),
        Initial::References(all) => {
            for (key, reference) in all {
                match reference {
                    Reference::Map(map) => writeln!(out, "  [{key}] = map {}", map.0).unwrap(),
                    Reference::Program(name) => writeln!(out, "  [{key}] = program {name}").unwrap(),
                }
            }
        }
    }
}

fn text(spec: &MapSpec) -> String {
    let MapSpec { map_type, key_size, value_size, max_entries, flags, extra } = spec;
    format!(
        "type {map_type}, {key_size} -> {value_size} bytes, {max_entries} entries, flags {flags:#x}, extra {extra}"
    )
}
