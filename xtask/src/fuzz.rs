//! Short runs of the fuzz targets, all at the same time. They are built while other tests run, most of which keep one
//! processor busy.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::steps::{Outcome, cargo, shown, status_is_success};
use crate::tools;

/// The targets, each with a folder of inputs to start from.
const TARGETS: [(&str, &str); 4] = [
    ("captures", "testdata/captures"),
    ("object", "ebpf-vm/objects/v3"),
    ("program", "fuzz/seeds/program"),
    ("scenarios", "examples"),
];
/// How many lines of a failed run are shown.
const SHOWN_LINES: usize = 60;

/// The targets while they are built, beside other work.
pub struct Build {
    begun: Result<(Child, String), Outcome>,
}

impl Build {
    /// Begins to build, behind whatever else wants the processors.
    pub fn start(root: &Path, target_folder: &Path) -> Build {
        let installed = tools::cargo_fuzz(root)
            .map_err(|failure| Outcome::Skipped(format!("cargo-fuzz could not be installed: {failure}")));
        let begin = || build(root, target_folder).map_err(|failure| Outcome::Failed(failure.to_string()));
        Build { begun: installed.and_then(|()| begin()) }
    }

    /// When they are built, runs every target for XDPSIM_FUZZ_SECONDS (60).
    pub fn run(mut self, root: &Path, target_folder: &Path) -> Outcome {
        let (child, line) = match &mut self.begun {
            Ok(begun) => begun,
            Err(outcome) => return outcome.clone(),
        };
        let seconds = match env::var("XDPSIM_FUZZ_SECONDS").as_deref().unwrap_or("60").parse::<u32>() {
            Ok(seconds) => seconds,
            Err(e) => return Outcome::Failed(format!("XDPSIM_FUZZ_SECONDS: expected whole seconds: {e}")),
        };
        let built = child.wait().map_err(|e| Failure::new(format!("`{line}`: {e}")));
        if let Err(failure) = built.and_then(|status| status_is_success(status, line)) {
            let log = log(&target_folder.join(RUNS), BUILD);
            return Outcome::Failed(format!("{failure}\n{}", tail(&log)));
        }
        run_targets(root, target_folder, seconds).into()
    }
}

impl Drop for Build {
    /// Who does not wait for it does not need it.
    fn drop(&mut self) {
        if let Ok((child, _)) = &mut self.begun {
            // It may have ended long ago.
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// Logs and new inputs, below the target folder.
const RUNS: &str = "fuzz-runs";
/// The name of the build's log.
const BUILD: &str = "build";

fn build(root: &Path, target_folder: &Path) -> Result<(Child, String), Failure> {
    let cannot = |what: &str, e: std::io::Error| Failure::new(format!("fuzz targets: cannot {what}: {e}"));
    let work = target_folder.join(RUNS);
    fs::create_dir_all(&work).map_err(|e| cannot("make their folder", e))?;
    let output = File::create(log(&work, BUILD)).map_err(|e| cannot("write the build's log", e))?;
    let errors = output.try_clone().map_err(|e| cannot("write the build's log", e))?;
    let mut command = behind(&cargo(&root.join("fuzz"), &["fuzz", "build", "--dev", "-s", "none"]));
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let line = shown(&command);
    let child = command.spawn().map_err(|e| cannot(&format!("run `{line}`"), e))?;
    Ok((child, line))
}

/// The same command with the lowest priority, where there are any.
fn behind(command: &Command) -> Command {
    let (program, folder) = (command.get_program(), command.get_current_dir());
    let mut nice = if cfg!(unix) { Command::new("nice") } else { Command::new(program) };
    if cfg!(unix) {
        nice.args(["-n", "19"]).arg(program);
    }
    nice.args(command.get_args()).current_dir(folder.unwrap_or(Path::new(".")));
    nice
}

fn run_targets(root: &Path, target_folder: &Path, seconds: u32) -> Result<(), Failure> {
    let work = target_folder.join(RUNS);
    let mut running = Vec::new();
    for (target, seeds) in TARGETS {
        running.push((target, start(root, &work, target, seeds, seconds)?));
    }
    let mut complaints = Vec::new();
    for (target, (mut child, line)) in running {
        let ended = child.wait().map_err(|e| Failure::new(format!("`{line}`: {e}")));
        if let Err(failure) = ended.and_then(|status| status_is_success(status, &line)) {
            complaints.push(format!("{failure}\n{}", tail(&log(&work, target))));
        } else {
            println!("{target}: {}", tail(&log(&work, target)).lines().last().unwrap_or("no output"));
        }
    }
    Failure::unless_empty(complaints)
}

/// Starts one target; new inputs and the log stay below the target folder.
fn start(
    root: &Path,
    work: &Path,
    target: &str,
    seeds: &str,
    seconds: u32,
) -> Result<(Child, String), Failure> {
    let corpus = work.join(target);
    let cannot =
        |what: &str, e: std::io::Error| Failure::new(format!("fuzz target {target}: cannot {what}: {e}"));
    fs::create_dir_all(&corpus).map_err(|e| cannot("make its folder", e))?;
    let output = File::create(log(work, target)).map_err(|e| cannot("write its log", e))?;
    let errors = output.try_clone().map_err(|e| cannot("write its log", e))?;

    let mut command = cargo(&root.join("fuzz"), &["fuzz", "run", "--dev", "-s", "none", target]);
    command.arg(&corpus).arg(root.join(seeds));
    command.arg("--").arg(format!("-max_total_time={seconds}")).arg("-timeout=10").arg("-rss_limit_mb=1024");
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let line = shown(&command);
    let child = command.spawn().map_err(|e| cannot(&format!("run `{line}`"), e))?;
    Ok((child, line))
}

fn log(work: &Path, target: &str) -> std::path::PathBuf {
    work.join(format!("{target}.log"))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
