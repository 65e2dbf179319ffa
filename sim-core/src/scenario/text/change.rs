//! `[[change]]` and `[[fault]]`.

use xdpsim_devmap::UpdateFlags;

use super::{Page, quoted, value};
use crate::scenario::{Action, At, Change, FaultKind, FaultSpec};

pub(super) fn write(page: &mut Page, change: &Change) {
    page.section("change");
    match change.at {
        At::Frame(no) => page.key("frame", no.0),
        At::Time(time) => page.key("time", format_args!("\"{}ns\"", time.0)),
        At::BeforeEnqueue(no) => page.key("before_enqueue", no.0),
        At::InWalk { frame, entries } => {
            page.key("in_walk", frame.0);
            page.key("entries", entries);
        }
    }
    page.line(format_args!("{}", change.action.to_toml()));
}

pub(super) fn write_fault(page: &mut Page, fault: &FaultSpec) {
    page.section("fault");
    page.key("port", quoted(&fault.port));
    match fault.kind {
        FaultKind::Xmit(errno) => {
            page.key("fail", "\"xmit\"");
            page.key("errno", quoted(errno.name()));
        }
        FaultKind::XmitShort(sent) => {
            page.key("fail", "\"xmit_short\"");
            page.key("sent", sent);
        }
        FaultKind::Clone => page.key("fail", "\"clone\""),
        FaultKind::Convert => page.key("fail", "\"convert\""),
        FaultKind::Ring(size) => {
            page.key("fail", "\"ring\"");
            page.key("size", size);
            return;
        }
    }
    page.key("nth", fault.nth);
}

impl Action {
    /// The keys of a `[[change]]` that make this action, a line each.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let on = |what: &str, port: &str| format!("do = \"{what}\"\nport = {}", quoted(port));
        match self {
            Self::SetUp { port, up } => on(if *up { "port_up" } else { "port_down" }, port),
            Self::SetMtu { port, mtu } => format!("{}\nmtu = {mtu}", on("set_mtu", port)),
            Self::SetGro { port, on: gro } => format!("{}\non = {gro}", on("set_gro", port)),
            Self::AddUpper { port, upper } => format!("{}\nupper = {}", on("add_upper", port), quoted(upper)),
            Self::RemoveUpper { port, upper } => {
                format!("{}\nupper = {}", on("remove_upper", port), quoted(upper))
            }
            Self::SetNetns { port, netns } => {
                format!("{}\nnetns = {}", on("set_netns", port), quoted(netns.as_deref().unwrap_or("init")))
            }
            Self::Unregister { port } => on("unregister", port),
            Self::SetXdp { port, program: None } => on("set_xdp", port),
            Self::SetXdp { port, program: Some(name) } => {
                format!("{}\nprogram = {}", on("set_xdp", port), quoted(name))
            }
            Self::UpdateEntry { map, key, value: to, flags } => {
                let to = value(to, "to", "inner").join("\n");
                let flags = update_flags(*flags);
                format!("do = \"update_entry\"\nmap = {}\nkey = {key}\n{to}\n{flags}", quoted(map))
            }
            Self::DeleteEntry { map, key } => {
                format!("do = \"delete_entry\"\nmap = {}\nkey = {key}", quoted(map))
            }
        }
    }
}

/// Flags that a scenario has no word for are a comment.
fn update_flags(flags: UpdateFlags) -> String {
    match flags {
        UpdateFlags::ANY => "flags = \"any\"".to_owned(),
        UpdateFlags::NOEXIST => "flags = \"noexist\"".to_owned(),
        UpdateFlags::EXIST => "flags = \"exist\"".to_owned(),
        other => format!("# flags = {:#x}", other.bits()),
    }
}
