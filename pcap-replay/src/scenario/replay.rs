//! `[replay]`: how a capture is fed into the scenario.
//!
//! Owns the section and the question whether frames meet a program where they arrive. Reading the
//! capture is the replay's business.

use xdpsim_core::scenario::{Action, Scenario};

use super::diag::Problem;
use super::fields::{Fields, Loc, Words, clip, table};
use super::limits;
use super::names::PortClass;
use super::parse::Cx;

/// How a capture is fed into the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaySection {
    /// Name of the port on which frames arrive; the first one when absent.
    pub ingress: Option<String>,
    /// Frames of a pcapng arrive on the ports that its interfaces are named after.
    pub interfaces: bool,
    /// When they arrive.
    pub timing: Timing,
    /// What becomes of frames that the capture cut short.
    pub truncated: Truncated,
    /// Captures to replay where the command line names none, relative to the scenario's folder.
    pub captures: Vec<String>,
}

/// When frames arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// At the capture's timestamps.
    #[default]
    Capture,
    /// Back to back: polls of 64.
    Asap,
}

/// What becomes of frames that the capture cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncated {
    /// They are as long as what was captured.
    #[default]
    AsCaptured,
    /// Zero bytes fill them up to the original length.
    Pad,
}

const TIMINGS: Words<Timing> =
    Words { known: &[("capture", Timing::Capture), ("asap", Timing::Asap)], refused: &[] };
const TRUNCATED: Words<Truncated> =
    Words { known: &[("as-captured", Truncated::AsCaptured), ("pad", Truncated::Pad)], refused: &[] };

pub(super) fn read<'a>(cx: &mut Cx<'a>, top: &mut Fields<'a>, scenario: &Scenario) -> ReplaySection {
    let mut section = ReplaySection::default();
    let mut named = None;
    let item = top.item("replay");
    if let Some(mut fields) =
        item.and_then(|item| table(&mut cx.sink, item, "`replay`", "a section: `[replay]`"))
    {
        named = fields.text(&mut cx.sink, "ingress", "the name of a port");
        section.interfaces = fields.flag(&mut cx.sink, "interfaces").unwrap_or(false);
        section.timing = fields.word(&mut cx.sink, "timing", &TIMINGS).unwrap_or_default();
        section.truncated = fields.word(&mut cx.sink, "truncated", &TRUNCATED).unwrap_or_default();
        section.captures = captures(cx, &mut fields);
        fields.finish(&mut cx.sink);
    }
    section.ingress = named.as_ref().map(Loc::owned);
    // If the ports could not be read, that has been reported.
    if !(scenario.ports.is_empty() && top.has("port") && cx.sink.failed()) {
        check_ingress(cx, named.as_ref(), scenario);
    }
    section
}

fn captures<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Vec<String> {
    let wanted = "a list of captures such as [\"in.pcap\"]";
    let files = fields.texts(&mut cx.sink, "captures", wanted).unwrap_or_default();
    let over = files.get(limits::CAPTURES).map(|file| &file.span);
    limits::check_count(&mut cx.sink, "captures", files.len(), limits::CAPTURES, over);
    for file in files.iter().filter(|file| file.value.is_empty() || file.value == "-") {
        let message = format!("`{}` in `captures` of `replay` is no file", clip(file.value));
        cx.sink.error(|| Problem::error(message, file.span.clone(), "expected the name of a capture"));
    }
    files.iter().map(Loc::owned).collect()
}

fn check_ingress(cx: &mut Cx<'_>, named: Option<&Loc<&str>>, scenario: &Scenario) {
    let head = match named {
        Some(name) => cx.names.port(&mut cx.sink, name),
        None => cx.names.ports.first(),
    };
    let Some(head) = head else {
        if named.is_none() && scenario.ports.is_empty() {
            let help = "`[[port]]` and `name = \"eth0\"` make one";
            cx.sink.error(|| {
                Problem::error("the scenario has no port", 0..0, "frames need a port to arrive on").help(help)
            });
        }
        return;
    };
    let (at, name) = (named.map_or(head.name.span.clone(), |name| name.span.clone()), head.name.value);
    if head.class == PortClass::Upper {
        let message = format!("frames cannot arrive on `{}`, which is only an upper device", clip(name));
        let help = "name another port: `[replay]` and `ingress = \"…\"`";
        cx.sink.error(|| Problem::error(message, at, "expected a port of another kind").help(help));
        return;
    }
    let attached = scenario.ports.iter().any(|port| port.name == name && port.xdp.is_some());
    let attached_later = scenario
        .changes
        .iter()
        .any(|change| matches!(&change.action, Action::SetXdp { port, program: Some(_) } if port == name));
    if !attached && !attached_later {
        cx.sink.warn(|| {
            let message = format!("no program runs on `{}`, where the frames arrive", clip(name));
            Problem::error(message, at, "all frames pass to the stack")
                .help("write `xdp = \"…\"` in the port")
        });
    }
}
