//! What was measured, as a table and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::measure::Samples;
use crate::row::Row;
use crate::traffic::ROUND;

/// What each side's time includes, below the table.
const INCLUDED: &str = "\
M frames/s that come in: the median of the samples, in brackets the slowest and the fastest.
Both: 64-byte frames, polls of 64, one CPU, one DEVMAP that also holds the ingress and a port that is down;
  unicast looks at a byte of each frame, broadcasts exclude the ingress; bulk queues of 16, flush list,
  veth rings and their polls. Each port got the same number of copies on both sides, in every sample.
Kernel: live frames of BPF_PROG_TEST_RUN: making frames of pages, the compiled program, the copies of
  broadcasts in pages of their own, veth on both ends, far ends that drop in a native XDP program.
Model: `xdpsim replay` on one thread, from a capture in memory that is larger than caches: record headers,
  the program, all checks, the books. Frames are not copied; nothing is read from or written to files.
";

/// A row with its figures.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    /// Millions of frames a second: lowest, median, highest.
    kernel: [f64; 3],
    /// The same.
    model: [f64; 3],
    /// Copies that leave per frame.
    copies_per_frame: f64,
    /// Copies that the kernel's rings refused in all samples.
    lost: u64,
    /// Copies of all samples of the kernel.
    copies: f64,
}

impl Line {
    /// Of the samples of both sides; `copies` leave in a round.
    pub fn new(row: &Row, kernel: &Samples, model: &Samples, copies: u64) -> Self {
        let copies_per_frame = copies as f64 / ROUND as f64;
        Self {
            name: row.name.clone(),
            kernel: kernel.rates(),
            model: model.rates(),
            copies_per_frame,
            lost: kernel.lost(),
            copies: kernel.frames() as f64 * copies_per_frame,
        }
    }

    /// How many times as fast as the kernel the model is.
    fn times(&self) -> f64 {
        self.model[1] / self.kernel[1]
    }

    fn lost_percent(&self) -> f64 {
        100.0 * self.lost as f64 / self.copies
    }
}

/// For people.
pub fn text(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let mut text =
        format!("{:width$}  {:>20}  {:>18}  {:>7}  lost by kernel\n", "", "kernel", "model", "times");
    for line in lines {
        let [slowest, kernel, fastest] = line.kernel;
        let kernel = format!("{kernel:.3} ({slowest:.3}–{fastest:.3})");
        let [slowest, model, fastest] = line.model;
        let model = format!("{model:.1} ({slowest:.1}–{fastest:.1})");
        let lost = if line.lost == 0 { "none".to_owned() } else { format!("{:.3} %", line.lost_percent()) };
        // Writing to a string can't fail.
        let _ =
            writeln!(text, "{:width$}  {kernel:>20}  {model:>18}  {:>7.1}  {lost}", line.name, line.times());
    }
    text + "\n" + INCLUDED
}

/// For scripts.
pub fn json(lines: &[Line]) -> Value {
    let rates = |[lowest, median, highest]: [f64; 3]| json!({ "lowest": lowest, "median": median, "highest": highest });
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "workload": line.name,
                "copies_per_frame": line.copies_per_frame,
                "kernel_million_frames_per_second": rates(line.kernel),
                "model_million_frames_per_second": rates(line.model),
                "times": line.times(),
                "kernel_lost_copies": line.lost,
            })
        })
        .collect();
    json!({ "schema": 1, "side_by_side": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_both_sides_their_ratio_and_the_loss() {
        let line = Line {
            name: "broadcast to 2 ports".to_owned(),
            kernel: [1.4, 1.5, 1.6],
            model: [29.0, 30.0, 31.0],
            copies_per_frame: 2.0,
            lost: 0,
            copies: 400.0,
        };
        let lossy = Line { lost: 1, ..line.clone() };
        let text = text(&[line, lossy]);
        let row = "broadcast to 2 ports   1.500 (1.400–1.600)    30.0 (29.0–31.0)     20.0";
        assert_eq!(text.lines().nth(1), Some(format!("{row}  none").as_str()));
        assert_eq!(text.lines().nth(2), Some(format!("{row}  0.250 %").as_str()));
    }
}
