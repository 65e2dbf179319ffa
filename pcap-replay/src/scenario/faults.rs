//! `[[fault]]`: operations that fail on purpose.
//!
//! Rules: FLU-04, BRD-10, RED-02.

use xdpsim_core::scenario::{FaultKind, FaultSpec};
use xdpsim_devmap::Errno;

use super::diag::Problem;
use super::fields::{Fields, Words, clip};
use super::parse::Cx;
use super::suggest;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fail {
    Xmit,
    XmitShort,
    Clone,
    Convert,
}

const FAILS: Words<Fail> = Words {
    known: &[
        ("xmit", Fail::Xmit),
        ("xmit_short", Fail::XmitShort),
        ("clone", Fail::Clone),
        ("convert", Fail::Convert),
    ],
    refused: &[],
};
/// A bulk queue holds this many frames (ENQ-01).
const BULK: u32 = 16;

pub(super) fn read<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>) -> Option<FaultSpec> {
    let sink = &mut cx.sink;
    fields.need(sink, "port", "write `port = \"eth1\"`");
    fields.need(sink, "fail", "write what fails: `fail = \"xmit\"`");
    let port = fields.text(sink, "port", "the name of a port");
    if let Some(port) = &port {
        cx.names.port(sink, port);
    }
    let nth = fields.number(sink, "nth", 1..=u64::MAX).map_or(1, |nth| nth.value);
    let fail = fields.word(sink, "fail", &FAILS)?;
    if fail != Fail::Xmit {
        fields.refuse(sink, &["errno"], "only `fail = \"xmit\"` has it");
    }
    if fail != Fail::XmitShort {
        fields.refuse(sink, &["sent"], "only `fail = \"xmit_short\"` has it");
    }
    let kind = match fail {
        Fail::Xmit => read_errno(cx, &mut fields).map(FaultKind::Xmit),
        Fail::XmitShort => {
            fields.need(sink, "sent", "write how many frames of the bulk the driver takes: `sent = 3`");
            fields.number_u32(sink, "sent", 0..=BULK).map(|sent| FaultKind::XmitShort(sent.value as u8))
        }
        Fail::Clone => Some(FaultKind::Clone),
        Fail::Convert => Some(FaultKind::Convert),
    };
    fields.finish(&mut cx.sink);
    Some(FaultSpec { port: port?.owned(), kind: kind?, nth })
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
