//! The XDP tracepoints as JSON lines, with the fields as the kernel names them.
//!
//! `time` is in seconds, as a string because it needs more digits than a double has; `err` is the
//! negative number that the kernel prints, with the errno's name beside it. Rules: TRC-01 to TRC-07,
//! TRC-10.
//!
//! `rfc_bug` and `mcast_bug` are no tracepoints: they say what the posted multicast patches would have done to
//! memory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use xdpsim_core::{Errno, Event, Stamp, XdpAction};

use super::tape::merged;
use crate::exit::Failure;

/// Writes events as they happen.
pub struct Events {
    file: String,
    out: BufWriter<Box<dyn Write>>,
    gone: bool,
}

impl Events {
    /// Creates the file; `-` is standard output.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let out: (String, Box<dyn Write>) = if path == Path::new("-") {
            ("standard output".to_owned(), Box::new(io::stdout()))
        } else {
            let file = path.display().to_string();
            let cannot = format!("{file}: cannot create the file of events");
            let out = File::create(path).map_err(|error| Failure::output(&cannot, &error))?;
            (file, Box::new(out))
        };
        Ok(Self { file: out.0, out: BufWriter::new(out.1), gone: false })
    }

    /// Writes what the domains yielded in a batch.
    ///
    /// # Errors
    /// If it cannot be written; a reader that went away is none.
    pub fn write(&mut self, domains: &[&[(Stamp, Event)]]) -> Result<(), Failure> {
        merged(
            domains,
            |(at, _)| *at,
            |domain, (at, event)| {
                // Every domain makes the same changes to its own copy of the world and tells of them.
                let of_a_change = matches!(
                    event,
                    Event::MemConnect { .. } | Event::MemDisconnect { .. } | Event::LinkAttachFailed { .. }
                );
                if of_a_change && domain > 0 { Ok(()) } else { self.line(*at, event) }
            },
        )
    }

    fn line(&mut self, at: Stamp, event: &Event) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        let written = self.out.write_all(line(at, event).as_bytes());
        self.checked(written)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`Events::write`].
    pub fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.out.flush();
        self.checked(flushed)
    }

    fn checked(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(error) => Err(Failure::output(&format!("{}: cannot write events", self.file), &error)),
            Ok(()) => Ok(()),
        }
    }
}

/// One event as a line of JSON. Written by hand to keep the order of fields, which a person reads.
fn line(at: Stamp, event: &Event) -> String {
    let mut line = format!("{{\"time\":\"{}\",\"cpu\":{},\"event\":\"{}\"", at.time, at.cpu, event.name());
    match *event {
        Event::Exception { prog_id, act, ifindex } => {
            number(&mut line, "prog_id", prog_id.0);
            verdict(&mut line, act);
            number(&mut line, "ifindex", ifindex.0);
        }
        Event::BulkTx { ifindex, drops, sent, err } => {
            number(&mut line, "ifindex", ifindex.0);
            verdict(&mut line, XdpAction::TX);
            number(&mut line, "drops", drops);
            number(&mut line, "sent", sent);
            errno(&mut line, err);
        }
        Event::Redirect { prog_id, ifindex, err, to_ifindex, map_id, map_index } => {
            number(&mut line, "prog_id", prog_id.0);
            verdict(&mut line, XdpAction::REDIRECT);
            number(&mut line, "ifindex", ifindex.0);
            errno(&mut line, err);
            number(&mut line, "to_ifindex", to_ifindex.0);
            number(&mut line, "map_id", map_id);
            number(&mut line, "map_index", map_index);
        }
        Event::DevmapXmit { from_ifindex, to_ifindex, drops, sent, err } => {
            number(&mut line, "from_ifindex", from_ifindex.0);
            verdict(&mut line, XdpAction::REDIRECT);
            number(&mut line, "to_ifindex", to_ifindex.0);
            number(&mut line, "drops", drops);
            number(&mut line, "sent", sent);
            errno(&mut line, err);
        }
        Event::MemConnect { ifindex } | Event::MemDisconnect { ifindex } => {
            number(&mut line, "ifindex", ifindex.0);
        }
        Event::LinkAttachFailed { msg } => text(&mut line, "msg", msg),
        Event::Bug { bug, ifindex } => {
            text(&mut line, "rule", bug.rule().name());
            number(&mut line, "ifindex", ifindex.0);
            text(&mut line, "msg", bug.what());
        }
    }
    line.push_str("}\n");
    line
}

fn number(line: &mut String, field: &str, value: impl std::fmt::Display) {
    line.push_str(&format!(",\"{field}\":{value}"));
}

fn text(line: &mut String, field: &str, value: &str) {
    number(line, field, serde_json::Value::from(value));
}

/// The name that the tracepoints print for a verdict; what has none they print as a number.
fn verdict(line: &mut String, act: XdpAction) {
    match act {
        XdpAction::ABORTED => text(line, "act", "ABORTED"),
        XdpAction::DROP => text(line, "act", "DROP"),
        XdpAction::PASS => text(line, "act", "PASS"),
        XdpAction::TX => text(line, "act", "TX"),
        XdpAction::REDIRECT => text(line, "act", "REDIRECT"),
        XdpAction(other) => text(line, "act", &format!("{other:#x}")),
    }
}

/// The negative number that the kernel prints, and its name if there is one.
fn errno(line: &mut String, err: Option<Errno>) {
    number(line, "err", err.map_or(0, |errno| -errno.number()));
    if let Some(errno) = err {
        text(line, "errno", errno.name());
    }
}
