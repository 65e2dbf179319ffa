//! Figures and their targets, as a table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::list::Target;

/// A target, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was promised, in words.
    pub target: String,
    /// What was measured, where no column of the table says it.
    pub measured: Option<String>,
    /// Kept?
    pub met: bool,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Millions of frames a second.
    pub frames: f64,
    /// Millions of copies a second, 0 where there are none.
    pub copies: f64,
    /// Part of the read bandwidth in percent.
    pub of_read: Option<f64>,
    /// Something else that was measured.
    pub note: String,
    /// The targets.
    pub verdicts: Vec<Verdict>,
    time: Duration,
}

impl Row {
    /// `frames` frames and `copies` copies took this long.
    pub fn new(name: String, frames: u64, copies: u64, time: Duration) -> Self {
        let rate = |count: u64| count as f64 / time.as_secs_f64() / 1e6;
        let (frames, copies) = (rate(frames), rate(copies));
        Self { name, frames, copies, of_read: None, note: String::new(), verdicts: Vec::new(), time }
    }

    /// One core reads the same capture in this time.
    pub fn of_read(mut self, read: Duration) -> Self {
        self.of_read = Some(100.0 * read.as_secs_f64() / self.time.as_secs_f64());
        self
    }

    /// Holds the figure against a target; `base` is the time of what it is compared with.
    pub fn judge(&mut self, target: Target, base: Option<Duration>) {
        let times = base.map_or(f64::NAN, |base| base.as_secs_f64() / self.time.as_secs_f64());
        let of_read = self.of_read.unwrap_or(f64::NAN);
        let (words, measured, met) = match target {
            Target::OfRead(least) => (format!(">= {least} % of read"), None, of_read >= least),
            Target::Frames(least) => (format!(">= {least} M frames/s"), None, self.frames >= least),
            Target::Copies(least) => (format!(">= {least} M copies/s"), None, self.copies >= least),
            Target::GainAtMost(most) => {
                let gain = 100.0 * (times - 1.0);
                (format!("gains <= {most} %"), Some(format!("{gain:.1} %")), gain <= most)
            }
            Target::CostAtMost(most) => {
                let cost = 100.0 * (1.0 - times);
                (format!("costs <= {most} %"), Some(format!("{cost:.1} %")), cost <= most)
            }
            Target::Times(least) => {
                (format!(">= {least} times one"), Some(format!("{times:.2}")), times >= least)
            }
        };
        self.verdicts.push(Verdict { target: words, measured, met });
    }

    /// Was any target missed?
    pub fn is_missed(&self) -> bool {
        self.verdicts.iter().any(|verdict| !verdict.met)
    }
}

/// For people.
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>10}  {:>10}  {:>9}  target\n",
        "workload", "M frames/s", "M copies/s", "% of read"
    );
    for row in rows {
        let copies = if row.copies > 0.0 { format!("{:.0}", row.copies) } else { String::new() };
        let of_read = row.of_read.map_or_else(String::new, |part| format!("{part:.1}"));
        let mut last: Vec<String> = row.verdicts.iter().map(in_words).collect();
        if !row.note.is_empty() {
            last.push(row.note.clone());
        }
        let line = format!(
            "{:width$}  {:>10.1}  {copies:>10}  {of_read:>9}  {}",
            row.name,
            row.frames,
            last.join("; ")
        );
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn in_words(verdict: &Verdict) -> String {
    let measured = verdict.measured.as_ref().map_or_else(String::new, |measured| format!(" ({measured})"));
    format!("{}{measured}: {}", verdict.target, if verdict.met { "met" } else { "MISSED" })
}

/// For scripts.
pub fn json(rows: &[Row]) -> Value {
    let targets = |row: &Row| -> Vec<Value> {
        let verdicts = row.verdicts.iter();
        verdicts
            .map(|one| json!({ "target": one.target, "measured": one.measured, "met": one.met }))
            .collect()
    };
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "workload": row.name,
                "million_frames_per_second": row.frames,
                "million_copies_per_second": row.copies,
                "percent_of_read": row.of_read,
                "note": row.note,
                "targets": targets(row),
            })
        })
        .collect();
    json!({ "schema": 1, "figures": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(target: Target, base: u64) -> Verdict {
        // 100 frames and 800 copies in a microsecond: 100 and 800 millions a second.
        let mut row =
            Row::new("x".to_owned(), 100, 800, Duration::from_micros(1)).of_read(Duration::from_nanos(300));
        row.judge(target, Some(Duration::from_nanos(base)));
        assert_eq!(row.is_missed(), !row.verdicts[0].met);
        row.verdicts.remove(0)
    }

    #[test]
    fn targets_are_held_against_the_right_figure() {
        let met = |target, base| judged(target, base).met;
        assert!(met(Target::OfRead(29.9), 0) && !met(Target::OfRead(30.1), 0));
        assert!(met(Target::Frames(99.9), 0) && !met(Target::Frames(100.1), 0));
        assert!(met(Target::Copies(799.0), 0) && !met(Target::Copies(801.0), 0));
        assert!(met(Target::Times(1.7), 1710) && !met(Target::Times(1.7), 1690));
        // With books 9 % longer, or 11 %.
        assert!(met(Target::GainAtMost(10.0), 1090) && !met(Target::GainAtMost(10.0), 1110));
        // Without events a little over or under 55 % of the time.
        assert!(met(Target::CostAtMost(45.0), 551) && !met(Target::CostAtMost(45.0), 549));
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let mut row = Row::new("x".to_owned(), 1, 1, Duration::from_micros(1));
        row.judge(Target::OfRead(0.0), None);
        row.judge(Target::Times(0.0), None);
        assert!(row.verdicts.iter().all(|verdict| !verdict.met));
    }
}
