//! The corpus: objects of `ebpf-vm/objects`.
#![allow(dead_code, reason = "no test uses all of it")]

use std::path::PathBuf;

use xdpsim_vm::load::{LoadOptions, Object};

/// The instruction set versions that objects are built for.
pub const CPUS: [&str; 4] = ["v1", "v2", "v3", "v4"];

fn path(cpu: &str, name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/objects")).join(cpu).join(format!("{name}.o"))
}

/// The names of all programs' sources.
pub fn names() -> Vec<String> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/objects")).unwrap();
    let files = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".bpf.c").map(str::to_owned)).collect();
    all.sort();
    assert!(all.len() >= 10, "{all:?}");
    all
}

/// Is the program built for this version?
pub fn exists(cpu: &str, name: &str) -> bool {
    path(cpu, name).exists()
}

/// The bytes of an object.
pub fn bytes(cpu: &str, name: &str) -> Vec<u8> {
    std::fs::read(path(cpu, name)).unwrap()
}

/// Loads an object.
pub fn load(cpu: &str, name: &str) -> Object {
    Object::load(&format!("{name}.o"), &bytes(cpu, name), LoadOptions::default())
        .unwrap_or_else(|error| panic!("{cpu}: {error}"))
}
