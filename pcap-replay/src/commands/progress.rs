//! The progress bar: rate and time left, on a terminal only.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::runner::RunProgress;

/// A bar for one capture, or nothing.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Bar {
    /// A bar, if somebody watches and wants one.
    pub fn new(wanted: bool, file: &str) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(style(false)).with_prefix(file.to_owned())
        });
        Self { bar, began: Instant::now() }
    }

    /// How far the run is.
    pub fn update(&self, progress: RunProgress) {
        let Some(bar) = &self.bar else { return };
        let secs = self.began.elapsed().as_secs_f64().max(1e-3);
        let rate = HumanCount((progress.frames as f64 / secs) as u64);
        bar.set_message(format!("{} frames, {rate}/s", HumanCount(progress.frames)));
        if bar.length() != progress.read.total {
            bar.set_style(style(progress.read.total.is_some()));
            match progress.read.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
        }
        bar.set_position(progress.read.taken);
    }
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
