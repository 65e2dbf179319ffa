//! `xdpsim replay` as a whole: start to exit on captures of 1 GB in the page cache.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value;
use xdpsim::capture::synth::{Sizes, Synth};

use crate::list::Target;
use crate::rows::{Row, Verdict};

/// Resident memory stays below this, in MiB.
const RSS_MAX: f64 = 50.0;

/// A capture and what is done with it.
struct Task {
    name: &'static str,
    sizes: Sizes,
    /// About 1 GB.
    frames: u64,
    args: &'static [&'static str],
    copies: u64,
    target: f64,
}

const TASKS: [Task; 3] = [
    Task {
        name: "whole process, 64 bytes to one port",
        sizes: Sizes::Small,
        frames: 12_500_000,
        args: &["--ports", "2"],
        copies: 1,
        target: 40.0,
    },
    Task {
        name: "whole process, 64 bytes to 8 ports",
        sizes: Sizes::Small,
        frames: 12_500_000,
        args: &["--ports", "9", "--broadcast", "--exclude-ingress"],
        copies: 8,
        target: 30.0,
    },
    Task {
        name: "whole process, IMIX to one port",
        sizes: Sizes::Imix,
        frames: 2_700_000,
        args: &["--ports", "2"],
        copies: 1,
        target: 11.0,
    },
];

/// What a process took.
struct Taken {
    time: Duration,
    /// The most memory it had resident, where the system says so, in MiB.
    rss: Option<f64>,
}

/// Measures all tasks; the captures go to `keep`, or to a folder that is deleted.
pub fn rows(keep: Option<&Path>, reps: u32, only: &str) -> Result<Vec<Row>, String> {
    let program = program()?;
    let temporary = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let folder = keep.unwrap_or(temporary.path());
    fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let tasks: Vec<&Task> = TASKS.iter().filter(|task| task.name.contains(only)).collect();
    let mut files = Vec::new();
    for task in &tasks {
        let file = task.capture(folder).map_err(|error| format!("cannot write a capture: {error}"))?;
        // Also brings the file into the page cache.
        task.check(&program, &file)?;
        files.push(file);
    }
    let mut best: Vec<Taken> = tasks.iter().map(|_| Taken { time: Duration::MAX, rss: None }).collect();
    for rep in 1..=reps {
        eprintln!("repetition {rep} of {reps}");
        for ((task, file), best) in tasks.iter().zip(&files).zip(&mut best) {
            let taken = task.run(&program, file)?;
            best.time = best.time.min(taken.time);
            best.rss = best.rss.into_iter().chain(taken.rss).reduce(f64::max);
        }
    }
    Ok(tasks.iter().zip(best).map(|(task, best)| task.row(&best)).collect())
}

/// The command that is measured.
fn program() -> Result<PathBuf, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let program = env::var_os("XDPSIM").map_or_else(|| target.join("release/xdpsim"), PathBuf::from);
    if program.is_file() {
        return Ok(program);
    }
    let program = program.display();
    Err(format!("no {program}: `cargo build --release` makes it, or set XDPSIM to the command's path"))
}

impl Task {
    /// Writes the capture unless it is there. It gets its name only when it is whole.
    fn capture(&self, folder: &Path) -> io::Result<PathBuf> {
        let kind = if self.sizes == Sizes::Imix { "imix" } else { "small" };
        let file = folder.join(format!("{kind}-{}.pcap", self.frames));
        if !file.exists() {
            eprintln!("writing {}", file.display());
            let part = file.with_extension("part");
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&part)?);
            Synth { frames: self.frames, sizes: self.sizes, flows: 4096, ..Synth::default() }
                .write_pcap(&mut out)?;
            out.flush()?;
            fs::rename(part, &file)?;
        }
        Ok(file)
    }

    fn command(&self, program: &Path, file: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("replay").args(self.args).args(["--timing", "asap", "--no-progress"]).arg(file);
        command.stdin(Stdio::null());
        command
    }

    /// One run with its books: every frame and every copy was delivered.
    fn check(&self, program: &Path, file: &Path) -> Result<(), String> {
        let mut command = self.command(program, file);
        let output = command.arg("--json").output().map_err(|error| not_run(program, &error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let document: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{command:?}: {}, no JSON: {error}\n{said}", output.status))?;
        let rows = document["fates"].as_array().into_iter().flatten();
        let delivered: u64 =
            rows.filter(|row| row["fate"] == "delivered").filter_map(|row| row["frames"].as_u64()).sum();
        let counted = (document["arrivals"].as_u64(), delivered);
        if output.status.success() && counted == (Some(self.frames), self.frames * self.copies) {
            return Ok(());
        }
        Err(format!("{command:?}: {}, arrivals and deliveries {counted:?}\n{said}", output.status))
    }

    /// One run that is measured.
    fn run(&self, program: &Path, file: &Path) -> Result<Taken, String> {
        let mut command = self.command(program, file);
        let start = Instant::now();
        let mut child = command.arg("-q").spawn().map_err(|error| not_run(program, &error))?;
        let (status, rss) = watch(&mut child);
        let time = start.elapsed();
        match status {
            Ok(status) if status.success() => Ok(Taken { time, rss }),
            Ok(status) => Err(format!("{command:?}: {status}")),
            Err(error) => Err(not_run(program, &error)),
        }
    }

    fn row(&self, best: &Taken) -> Row {
        let mut row = Row::new(self.name.to_owned(), self.frames, self.frames * self.copies, best.time);
        row.judge(Target::Frames(self.target), None);
        match best.rss {
            None => row.note = "memory not measured on this system".to_owned(),
            Some(rss) => row.verdicts.push(Verdict {
                target: format!("< {RSS_MAX} MiB resident"),
                measured: Some(format!("{rss:.1} MiB")),
                met: rss < RSS_MAX,
            }),
        }
        row
    }
}

fn not_run(program: &Path, error: &io::Error) -> String {
    format!("cannot run {}: {error}", program.display())
}

/// Waits for a process and looks now and then how much memory it has had at most.
fn watch(child: &mut Child) -> (io::Result<ExitStatus>, Option<f64>) {
    let (ended, id) = (AtomicBool::new(false), child.id());
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = None;
            while !ended.load(Ordering::Acquire) {
                most = peak_rss(id).or(most);
                thread::sleep(Duration::from_millis(5));
            }
            most
        });
        let status = child.wait();
        ended.store(true, Ordering::Release);
        (status, watcher.join().ok().flatten())
    })
}

/// `VmHWM` of a process: its peak so far, in MiB. Linux only.
fn peak_rss(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
