//! `cargo xtask test`: set-up and every check of the project, one step after the other.
//!
//! All steps run even if one fails. Everything is built in the dev profile but the command
//! itself, which the scripts run optimized.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generated::Mode;
use crate::steps::{Outcome, Steps, cargo, command, must_succeed};
use crate::{Failure, conformance, fuzz, rules, tidy, tools};

/// The step that may be skipped even in CI: building cargo-deny takes minutes.
const LICENCES: &str = "licences (cargo-deny)";
const CORPUS: &str = "scripts/corpus.py";
const REFERENCE: &str = "scripts/reference/compare.py";
const BIG: &str = "scripts/big.py";

/// Where the tests' build leaves the command, for the scripts: a build of its own would take minutes.
const BUILT: &str = "debug";

const DOWNSTREAM: &str = "examples/downstream";
/// What its test keeps of the bug that it finds.
const KEPT: &str = "tmp/tagged_frames_go_back";

/// Runs all steps; `--no-fuzz` skips the fuzz runs.
pub fn run(root: &Path, options: &[String]) -> Result<(), Failure> {
    let no_fuzz = match options {
        [] => false,
        [only] if only == "--no-fuzz" => true,
        _ => {
            return Err(Failure::new(format!("`test` takes only --no-fuzz, not `{}`", options.join(" "))));
        }
    };
    let target = target_folder(root);
    let mut steps = Steps::new();
    steps.run("set-up (tcpdump, tshark, editcap, python3, clang, xdp-tools, chromium)", || {
        tools::set_up(root)
    });
    steps.run("format", || format(root));
    steps.run("clippy", || clippy(root));
    steps.run("rule table", || rules::run(root, Mode::Check).into());
    steps.run("conformance", || conformance::run(root, Mode::Check).into());
    steps.run("tidy", || tidy::run(root).into());
    steps.run("build of the tests", || {
        must_succeed(cargo(root, &[&TESTS[..], &["--no-run"]].concat())).into()
    });
    let fuzz_build = (!no_fuzz).then(|| fuzz::Build::start(root, &target));
    steps.run("tests (those of model and running kernel among them)", || tests(root, &target));
    steps.run("downstream (examples/downstream)", || downstream(root, &target));
    steps.run("examples (xdpsim test)", || examples(root, &target));
    steps.run("corpus", || script(root, &target, CORPUS, &["python3", "tcpdump", "editcap"]));
    steps.run("reference", || script(root, &target, REFERENCE, &["python3"]));
    steps.run("memory (500 MB through a pipe)", || script(root, &target, BIG, &["python3"]));
    steps.run("fuzz (captures, object, program, scenarios)", || match fuzz_build {
        Some(build) => build.run(root, &target),
        None => Outcome::Skipped("--no-fuzz".to_owned()),
    });
    steps.run(LICENCES, || licences(root));
    let strict = env::var("CI").is_ok_and(|value| value == "true");
    steps.finish(strict, &[LICENCES])
}

/// Where cargo puts what it builds.
pub fn target_folder(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// The examples hold what they expect.
fn examples(root: &Path, target: &Path) -> Outcome {
    let binary = target.join(BUILT).join(format!("xdpsim{}", env::consts::EXE_SUFFIX));
    must_succeed(command(root, &binary.display().to_string(), &["test", "examples/"])).into()
}

fn format(root: &Path) -> Outcome {
    if !tools::has_cargo_command(root, "fmt") {
        return Outcome::Skipped("needs rustfmt: `rustup component add rustfmt`".to_owned());
    }
    let workspace = must_succeed(cargo(root, &["fmt", "--all", "--check"]));
    let fuzz = must_succeed(cargo(&root.join("fuzz"), &["fmt", "--check"]));
    let downstream = must_succeed(cargo(&root.join(DOWNSTREAM), &["fmt", "--check"]));
    workspace.and(fuzz).and(downstream).into()
}

fn clippy(root: &Path) -> Outcome {
    if !tools::has_cargo_command(root, "clippy") {
        return Outcome::Skipped("needs clippy: `rustup component add clippy`".to_owned());
    }
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    must_succeed(cargo(root, &arguments)).into()
}

/// For how long changed programs are compared on all engines.
const MUTANT_SECONDS: &str = "XDPSIM_MUTANT_SECONDS";

/// All tests of the workspace.
const TESTS: [&str; 4] = ["test", "--workspace", "--locked", "--no-fail-fast"];

/// All tests of the workspace in one build: taken apart, packages would be built twice, with other features. Those
/// that need a kernel and root write what they skip for want of one into a list.
fn tests(root: &Path, target: &Path) -> Outcome {
    let (list, counts) = (target.join("skipped-kernel-tests"), target.join("compared-with-the-kernel"));
    for file in [&list, &counts] {
        if file.exists()
            && let Err(error) = std::fs::remove_file(file)
        {
            return Outcome::Failed(format!("{}: {error}", file.display()));
        }
    }
    let mut tests = cargo(root, &TESTS);
    // A snapshot that differs is a failure, not a new file beside the old one.
    tests.env("INSTA_UPDATE", "no").env("XDPSIM_SKIPPED", &list).env("XDPSIM_COMPARED", &counts);
    tests.env(MUTANT_SECONDS, env::var_os(MUTANT_SECONDS).unwrap_or_else(|| "60".into()));
    if let Err(failure) = must_succeed(tests) {
        return Outcome::Failed(failure.to_string());
    }
    if let Ok(counts) = std::fs::read_to_string(&counts) {
        println!("compared with the running kernel:\n{counts}");
    }
    match std::fs::read_to_string(&list) {
        Ok(skipped) => Outcome::Skipped(skipped.lines().collect::<Vec<_>>().join("; ")),
        Err(_) if cfg!(target_os = "linux") => Outcome::Passed,
        Err(_) => Outcome::Skipped("comparisons with a running kernel need Linux".to_owned()),
    }
}

/// A crate outside of the workspace finds the bug planted in its forwarder; what it keeps of it can be run.
fn downstream(root: &Path, target: &Path) -> Outcome {
    let own = target.join("downstream");
    let mut tests = cargo(&root.join(DOWNSTREAM), &["test", "--locked"]);
    tests.env("CARGO_TARGET_DIR", &own);
    if let Err(failure) = must_succeed(tests) {
        return Outcome::Failed(failure.to_string());
    }
    let kept = |ending: &str| own.join(format!("{KEPT}.{ending}")).display().to_string();
    let (scenario, capture) = (kept("toml"), kept("pcapng"));
    let xdpsim = target.join(BUILT).join("xdpsim").display().to_string();
    let check = must_succeed(command(root, &xdpsim, &["check", &scenario]));
    check.and(must_succeed(command(root, &xdpsim, &["explain", &scenario, &capture, "--frame", "1"]))).into()
}

/// Runs a script of the repository; XDPSIM tells it where the command is.
fn script(root: &Path, target: &Path, file: &str, needs: &[&str]) -> Outcome {
    if !root.join(file).is_file() {
        return Outcome::Failed(format!("expected the script {file}"));
    }
    tools::with(needs, || {
        let mut python: Command = command(root, "python3", &[file]);
        python.env("XDPSIM", target.join(BUILT).join("xdpsim"));
        must_succeed(python).into()
    })
}

fn licences(root: &Path) -> Outcome {
    if !tools::has_cargo_command(root, "deny") {
        return Outcome::Skipped("cargo-deny is not installed (`cargo install cargo-deny`)".to_owned());
    }
    must_succeed(cargo(root, &["deny", "check", "licenses", "bans", "sources"])).into()
}
