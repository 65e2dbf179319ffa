//! The objects are what the compiler makes of their sources.

mod corpus;

use std::process::Command;

use corpus::CPUS;

/// A compiler and the version that made the objects.
const COMPILERS: [(&str, &str, &str); 2] = [
    ("CLANG", "clang", "Debian clang version 14.0.6"),
    ("CLANG_V4", "clang-19", "Debian clang version 19.1.7"),
];

fn is_there(variable: &str, default: &str, version: &str) -> bool {
    let compiler = std::env::var(variable).unwrap_or_else(|_| default.into());
    let said = Command::new(compiler).arg("--version").output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).starts_with(version))
}

#[test]
fn the_objects_are_what_the_compiler_makes() {
    let [old, new] = COMPILERS.map(|(variable, default, version)| is_there(variable, default, version));
    if !old && !new {
        println!("skipped: neither of the compilers that made the objects is here");
        return;
    }
    let into = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("objects");
    std::fs::create_dir_all(&into).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/objects/build.sh");
    let built = Command::new(script).arg(&into).status().unwrap();
    assert!(built.success(), "{script}: {built}");
    let mut compared = 0;
    for name in corpus::names() {
        for cpu in CPUS.iter().filter(|cpu| if **cpu == "v4" { new } else { old }) {
            if corpus::exists(cpu, &name) {
                let rebuilt = std::fs::read(into.join(cpu).join(format!("{name}.o"))).unwrap();
                assert!(
                    rebuilt == corpus::bytes(cpu, &name),
                    "{cpu}/{name}.o is not what {script} makes of it"
                );
                compared += 1;
            }
        }
    }
    if old {
        for file in std::fs::read_dir(into.join("broken")).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_stem().unwrap().to_string_lossy();
            let rebuilt = std::fs::read(&file).unwrap();
            assert!(
                rebuilt == corpus::bytes("broken", &name),
                "broken/{name}.o is not what {script} makes of it"
            );
            compared += 1;
        }
    }
    println!("{compared} objects are what the compiler makes");
    assert!(compared >= 10);
}
