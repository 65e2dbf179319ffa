//! `[[change]]`: what an operator does while frames flow.
//!
//! Owns the moments and the actions. A change that the kernel will refuse at its moment is a
//! legitimate experiment, so it is only warned about.
//!
//! Rules: MAP-03, MAP-09.

use xdpsim_core::batch::FrameNo;
use xdpsim_core::scenario::{Action, At, Change, EntryValue};
use xdpsim_devmap::{AttachType, UpdateFlags};

use super::diag::{Problem, Sink};
use super::fields::{Fields, Loc, Words, clip};
use super::maps::{is_indexed, read_port_value};
use super::names::{INIT, MapHead, MapWanted, PortClass};
use super::parse::Cx;
use super::ports::{check_upper, read_unit};
use super::units;

#[derive(Clone, Copy)]
enum Do {
    Up(bool),
    Mtu,
    Gro,
    AddUpper,
    RemoveUpper,
    Netns,
    Unregister,
    Xdp,
    UpdateEntry,
    DeleteEntry,
}

const DOS: Words<Do> = Words {
    known: &[
        ("port_up", Do::Up(true)),
        ("port_down", Do::Up(false)),
        ("set_mtu", Do::Mtu),
        ("set_gro", Do::Gro),
        ("add_upper", Do::AddUpper),
        ("remove_upper", Do::RemoveUpper),
        ("set_netns", Do::Netns),
        ("unregister", Do::Unregister),
        ("set_xdp", Do::Xdp),
        ("update_entry", Do::UpdateEntry),
        ("delete_entry", Do::DeleteEntry),
    ],
    refused: &[],
};
const UPDATE_FLAGS: Words<UpdateFlags> = Words {
    known: &[("any", UpdateFlags::ANY), ("noexist", UpdateFlags::NOEXIST), ("exist", UpdateFlags::EXIST)],
    refused: &[],
};
/// Every key that only some changes have.
const DO_KEYS: [&str; 12] =
    ["port", "mtu", "on", "upper", "netns", "program", "map", "key", "to", "inner", "flags", "xdp"];

impl Do {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Up(_) | Self::Unregister => &["port"],
            Self::Mtu => &["port", "mtu"],
            Self::Gro => &["port", "on"],
            Self::AddUpper | Self::RemoveUpper => &["port", "upper"],
            Self::Netns => &["port", "netns"],
            Self::Xdp => &["port", "program"],
            Self::UpdateEntry => &["map", "key", "to", "inner", "program", "flags"],
            Self::DeleteEntry => &["map", "key"],
        }
    }
}

pub(super) fn read<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>) -> Option<Change> {
    let inside = read_moment_inside(&mut cx.sink, &mut fields);
    let at = inside.or_else(|| read_moment(&mut cx.sink, &mut fields));
    fields.need(&mut cx.sink, "do", "write what changes: `do = \"port_down\"`");
    // Without it nobody can tell which other keys belong here.
    let what = fields.word(&mut cx.sink, "do", &DOS)?;
    let action = read_action(cx, &mut fields, what);
    if inside.is_some() && !matches!(what, Do::UpdateEntry | Do::DeleteEntry) {
        let message = format!("{} is made while a frame is redirected", fields.what);
        let label = "only maps can change then: `update_entry`, `delete_entry`";
        cx.sink.error(|| Problem::error(message, fields.span.clone(), label));
    }
    let foreign: Vec<&str> = DO_KEYS.into_iter().filter(|key| !what.keys().contains(key)).collect();
    let why = format!("this change has {}", super::suggest::list(what.keys()));
    fields.refuse(&mut cx.sink, &foreign, &why);
    fields.finish(&mut cx.sink);
    Some(Change { at: at?, action: action? })
}

/// What another CPU can do while a frame is redirected: before it is enqueued, or while its multicast walks over the
/// forward group (MCAST-05, MCAST-34).
fn read_moment_inside(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<At> {
    let enqueue = fields.number(sink, "before_enqueue", 0..=u64::MAX);
    let walk = fields.number(sink, "in_walk", 0..=u64::MAX);
    let entries = fields.number_u32(sink, "entries", 0..=u32::MAX);
    let given = ["frame", "time", "before_enqueue", "in_walk"].into_iter().filter(|key| fields.has(key));
    if given.count() > 1 && (enqueue.is_some() || walk.is_some()) {
        let message = format!("{} has two moments", fields.what);
        let label = "expected one of `frame`, `time`, `before_enqueue`, `in_walk`";
        sink.error(|| Problem::error(message, fields.span.clone(), label));
    }
    if let Some(entries) = entries.as_ref().filter(|_| walk.is_none()) {
        let message = format!("`entries` does not belong to {}", fields.what);
        sink.error(|| Problem::error(message, entries.span.clone(), "it belongs to `in_walk`"));
    }
    let entries = entries.map_or(0, |entries| entries.value);
    let walk = walk.map(|frame| At::InWalk { frame: FrameNo(frame.value), entries });
    walk.or(enqueue.map(|frame| At::BeforeEnqueue(FrameNo(frame.value))))
}

pub(super) fn read_moment(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<At> {
    if fields.has("frame") == fields.has("time") {
        let message = format!("{} needs either `frame` or `time`", fields.what);
        let help =
            "`frame = 100` is before frame 100 arrives, `time = \"1.5s\"` is 1.5 s after the first one";
        sink.error(|| Problem::error(message, fields.span.clone(), "expected one of the two").help(help));
    }
    let frame = fields.number(sink, "frame", 0..=u64::MAX).map(|frame| At::Frame(FrameNo(frame.value)));
    let time = fields.text(sink, "time", "a string such as \"1.5s\"");
    let time = time.and_then(|time| read_unit(sink, &time, "span of time", units::duration));
    frame.or(time.map(At::Time))
}

fn read_action<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, what: Do) -> Option<Action> {
    if let Do::UpdateEntry | Do::DeleteEntry = what {
        return read_entry_action(cx, fields, what);
    }
    let (port, class) = read_device(cx, fields)?;
    let is_upper = class == Some(PortClass::Upper);
    match what {
        Do::Up(up) => Some(Action::SetUp { port, up }),
        Do::Mtu => {
            fields.need(&mut cx.sink, "mtu", "write `mtu = 1500`");
            let mtu = fields.number_u32(&mut cx.sink, "mtu", 68..=65_535)?.value;
            Some(Action::SetMtu { port, mtu })
        }
        Do::Gro => {
            fields.need(&mut cx.sink, "on", "write `on = true` or `on = false`");
            if class.is_some_and(|class| class != PortClass::Veth) {
                misplaced(cx, fields, "only ports of kind \"veth\" have GRO");
            }
            fields.flag(&mut cx.sink, "on").map(|on| Action::SetGro { port, on })
        }
        Do::AddUpper | Do::RemoveUpper => {
            fields.need(&mut cx.sink, "upper", "write `upper = \"br0\"`");
            let upper = fields.text(&mut cx.sink, "upper", "the name of a port")?;
            check_upper(cx, &upper);
            let upper = upper.owned();
            Some(match what {
                Do::AddUpper => Action::AddUpper { port, upper },
                _ => Action::RemoveUpper { port, upper },
            })
        }
        Do::Netns => {
            fields.need(&mut cx.sink, "netns", "write `netns = \"init\"` or a namespace of the scenario");
            let netns = fields.text(&mut cx.sink, "netns", "the name of a namespace")?;
            cx.names.netns(&mut cx.sink, &netns);
            Some(Action::SetNetns { port, netns: (netns.value != INIT).then(|| netns.owned()) })
        }
        Do::Xdp => {
            if is_upper {
                misplaced(cx, fields, "a port of kind \"upper\" runs no program");
            }
            let program = fields.text(&mut cx.sink, "program", "the name of a program");
            if let Some(program) = &program {
                cx.names.program(&mut cx.sink, program, AttachType::Xdp);
            }
            Some(Action::SetXdp { port, program: program.as_ref().map(Loc::owned) })
        }
        Do::Unregister | Do::UpdateEntry | Do::DeleteEntry => Some(Action::Unregister { port }),
    }
}

fn read_device<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<(String, Option<PortClass>)> {
    fields.need(&mut cx.sink, "port", "write `port = \"eth1\"`; a far end is \"eth1.peer\"");
    let port = fields.text(&mut cx.sink, "port", "the name of a port")?;
    Some((port.owned(), cx.names.device(&mut cx.sink, &port)))
}

fn misplaced(cx: &mut Cx<'_>, fields: &mut Fields<'_>, label: &str) {
    let at = fields.item("port").map_or(fields.span.clone(), |item| item.span());
    let message = format!("{} names a port of the wrong kind", fields.what);
    cx.sink.error(|| Problem::error(message, at, label));
}

fn read_entry_action<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, what: Do) -> Option<Action> {
    fields.need(&mut cx.sink, "map", "write `map = \"ports\"`");
    fields.need(&mut cx.sink, "key", "write `key = 0`");
    let map = fields.text(&mut cx.sink, "map", "the name of a map");
    let key = fields.number_u32(&mut cx.sink, "key", 0..=u32::MAX);
    let head = map.and_then(|map| cx.names.map(&mut cx.sink, &map, MapWanted::Any).cloned())?;
    if let Some(key) = &key {
        warn_out_of_range(cx, &head, key, what);
    }
    let map = head.name.owned();
    if let Do::DeleteEntry = what {
        return Some(Action::DeleteEntry { map, key: key?.value });
    }
    let value = read_new_value(cx, fields, &head);
    let flags = fields.word(&mut cx.sink, "flags", &UPDATE_FLAGS).unwrap_or_default();
    Some(Action::UpdateEntry { map, key: key?.value, value: value?, flags })
}

fn read_new_value<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, head: &MapHead<'a>) -> Option<EntryValue> {
    if !head.kind.is_map_of_maps() {
        fields.refuse(&mut cx.sink, &["inner"], "the entries of this map are ports: `to = \"…\"`");
        fields.need(&mut cx.sink, "to", "write the port that the entry points at: `to = \"eth1\"`");
        return read_port_value(cx, fields, "to", head);
    }
    fields.refuse(&mut cx.sink, &["to", "program"], "the entries of this map are maps: `inner = \"…\"`");
    fields.need(&mut cx.sink, "inner", "write the map that the entry holds: `inner = \"group\"`");
    let inner = fields.text(&mut cx.sink, "inner", "the name of a map")?;
    cx.names.map(&mut cx.sink, &inner, MapWanted::Devices);
    Some(EntryValue::Map(inner.owned()))
}

fn warn_out_of_range(cx: &mut Cx<'_>, head: &MapHead<'_>, key: &Loc<u32>, what: Do) {
    if is_indexed(head.kind) && key.value >= head.max_entries {
        let answer = match what {
            Do::DeleteEntry => "EINVAL (MAP-09)",
            _ => "E2BIG (MAP-03)",
        };
        cx.sink.warn(|| {
            let message = format!(
                "this change will fail with {answer}: map `{}` has no key {}",
                clip(head.name.value),
                key.value
            );
            Problem::error(message, key.span.clone(), format!("`max_entries` is {}", head.max_entries))
        });
    }
}
