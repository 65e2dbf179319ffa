//! Programs beyond Rust that tests need: found, or installed where that can be done.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::steps::{Outcome, cargo, command, must_succeed};

/// The packages of a Debian-like system, by the program that they bring.
const PACKAGES: [(&str, &str); 10] = [
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("editcap", "wireshark-common"),
    ("python3", "python3"),
    // These rebuild the checked-in BPF objects.
    ("clang", "clang"),
    ("llvm-strip", "llvm"),
    // Looks at the pages of `xdpsim explore`.
    ("chromium", "chromium"),
    // Brings libxdp1: objects that nobody here wrote.
    ("xdp-loader", "xdp-tools"),
    // The loader of `examples/exclude-groups` is run with them.
    ("bpftool", "bpftool"),
    ("ip", "iproute2"),
];

/// The version that the fuzz targets are run with.
const CARGO_FUZZ: &str = "0.13.2";

/// Where `program` is, if the search path has it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A step that needs programs: run if all are there, skipped by name if not.
pub fn with(programs: &[&str], step: impl FnOnce() -> Outcome) -> Outcome {
    let missing: Vec<&str> = programs.iter().copied().filter(|program| find(program).is_none()).collect();
    if missing.is_empty() { step() } else { Outcome::Skipped(format!("needs {}", missing.join(", "))) }
}

/// Installs what tests need, if it is missing and can be installed.
pub fn set_up(root: &Path) -> Outcome {
    let missing = missing_packages();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    let list = missing.join(", ");
    if find("apt-get").is_none() || !is_root() {
        return Outcome::Skipped(format!(
            "please install {list}: only root on a Debian-like system does it here"
        ));
    }
    if let Err(failure) = install(root, &missing) {
        return Outcome::Skipped(format!("could not install {list}: {failure}"));
    }
    let still = missing_packages();
    if still.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("still missing: {}", still.join(", ")))
    }
}

fn missing_packages() -> Vec<&'static str> {
    PACKAGES.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect()
}

fn install(root: &Path, packages: &[&str]) -> Result<(), Failure> {
    let apt = |arguments: &[&str]| {
        let mut apt = command(root, "apt-get", arguments);
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        must_succeed(apt)
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether `cargo SUBCOMMAND` exists.
pub fn has_cargo_command(root: &Path, subcommand: &str) -> bool {
    let mut probe = cargo(root, &[subcommand, "--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Makes `cargo fuzz` available.
pub fn cargo_fuzz(root: &Path) -> Result<(), Failure> {
    if has_cargo_command(root, "fuzz") {
        return Ok(());
    }
    must_succeed(cargo(root, &["install", "--quiet", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked"]))
}
