//! `[[program]]`: what runs on a port, or on an entry of a map.
//!
//! Owns the kinds, their keys and the flags of the helpers. Steps of scripts are [`super::script`]'s.
//!
//! Rules: HLP-01, HLP-04, HLP-05.

use toml::de::DeValue;
use xdpsim_core::scenario::{KeySource, ProgramKind, ProgramSpec};
use xdpsim_devmap::{AttachType, IfIndex, RedirectFlags, XdpAction};

use super::diag::{Problem, Sink};
use super::fields::{self, Fields, Item, Loc, Words, clip};
use super::limits;
use super::names::{MapWanted, ProgramHead, read_name};
use super::parse::Cx;
use super::{groups, objects, script, units};

const ATTACH: Words<AttachType> = Words {
    known: &[("xdp", AttachType::Xdp), ("devmap", AttachType::Devmap)],
    refused: &[("cpumap", "redirects to CPUs (CPU-*) come later")],
};

#[derive(Clone, Copy)]
enum Kind {
    Constant(XdpAction),
    Verdict,
    Redirect,
    RedirectMap,
    RedirectGroup,
    RedirectMulti,
    Broadcast,
    LearningSwitch,
    FlowHash,
    Rewrite,
    Script,
    Object,
}

const KINDS: Words<Kind> = Words {
    known: &[
        ("pass", Kind::Constant(XdpAction::PASS)),
        ("drop", Kind::Constant(XdpAction::DROP)),
        ("tx", Kind::Constant(XdpAction::TX)),
        ("aborted", Kind::Constant(XdpAction::ABORTED)),
        ("verdict", Kind::Verdict),
        ("redirect", Kind::Redirect),
        ("redirect_map", Kind::RedirectMap),
        ("redirect_group", Kind::RedirectGroup),
        ("redirect_multi", Kind::RedirectMulti),
        ("broadcast", Kind::Broadcast),
        ("learning_switch", Kind::LearningSwitch),
        ("flow_hash", Kind::FlowHash),
        ("rewrite", Kind::Rewrite),
        ("script", Kind::Script),
        ("object", Kind::Object),
    ],
    refused: &[],
};
/// Every key that only some kinds have.
const KIND_KEYS: [&str; 18] = [
    "value",
    "port",
    "ifindex",
    "flags",
    "map",
    "key",
    "group",
    "exclude",
    "exclude_map",
    "exclude_ingress",
    "table_max",
    "targets",
    "offset",
    "bytes",
    "cycle",
    "object",
    "function",
    "globals",
];
const FLAGS: Words<u64> = Words {
    known: &[
        ("broadcast", RedirectFlags::BROADCAST.bits()),
        ("exclude_ingress", RedirectFlags::EXCLUDE_INGRESS.bits()),
        ("aborted", 0),
        ("drop", 1),
        ("pass", 2),
        ("tx", 3),
    ],
    refused: &[],
};
const TABLE_MAX_DEFAULT: u32 = 1_024;

impl Kind {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Constant(_) => &[],
            Self::Verdict => &["value"],
            Self::Redirect => &["port", "ifindex", "flags"],
            Self::RedirectMap => &["map", "key", "flags"],
            Self::RedirectGroup => &["map", "group", "exclude", "flags"],
            Self::RedirectMulti => &["map", "exclude_map", "flags"],
            Self::Broadcast => &["map", "exclude_ingress"],
            Self::LearningSwitch => &["map", "table_max"],
            Self::FlowHash => &["map", "targets"],
            Self::Rewrite => &["offset", "bytes"],
            Self::Script => &["cycle"],
            Self::Object => &["object", "function", "globals"],
        }
    }
}

/// Reads what references to the program depend on.
pub(super) fn head<'a>(sink: &mut Sink, fields: &mut Fields<'a>) -> ProgramHead<'a> {
    let name = read_name(sink, fields, "program");
    let attach = fields.word(sink, "attach", &ATTACH).unwrap_or(AttachType::Xdp);
    let frags = fields.flag(sink, "frags").unwrap_or(false);
    ProgramHead { name, attach, frags }
}

/// Reads the rest.
pub(super) fn body<'a>(
    cx: &mut Cx<'a>,
    mut fields: Fields<'a>,
    head: &ProgramHead<'a>,
) -> Option<ProgramSpec> {
    // Without a kind nobody can tell which other keys belong to it; an object says enough.
    let kind = if fields.has("object") && !fields.has("kind") {
        Kind::Object
    } else {
        fields.need(&mut cx.sink, "kind", "write `kind = \"redirect_map\"`, or `object = \"fwd.o\"`");
        fields.word(&mut cx.sink, "kind", &KINDS)?
    };
    let program = match kind {
        Kind::Object => objects::program(cx, &mut fields, head.name.value),
        kind => read_kind(cx, &mut fields, kind),
    };
    let foreign: Vec<&str> = KIND_KEYS.into_iter().filter(|key| !kind.keys().contains(key)).collect();
    let why = match kind.keys() {
        [] => "this kind of program has no keys of its own".to_owned(),
        keys => format!("this kind of program has {}", super::suggest::list(keys)),
    };
    fields.refuse(&mut cx.sink, &foreign, &why);
    fields.finish(&mut cx.sink);
    Some(ProgramSpec { name: head.name.owned(), attach: head.attach, frags: head.frags, kind: program? })
}

fn read_kind<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, kind: Kind) -> Option<ProgramKind> {
    match kind {
        Kind::Constant(action) => Some(ProgramKind::Verdict(action)),
        Kind::Verdict => {
            fields.need(&mut cx.sink, "value", "write the number that the program returns: `value = 7`");
            let value = fields.number_u32(&mut cx.sink, "value", 0..=u32::MAX)?;
            Some(ProgramKind::Verdict(XdpAction(value.value)))
        }
        Kind::Redirect => {
            let (ifindex, flags) = (read_target(cx, fields), read_flags(&mut cx.sink, fields));
            Some(ProgramKind::Redirect { ifindex: ifindex?, flags: flags? })
        }
        Kind::RedirectMap => {
            let map = read_map(cx, fields, MapWanted::Target(cx.rules));
            let key = read_key(&mut cx.sink, fields);
            let flags = read_flags(&mut cx.sink, fields);
            Some(ProgramKind::RedirectMap { map: map?, key: key?, flags: flags? })
        }
        Kind::RedirectGroup => groups::redirect_group(cx, fields),
        Kind::RedirectMulti => groups::redirect_multi(cx, fields),
        Kind::Broadcast => {
            let map = read_map(cx, fields, MapWanted::Devices);
            let exclude = fields.flag(&mut cx.sink, "exclude_ingress").unwrap_or(false);
            let flags = if exclude { RedirectFlags::EXCLUDE_INGRESS } else { RedirectFlags::empty() };
            Some(ProgramKind::Broadcast { map: map?, flags })
        }
        Kind::LearningSwitch => {
            let map = read_map(cx, fields, MapWanted::Devices);
            let table_max = fields.number_u32(&mut cx.sink, "table_max", 1..=limits::CAPACITY);
            let table_max = table_max.map_or(TABLE_MAX_DEFAULT, |max| max.value);
            Some(ProgramKind::LearningSwitch { map: map?, table_max })
        }
        Kind::FlowHash => {
            let map = read_map(cx, fields, MapWanted::Devices);
            fields.need(&mut cx.sink, "targets", "write over how many keys flows are spread: `targets = 4`");
            let targets = fields.number_u32(&mut cx.sink, "targets", 1..=limits::CAPACITY);
            Some(ProgramKind::FlowHash { map: map?, targets: targets?.value })
        }
        Kind::Rewrite => {
            let offset =
                fields.number_u32(&mut cx.sink, "offset", 0..=limits::OFFSET).map_or(0, |at| at.value);
            Some(ProgramKind::Rewrite { offset, bytes: read_bytes(&mut cx.sink, fields)? })
        }
        Kind::Script => script::read(cx, fields).map(ProgramKind::Script),
        Kind::Object => None,
    }
}

pub(super) fn read_map<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, wanted: MapWanted) -> Option<String> {
    fields.need(&mut cx.sink, "map", "write `map = \"ports\"`");
    let map = fields.text(&mut cx.sink, "map", "the name of a map")?;
    cx.names.map(&mut cx.sink, &map, wanted);
    Some(map.owned())
}

fn read_target<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<IfIndex> {
    if fields.has("port") == fields.has("ifindex") {
        let message = format!("{} needs either `port` or `ifindex`", fields.what);
        cx.sink.error(|| Problem::error(message, fields.span.clone(), "expected one of the two"));
    }
    let ifindex = fields.number_u32(&mut cx.sink, "ifindex", 0..=u32::MAX).map(|found| IfIndex(found.value));
    let Some(port) = fields.text(&mut cx.sink, "port", "the name of a port") else { return ifindex };
    cx.names.port(&mut cx.sink, &port);
    cx.names.ifindex(port.value)
}

pub(super) fn read_flags(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<u64> {
    let Some(item) = fields.item("flags") else { return Some(0) };
    if let DeValue::Integer(_) = item.get_ref() {
        return fields.number(sink, "flags", 0..=u64::MAX).map(|flags| flags.value);
    }
    let names = fields.texts(sink, "flags", "a number, or a list such as [\"broadcast\"]")?;
    let what = format!("a flag of {}", fields.what);
    let mut verdict: Option<Loc<&str>> = None;
    let mut flags = 0;
    for name in names {
        let Some(bits) = fields::word(sink, &name, &what, &FLAGS) else { continue };
        flags |= bits;
        if bits & !RedirectFlags::ACTION_MASK == 0
            && let Some(first) = verdict.replace(name.clone())
        {
            sink.error(|| {
                let message = format!("{} has two fallback verdicts", fields.what);
                Problem::error(message, name.span.clone(), "expected at most one")
                    .see(first.span, "the first one")
            });
        }
    }
    Some(flags)
}

fn read_key(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<KeySource> {
    const SOURCES: Words<bool> =
        Words { known: &[("ingress_ifindex", true), ("rx_queue_index", false)], refused: &[] };
    fields.need(
        sink,
        "key",
        "write `key = 0`, `key = \"ingress_ifindex\"` or `key = { byte = 5, modulo = 4 }`",
    );
    let item = fields.item("key")?;
    let what = format!("`key` of {}", fields.what);
    match item.get_ref() {
        DeValue::Integer(_) => {
            fields.number(sink, "key", 0..=u64::MAX).map(|key| KeySource::Const(key.value))
        }
        DeValue::String(_) => fields.word(sink, "key", &SOURCES).map(|ingress| match ingress {
            true => KeySource::IngressIfindex,
            false => KeySource::RxQueueIndex,
        }),
        DeValue::Table(_) => read_byte_key(sink, item, &what),
        other => {
            let wanted = "a number, \"ingress_ifindex\", \"rx_queue_index\" or { byte = 5, modulo = 4 }";
            fields::wrong_type(sink, item.span(), &what, other, wanted);
            None
        }
    }
}

fn read_byte_key(sink: &mut Sink, item: Item<'_>, what: &str) -> Option<KeySource> {
    let mut fields = fields::table(sink, item, what, "a table")?;
    fields.need(sink, "byte", "write `byte = 5`: the offset of the byte");
    fields.need(sink, "modulo", "write `modulo = 4`: keys 0 to 3 are used");
    let offset = fields.number_u32(sink, "byte", 0..=limits::OFFSET);
    let modulo = fields.number_u32(sink, "modulo", 1..=limits::CAPACITY);
    fields.finish(sink);
    Some(KeySource::FrameByte { offset: offset?.value, modulo: modulo?.value })
}

fn read_bytes(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<Vec<u8>> {
    fields.need(sink, "bytes", "write `bytes = \"02:00:00:00:00:01\"`");
    let item = fields.item("bytes")?;
    let bytes: Vec<u8> = match item.get_ref() {
        DeValue::String(text) => match units::colon_bytes(text) {
            Ok(bytes) => bytes,
            Err(why) => {
                let message = format!("`{}` is no row of bytes", clip(text));
                let help = "write two hexadecimal digits a byte: \"02:00:00:00:00:01\"";
                sink.error(|| Problem::error(message, item.span(), clip(&why)).help(help));
                return None;
            }
        },
        _ => {
            let items = fields.list(sink, "bytes", "a string such as \"02:00\", or a list of numbers")?.value;
            let what = || format!("a byte of {}", fields.what);
            let byte = |item| fields::number(sink, item, what, 0..=255).map(|byte| byte.value as u8);
            items.iter().filter_map(byte).collect()
        }
    };
    limits::check_count(sink, "bytes", bytes.len(), limits::REWRITE_BYTES, Some(&item.span()));
    let nothing_written = item.get_ref().as_array().is_some_and(|items| items.is_empty());
    if nothing_written {
        sink.error(|| {
            Problem::error(
                format!("{} writes nothing", fields.what),
                item.span(),
                "expected at least one byte",
            )
        });
    }
    Some(bytes)
}
