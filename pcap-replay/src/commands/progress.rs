//! The progress bar: rate and time left, on a terminal only.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::world::Capture;
use crate::runner::RunProgress;

/// A bar for one run, or for several at once; or nothing.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    began: Instant,
    frames: AtomicU64,
}

/// One run's share of a bar.
pub(super) struct Track<'a> {
    bar: &'a Bar,
    frames: u64,
    taken: u64,
}

impl Bar {
    /// A bar, if somebody watches and wants one.
    pub fn new(wanted: bool, file: &str) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(style(false)).with_prefix(file.to_owned())
        });
        Self { bar, began: Instant::now(), frames: AtomicU64::new(0) }
    }

    /// One bar over all of these captures.
    pub fn over<'a>(wanted: bool, captures: impl Iterator<Item = &'a Capture> + Clone) -> Self {
        let (count, name) = (captures.clone().count(), captures.clone().next().map(Capture::name));
        let prefix = if count == 1 { name.unwrap_or_default() } else { format!("{count} captures") };
        let this = Self::new(wanted, &prefix);
        if let Some(bar) = &this.bar
            && let Some(total) = captures.map(bytes).sum()
        {
            bar.set_style(style(true));
            bar.set_length(total);
        }
        this
    }

    /// A run that moves it.
    pub fn track(&self) -> Track<'_> {
        Track { bar: self, frames: 0, taken: 0 }
    }

    /// How far the only run is.
    pub fn update(&self, progress: RunProgress) {
        let Some(bar) = &self.bar else { return };
        self.say(bar, progress.frames);
        if bar.length() != progress.read.total {
            bar.set_style(style(progress.read.total.is_some()));
            match progress.read.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
        }
        bar.set_position(progress.read.taken);
    }

    fn say(&self, bar: &ProgressBar, frames: u64) {
        let secs = self.began.elapsed().as_secs_f64().max(1e-3);
        let rate = HumanCount((frames as f64 / secs) as u64);
        bar.set_message(format!("{} frames, {rate}/s", HumanCount(frames)));
    }
}

impl Track<'_> {
    /// How far this run is.
    pub fn update(&mut self, progress: RunProgress) {
        let Some(bar) = &self.bar.bar else { return };
        let more = progress.frames - std::mem::replace(&mut self.frames, progress.frames);
        let frames = self.bar.frames.fetch_add(more, Ordering::Relaxed) + more;
        let taken = progress.read.taken;
        bar.inc(taken.saturating_sub(std::mem::replace(&mut self.taken, taken)));
        self.bar.say(bar, frames);
    }
}

/// The size of all files of a capture; `None` for pipes.
fn bytes(capture: &Capture) -> Option<u64> {
    let of =
        |path: &std::path::Path| path.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
    capture.files().map(of).sum()
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(sized: bool) -> ProgressStyle {
    let template = if sized {
        "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta} left"
    } else {
        "{prefix} {spinner} {bytes} {bytes_per_sec} {msg}"
    };
    // A template that cannot be read would only cost the bar its looks.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
