//! The objects are what their source gives.

use std::path::Path;
use std::process::Command;

use xdpsim_oracle::need::{self, Need};

use crate::cases::FORMS;
use crate::folder;

#[test]
fn the_objects_are_built_from_their_source() {
    let test = "the_objects_are_built_from_their_source";
    if !Need::Clang.is_met() {
        return need::skip(test, "clang");
    }
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("it says which compiler");
    let version = Command::new("clang").arg("--version").output().expect("it is on the path").stdout;
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    if !readme.contains(&format!("`{version}`")) {
        return need::skip(test, &format!("the compiler of the README; this is {version}"));
    }
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exclude-groups");
    std::fs::create_dir_all(&into).expect("a folder for what is built");
    let built = Command::new(folder().join("build.sh")).arg(&into).status().expect("a shell");
    assert!(built.success());
    for form in FORMS {
        let name = format!("{}.o", form.name);
        let [fresh, there] = [&into, &folder()].map(|dir| std::fs::read(dir.join(&name)).expect("an object"));
        assert!(fresh == there, "{name} is not what build.sh makes: run it");
    }
}
