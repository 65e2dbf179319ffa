//! `[[fault]]`: operations that fail on purpose, rings that are too small, ports that flap.
//!
//! Rules: FLU-04, BRD-10, RED-02, DRV-06.

use xdpsim_core::scenario::{Change, FaultKind, FaultSpec};
use xdpsim_devmap::Errno;

use super::diag::Problem;
use super::fields::{Fields, Loc, Words, clip};
use super::flap;
use super::names::PortClass;
use super::parse::Cx;
use super::suggest;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fail {
    Xmit,
    XmitShort,
    Clone,
    Convert,
    Ring,
    Flap,
}

/// What a section stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// One fault of the core.
    Spec(FaultSpec),
    /// A port that goes down and up: changes, as an operator makes them.
    Flap(Vec<Change>),
}

const FAILS: Words<Fail> = Words {
    known: &[
        ("xmit", Fail::Xmit),
        ("xmit_short", Fail::XmitShort),
        ("clone", Fail::Clone),
        ("convert", Fail::Convert),
        ("ring", Fail::Ring),
        ("flap", Fail::Flap),
    ],
    refused: &[],
};
/// A bulk queue holds this many frames (ENQ-01).
const BULK: u32 = 16;
/// Slots of a veth's ring (DRV-06).
const RING: u32 = 256;

impl Fail {
    /// The keys that only some faults have.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Xmit => &["errno", "nth"],
            Self::XmitShort => &["sent", "nth"],
            Self::Clone | Self::Convert => &["nth"],
            Self::Ring => &["size"],
            Self::Flap => &["frame", "time", "down", "up", "times"],
        }
    }
}

/// All of them, with the fault that has them.
const OWN_KEYS: [(&str, &str); 8] = [
    ("errno", "only `fail = \"xmit\"` has it"),
    ("sent", "only `fail = \"xmit_short\"` has it"),
    ("nth", "it is for operations: `xmit`, `xmit_short`, `clone`, `convert`"),
    ("size", "only `fail = \"ring\"` has it"),
    ("frame", "only `fail = \"flap\"` has it"),
    ("time", "only `fail = \"flap\"` has it"),
    ("down", "only `fail = \"flap\"` has it"),
    ("times", "only `fail = \"flap\"` has it"),
];

pub(super) fn read<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>) -> Option<Fault> {
    let sink = &mut cx.sink;
    fields.need(sink, "port", "write `port = \"eth1\"`");
    fields.need(sink, "fail", "write what fails: `fail = \"xmit\"`");
    let port = fields.text(sink, "port", "the name of a port");
    if let Some(port) = &port {
        cx.names.port(sink, port);
    }
    let fail = fields.word(sink, "fail", &FAILS)?;
    for (key, why) in OWN_KEYS.iter().filter(|(key, _)| !fail.keys().contains(key)) {
        fields.refuse(sink, std::slice::from_ref(key), why);
    }
    let fault = match fail {
        Fail::Flap => {
            let changes = flap::read(cx, &mut fields, port.as_ref().map_or("", |port| port.value));
            changes.map(Fault::Flap)
        }
        _ => {
            let kind = read_kind(cx, &mut fields, fail, port.as_ref());
            let nth = match fail {
                Fail::Ring => 1,
                _ => fields.number(&mut cx.sink, "nth", 1..=u64::MAX).map_or(1, |nth| nth.value),
            };
            port.zip(kind).map(|(port, kind)| Fault::Spec(FaultSpec { port: port.owned(), kind, nth }))
        }
    };
    fields.finish(&mut cx.sink);
    fault
}

fn read_kind<'a>(
    cx: &mut Cx<'a>,
    fields: &mut Fields<'a>,
    fail: Fail,
    port: Option<&Loc<&'a str>>,
) -> Option<FaultKind> {
    match fail {
        Fail::Xmit => read_errno(cx, fields).map(FaultKind::Xmit),
        Fail::XmitShort => {
            let sink = &mut cx.sink;
            fields.need(sink, "sent", "write how many frames of the bulk the driver takes: `sent = 3`");
            fields.number_u32(sink, "sent", 0..=BULK).map(|sent| FaultKind::XmitShort(sent.value as u8))
        }
        Fail::Clone => Some(FaultKind::Clone),
        Fail::Convert => Some(FaultKind::Convert),
        Fail::Ring => {
            fields.need(&mut cx.sink, "size", "write how many frames it holds: `size = 4`");
            check_ring(cx, port?);
            fields.number_u32(&mut cx.sink, "size", 1..=RING).map(|size| FaultKind::Ring(size.value as u16))
        }
        Fail::Flap => None,
    }
}

/// Only a veth has a ring of a size that is not the port's own key.
fn check_ring(cx: &mut Cx<'_>, port: &Loc<&str>) {
    let class = cx.names.port_named(port.value).map(|port| port.class);
    let help = match class {
        Some(PortClass::Nic) => "`tx_ring = 4` in the port makes its ring as small as that",
        Some(PortClass::Ideal | PortClass::Upper) => "it takes every frame; `kind = \"nic\"` has a ring",
        Some(PortClass::Veth) | None => return,
    };
    let message = format!("`{}` is no veth, so there is no ring to shrink", clip(port.value));
    let at = port.span.clone();
    cx.sink.error(|| Problem::error(message, at, "expected a veth").help(help));
}

fn read_errno<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<Errno> {
    if !fields.has("errno") {
        fields.item("errno");
        return Some(Errno::ENXIO);
    }
    let found = fields.text(&mut cx.sink, "errno", "a name such as \"ENXIO\"")?;
    let errno = Errno::from_name(found.value);
    if errno.is_none() {
        cx.sink.error(|| {
            let help = suggest::nearest(found.value, Errno::ALL.iter().map(|errno| errno.name()));
            let message = format!("there is no errno `{}`", clip(found.value));
            Problem::error(message, found.span.clone(), "expected a name such as \"ENXIO\"")
                .help_if(help.map(|name| format!("did you mean \"{name}\"?")))
        });
    }
    errno
}
