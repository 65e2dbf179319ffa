//! A line on standard error for every tenth of the work.

use std::time::Instant;

/// How far one kind of work is.
pub struct Progress {
    what: &'static str,
    total: u64,
    tenths: u64,
    started: Instant,
}

impl Progress {
    /// Nothing is done yet; the clock starts.
    pub fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, tenths: 0, started: Instant::now() }
    }

    /// So much is done.
    pub fn at(&mut self, done: u64) {
        let tenths = (done * 10).checked_div(self.total).unwrap_or(10).min(10);
        if tenths > self.tenths {
            self.tenths = tenths;
            let seconds = self.started.elapsed().as_secs_f64();
            eprintln!("{done} of {} {} after {seconds:.1} s", self.total, self.what);
        }
    }
}
