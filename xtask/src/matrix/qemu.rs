//! One guest from power-on to power-off, in software emulation.
//!
//! No KVM is needed or used, so that a machine that is itself a guest can do it. There is one virtual CPU:
//! with two, kernels were seen to crash under traffic, and the model has one anyway. The guest has no disk and
//! no network.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Failure, tools};

use super::guest::BEGIN;

const QEMU: &str = "qemu-system-x86_64";

/// The guest's memory, in MiB: the initramfs is there twice for a moment.
const MEMORY: &str = "2048";

/// The kernel's own options: messages on the first serial line, warnings only; a panic ends the guest; no
/// mitigations, which cost most where there is no hardware behind them; no check of the timer, which an emulation
/// on a busy machine fails.
const COMMAND_LINE: &str =
    "console=ttyS0,115200 loglevel=4 panic=-1 mitigations=off nokaslr no_timer_check rdinit=/init";

/// How long to sleep between looks at the guest.
const PAUSE: Duration = Duration::from_millis(100);

/// How many lines of the console a failure shows.
const LAST_LINES: usize = 25;

/// The files of one guest.
pub struct Guest {
    /// The kernel's image.
    pub kernel: PathBuf,
    /// Its first file system.
    pub initramfs: PathBuf,
    /// Where the first serial line is written to: the console.
    pub console: PathBuf,
    /// Where the second serial line is written to: the document.
    pub results: PathBuf,
}

/// What a guest took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From power-on to the campaign's start.
    pub boot: Duration,
    /// From there to power-off.
    pub campaign: Duration,
}

/// Fails, with what to do, if there is no QEMU.
pub fn available() -> Result<(), Failure> {
    if tools::find(QEMU).is_some() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "no program `{QEMU}`: install it with `apt-get install --no-install-recommends qemu-system-x86`"
    )))
}

/// Runs the guest until it powers off, and shows its console meanwhile.
pub fn run(guest: &Guest, timeout: Duration) -> Result<Times, Failure> {
    for file in [&guest.console, &guest.results] {
        fs::write(file, b"").map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
    }
    let started = Instant::now();
    let mut running = Running(spawn(guest)?);
    let mut shown = Follower::new(&guest.console);
    let mut boot = None;
    let status = loop {
        // Asked before the look at the results, so that these are complete when it has ended.
        let ended = running.ended()?;
        if boot.is_none() && has_begun(&guest.results) {
            boot = Some(started.elapsed());
        }
        shown.show();
        if let Some(status) = ended {
            break status;
        }
        if started.elapsed() > timeout {
            let why = format!("the guest did not power off within {} s (--timeout)", timeout.as_secs());
            return Err(with_console(&why, &guest.console));
        }
        thread::sleep(PAUSE);
    };
    if !status.success() {
        return Err(with_console(&format!("`{QEMU}` ended with {status}"), &guest.console));
    }
    let boot = boot.ok_or_else(|| with_console("the guest did not start the campaign", &guest.console))?;
    Ok(Times { boot, campaign: started.elapsed().saturating_sub(boot) })
}

fn spawn(guest: &Guest) -> Result<Child, Failure> {
    let mut command = Command::new(QEMU);
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .args(["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", MEMORY])
        .arg("-kernel")
        .arg(&guest.kernel)
        .arg("-initrd")
        .arg(&guest.initramfs)
        .args(["-append", COMMAND_LINE])
        .args(["-serial", &format!("file:{}", guest.console.display())])
        .args(["-serial", &format!("file:{}", guest.results.display())])
        .stdin(Stdio::null());
    command.spawn().map_err(|e| Failure::new(format!("cannot run `{QEMU}`: {e}")))
}

fn has_begun(results: &Path) -> bool {
    fs::read(results).is_ok_and(|bytes| bytes.starts_with(BEGIN.as_bytes()))
}

/// A failure that ends with the console's last lines.
pub fn with_console(why: &str, console: &Path) -> Failure {
    let text = fs::read(console).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    Failure::new(format!("{why}; the end of its console, {}:\n{last}", console.display()))
}

/// A QEMU that does not outlive this program's interest in it.
struct Running(Child);

impl Running {
    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.0.try_wait().map_err(|e| Failure::new(format!("cannot wait for `{QEMU}`: {e}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies what a growing file gets to the terminal.
struct Follower<'a> {
    file: &'a Path,
    seen: usize,
}

impl Follower<'_> {
    fn new(file: &Path) -> Follower<'_> {
        Follower { file, seen: 0 }
    }

    /// Shows the whole lines that are new.
    fn show(&mut self) {
        let bytes = fs::read(self.file).unwrap_or_default();
        let new = &bytes[self.seen.min(bytes.len())..];
        let Some(end) = new.iter().rposition(|byte| *byte == b'\n') else { return };
        for line in String::from_utf8_lossy(&new[..end]).lines() {
            println!("  | {}", line.trim_end());
        }
        // Where standard output is closed nobody wants to see it.
        let _ = std::io::stdout().flush();
        self.seen += end + 1;
    }
}
