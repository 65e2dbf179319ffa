//! What is said about the frames of a run: a line of JSON for each, or a table with what is worth a look.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use xdpsim_devmap::XdpAction;
use xdpsim_vm::machine::Story;
use xdpsim_vm::test_run::{Ran, Redirect, Refused};

use crate::exit::{Exit, Failure, Message};
use crate::output::columns::{Align, Columns, counted, grouped};

/// Examples of frames that are named.
const EXAMPLES: usize = 4;
/// Kinds of faults, targets and lines that are kept; more are counted.
const KEPT: usize = 32;

/// A frame in JSON.
#[derive(Serialize)]
struct FrameLine<'a> {
    /// From 0.
    frame: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<u32>,
    /// Bytes of the output, metadata among them; of a frame that was refused, of the frame.
    len: usize,
    /// Bytes of metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<u32>,
    /// FNV-1a of the output, metadata first.
    #[serde(skip_serializing_if = "Option::is_none")]
    fnv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    printed: &'a [String],
}

/// A frame's line, without its end.
pub(super) fn frame_line(frame: u64, bytes: &[u8], ran: &Result<Ran, Refused>) -> String {
    let line = match ran {
        Ok(ran) => FrameLine {
            frame,
            verdict: Some(ran.retval),
            len: ran.data_out.len(),
            meta: Some(ran.ctx_out.data),
            fnv: Some(format!("{:016x}", fnv(&ran.data_out))),
            fault: ran.fault.as_ref().map(|fault| fault.headline()),
            errno: None,
            refused: None,
            printed: &ran.printed,
        },
        Err(refused) => FrameLine {
            frame,
            verdict: None,
            len: bytes.len(),
            meta: None,
            fnv: None,
            fault: None,
            errno: Some(refused.errno.number()),
            refused: Some(&refused.why),
            printed: &[],
        },
    };
    serde_json::to_string(&line).expect("plain fields")
}

#[derive(Serialize)]
struct ErrorLine {
    errors: Vec<Message>,
}

/// Why a run ended, as a line with its end.
pub(super) fn error_line(failure: &Failure) -> String {
    let line = serde_json::to_string(&ErrorLine { errors: failure.messages() });
    line.expect("plain fields") + "\n"
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Frames with something in common: how many, and the first ones.
#[derive(Clone, Debug, Default)]
struct Seen {
    count: u64,
    first: Vec<u64>,
}

impl Seen {
    fn add(&mut self, frame: u64) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(frame);
        }
    }

    /// Frames by their numbers from 1, as tables have them.
    fn words(&self) -> String {
        let numbers: Vec<String> = self.first.iter().map(|frame| grouped(frame + 1)).collect();
        let word = if self.count == 1 { "frame" } else { "frames" };
        let more = if self.count > EXAMPLES as u64 { ", …" } else { "" };
        format!("{word} {}{more}", numbers.join(", "))
    }
}

/// What became of all frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    title: String,
    /// How many there were.
    pub frames: u64,
    verdicts: BTreeMap<u32, Seen>,
    redirects: BTreeMap<String, Seen>,
    refused: BTreeMap<String, Seen>,
    faults: BTreeMap<(String, u32), (Story, Seen)>,
    faulted: u64,
    printed: Vec<(u64, String)>,
    lines: u64,
}

/// Counts a frame under a name, unless there are too many names.
fn book(under: &mut BTreeMap<String, Seen>, name: String, frame: u64) {
    if under.len() < KEPT || under.contains_key(&name) {
        under.entry(name).or_default().add(frame);
    } else {
        under.entry("others".to_owned()).or_default().add(frame);
    }
}

impl Report {
    /// Of a run that is called so.
    pub fn new(title: String) -> Self {
        Self { title, ..Self::default() }
    }

    /// One more frame.
    pub fn add(&mut self, ran: &Result<Ran, Refused>) {
        let frame = self.frames;
        self.frames += 1;
        let ran = match ran {
            Err(refused) => return book(&mut self.refused, refused.to_string(), frame),
            Ok(ran) => ran,
        };
        self.verdicts.entry(ran.retval).or_default().add(frame);
        if let Some(redirect) = &ran.redirect {
            book(&mut self.redirects, target(redirect), frame);
        }
        for line in &ran.printed {
            self.lines += 1;
            if self.printed.len() < KEPT {
                self.printed.push((frame, line.clone()));
            }
        }
        let Some(story) = &ran.fault else { return };
        self.faulted += 1;
        let at = (story.program.clone(), story.slot);
        if self.faults.len() < KEPT || self.faults.contains_key(&at) {
            let entry = self.faults.entry(at).or_insert_with(|| ((**story).clone(), Seen::default()));
            entry.1.add(frame);
        }
    }

    /// Faults are findings.
    pub fn exit(&self) -> Exit {
        if self.faulted > 0 { Exit::Findings } else { Exit::Fine }
    }

    /// A run without frames looks green and tested nothing.
    pub fn nothing(&self, capture: &str) -> Option<Failure> {
        (self.frames == 0).then(|| {
            Failure::nothing(format!("{capture}: no frame was run"), "name a capture with Ethernet frames")
        })
    }

    /// For people.
    pub fn text(&self, capture: &str) -> String {
        let frames = counted(self.frames, "frame", "frames");
        let mut out = format!("{}: {frames} of {capture}\n\n", self.title);
        let mut table =
            Columns::new(&[("verdict", Align::Left), ("frames", Align::Right), ("", Align::Left)]);
        for (verdict, some) in &self.verdicts {
            table.row(vec![XdpAction(*verdict).to_string(), grouped(some.count), some.words()]);
        }
        for (why, some) in &self.refused {
            table.row(vec!["refused".to_owned(), grouped(some.count), some.words()]);
            table.note(2, why.clone());
        }
        out.push_str(&table.render(2));
        self.write_redirects(&mut out);
        self.write_printed(&mut out);
        self.write_faults(&mut out);
        out
    }

    fn write_redirects(&self, out: &mut String) {
        if self.redirects.is_empty() {
            return;
        }
        let mut table = Columns::new(&[("redirected to", Align::Left), ("frames", Align::Right)]);
        for (target, some) in &self.redirects {
            table.row(vec![target.clone(), grouped(some.count)]);
        }
        out.push('\n');
        out.push_str(&table.render(2));
    }

    fn write_printed(&self, out: &mut String) {
        if self.printed.is_empty() {
            return;
        }
        out.push_str("\n  printed by the program\n");
        for (frame, line) in &self.printed {
            let _ = writeln!(out, "  frame {}: {}", grouped(frame + 1), line.trim_end());
        }
        let more = self.lines - self.printed.len() as u64;
        if more > 0 {
            let _ = writeln!(out, "  and {} more: --json has all", counted(more, "line", "lines"));
        }
    }

    fn write_faults(&self, out: &mut String) {
        if self.faulted == 0 {
            return;
        }
        let frames = counted(self.faulted, "frame", "frames");
        let places = counted(self.faults.len() as u64, "place", "places");
        let _ = writeln!(out, "\nThe program did what no program may do in {frames}, at {places}:");
        for (story, some) in self.faults.values() {
            let _ = writeln!(out, "\n{} ({} in all)\n{story}", some.words(), grouped(some.count));
        }
    }
}

fn target(redirect: &Redirect) -> String {
    match redirect {
        Redirect::Interface(ifindex) => format!("interface {ifindex}"),
        Redirect::Map { map, key, target: None, .. } => format!("{map}[{key}]"),
        Redirect::Map { map, flags, .. } if flags & 8 != 0 => format!("all of {map}"),
        Redirect::Map { map, key, target: Some(target), .. } => format!("{map}[{key}] = {target}"),
    }
}
