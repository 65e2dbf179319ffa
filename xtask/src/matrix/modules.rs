//! The kernel modules that a guest loads: found in an unpacked kernel package, with all that they depend on,
//! in the order in which they can be loaded.
//!
//! A package has no `modules.dep` (installing would make it), so the dependencies are read where `depmod`
//! reads them: from the `depends=` line that each module carries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// A module ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// `veth`.
    pub name: String,
    /// The object file, not compressed.
    pub object: Vec<u8>,
}

/// The modules called `wanted` and what they need, dependencies first. What the kernel has built in is left
/// out. `folder` is the package's `lib/modules/RELEASE`.
pub fn closure(folder: &Path, wanted: &[&str]) -> Result<Vec<Module>, Failure> {
    let mut found = BTreeMap::new();
    list(&folder.join("kernel"), &mut found)?;
    let built_in = built_in(&crate::read(&folder.join("modules.builtin"))?);
    let mut order = Vec::new();
    for name in wanted {
        visit(name, &built_in, &mut order, &mut |name| {
            let path = found.get(name).ok_or_else(|| {
                Failure::new(format!("{}: no module `{name}`, and it is not built in", folder.display()))
            })?;
            read_object(path)
        })?;
    }
    Ok(order)
}

/// Appends `name` after its dependencies, unless it is there already.
fn visit(
    name: &str,
    built_in: &[String],
    order: &mut Vec<Module>,
    read: &mut impl FnMut(&str) -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    if built_in.iter().any(|known| known == name) || order.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let object = read(name)?;
    for needed in depends(&object) {
        visit(&needed, built_in, order, read)?;
    }
    order.push(Module { name: name.to_owned(), object });
    Ok(())
}

/// What a module's `depends=` line names.
fn depends(object: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = object.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = object[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or(&[]);
    String::from_utf8_lossy(value).split(',').filter(|name| !name.is_empty()).map(canonical).collect()
}

/// The names in `modules.builtin`, one path a line.
fn built_in(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| module_name(Path::new(line))).collect()
}

/// All module files below `folder`, by the module's name.
fn list(folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|e| {
        Failure::new(format!("cannot list the kernel's modules in {}: {e}", folder.display()))
    })?;
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            list(&path, found)?;
        } else if let Some(name) = module_name(&path) {
            found.insert(name, path);
        }
    }
    Ok(())
}

/// `kernel/net/8021q.ko.xz` is `8021q`.
fn module_name(path: &Path) -> Option<String> {
    path.file_name()?.to_str()?.split_once(".ko").map(|(name, _)| canonical(name))
}

/// Module names have underscores where file names may have dashes.
fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

fn read_object(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())));
    }
    let output = Command::new("xz").args(["--decompress", "--stdout"]).arg(path).output().map_err(|e| {
        Failure::new(format!("cannot run `xz` (package xz-utils) for {}: {e}", path.display()))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`xz` cannot unpack {}: {}", path.display(), said.trim())));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(depends: &str) -> Vec<u8> {
        format!("\x7fELF license=GPL\0depends={depends}\0retpoline=Y\0").into_bytes()
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let mut order = Vec::new();
        for name in ["bridge", "llc"] {
            visit(name, &["mii".to_owned()], &mut order, &mut |name| {
                Ok(object(match name {
                    "bridge" => "stp,llc,mii",
                    "stp" => "llc",
                    _ => "",
                }))
            })
            .expect("all are there");
        }
        let names: Vec<&str> = order.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["llc", "stp", "bridge"]);
    }

    #[test]
    fn names_lose_folder_suffix_and_dashes() {
        assert_eq!(module_name(Path::new("kernel/net/psnap-x.ko.xz")), Some("psnap_x".to_owned()));
        assert_eq!(built_in("kernel/net/core/af-xdp.ko\n"), ["af_xdp"]);
        assert_eq!(module_name(Path::new("modules.order")), None);
    }
}
