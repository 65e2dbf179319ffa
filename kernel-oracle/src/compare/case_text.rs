//! A case as the scenario file that a user would write, with its bursts as comments.

use std::fmt::Write;

use xdpsim_core::scenario::{
    Action, At, EntryValue, KeySource, MapSpec, Op, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec,
    Scenario,
};
use xdpsim_core::{RedirectFlags, UpdateFlags, XdpAction};
use xdpsim_devmap::AttachType;

use crate::case::{Burst, Case, Inject};

/// The case as a scenario file.
#[must_use]
pub fn scenario(case: &Case) -> String {
    let Scenario { netns, ports, maps, programs, changes, .. } = &case.scenario;
    let mut text = String::new();
    let names: Vec<String> = netns.iter().map(|name| quoted(name)).collect();
    line(&mut text, format_args!("netns = [{}]", names.join(", ")));
    case.bursts.iter().for_each(|burst| line(&mut text, format_args!("# {}", self::burst(burst, ports))));
    ports.iter().for_each(|one| port(&mut text, one));
    maps.iter().for_each(|one| map(&mut text, one));
    programs.iter().for_each(|one| program(&mut text, one));
    for change in changes {
        line(&mut text, format_args!("\n[[change]]"));
        match change.at {
            At::Frame(no) => line(&mut text, format_args!("frame = {}", no.0)),
            At::Time(time) => line(&mut text, format_args!("time = \"{}ns\"", time.0)),
        }
        line(&mut text, format_args!("{}", action(&change.action)));
    }
    text
}

/// The entry or the change whose result stands at this place of a transcript.
pub(super) fn operation(scenario: &Scenario, at: usize) -> String {
    let entries = scenario.maps.iter().flat_map(|map| map.entries.iter().map(move |entry| (map, entry)));
    let change =
        |at: usize| scenario.changes.get(at).map(|change| action(&change.action).replace('\n', ", "));
    match entries.clone().nth(at) {
        Some((map, entry)) => format!("writing key {} of map {}", entry.key, map.name),
        None => change(at - entries.count())
            .unwrap_or_else(|| "an operation that the case does not have".to_owned()),
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{arguments}");
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn burst(burst: &Burst, ports: &[PortSpec]) -> String {
    let how = match burst.how {
        Inject::Socket => "sent by a socket, one by one",
        Inject::Poll => "in one poll",
    };
    let mut lengths: Vec<usize> = burst.frames.iter().map(Vec::len).collect();
    let n = lengths.len();
    lengths.dedup();
    let bytes: Vec<String> = lengths.iter().map(usize::to_string).collect();
    let marks: Vec<String> =
        burst.frames.iter().filter_map(|frame| frame.first()).map(u8::to_string).collect();
    let port = &ports[burst.port].name;
    format!(
        "{n} frames come in on {port} {how}; bytes: {}; first bytes: {}",
        bytes.join(" "),
        marks.join(" ")
    )
}

fn port(text: &mut String, port: &PortSpec) {
    line(text, format_args!("\n[[port]]\nname = {}", quoted(&port.name)));
    if let Some(ifindex) = port.ifindex {
        line(text, format_args!("ifindex = {ifindex}"));
    }
    if let Some(netns) = &port.netns {
        line(text, format_args!("netns = {}", quoted(netns)));
    }
    let kind = match &port.kind {
        PortKind::Ideal => "ideal",
        PortKind::Nic { .. } => "nic",
        PortKind::Veth { .. } => "veth",
        PortKind::Upper => "upper",
    };
    line(text, format_args!("kind = \"{kind}\""));
    match &port.kind {
        PortKind::Veth { peer: PeerSpec::Port(peer), .. } => {
            line(text, format_args!("peer = {}", quoted(peer)))
        }
        PortKind::Veth { peer: PeerSpec::FarEnd { mtu, gro, xdp, up, .. }, .. } => {
            line(text, format_args!("peer = {{ mtu = {mtu}, gro = {gro}, xdp = {xdp}, up = {up} }}"));
        }
        _ => {}
    }
    if let Some(mtu) = port.mtu {
        line(text, format_args!("mtu = {mtu}"));
    }
    if !port.up {
        line(text, format_args!("up = false"));
    }
    if !port.uppers.is_empty() {
        let uppers: Vec<String> = port.uppers.iter().map(|upper| quoted(upper)).collect();
        line(text, format_args!("uppers = [{}]", uppers.join(", ")));
    }
    if let Some(program) = &port.xdp {
        line(text, format_args!("xdp = {}", quoted(program)));
    }
}

fn map(text: &mut String, map: &MapSpec) {
    line(text, format_args!("\n[[map]]\nname = {}\ntype = \"{}\"", quoted(&map.name), map.kind));
    line(text, format_args!("max_entries = {}", map.max_entries));
    if !map.kind.is_map_of_maps() && map.value_size != 8 {
        line(text, format_args!("value_size = {}", map.value_size));
    }
    let entries = map.entries.iter().map(|entry| match &entry.value {
        EntryValue::Map(inner) => format!("{{ key = {}, map = {} }}", entry.key, quoted(inner)),
        EntryValue::Port { port, program: None } => {
            format!("{{ key = {}, port = {} }}", entry.key, quoted(port))
        }
        EntryValue::Port { port, program: Some(program) } => {
            format!("{{ key = {}, port = {}, program = {} }}", entry.key, quoted(port), quoted(program))
        }
    });
    line(text, format_args!("entries = [{}]", entries.collect::<Vec<_>>().join(", ")));
}

fn program(text: &mut String, program: &ProgramSpec) {
    line(text, format_args!("\n[[program]]\nname = {}", quoted(&program.name)));
    if program.attach == AttachType::Devmap {
        line(text, format_args!("attach = \"devmap\""));
    }
    if program.frags {
        line(text, format_args!("frags = true"));
    }
    match &program.kind {
        ProgramKind::Verdict(act) => line(text, format_args!("kind = \"verdict\"\nvalue = {}", act.0)),
        ProgramKind::Redirect { ifindex, flags } => {
            line(text, format_args!("kind = \"redirect\"\nifindex = {ifindex}\nflags = {flags:#x}"));
        }
        ProgramKind::RedirectMap { map, key, flags } => {
            let (map, key) = (quoted(map), self::key(key));
            line(text, format_args!("kind = \"redirect_map\"\nmap = {map}\nkey = {key}\nflags = {flags:#x}"));
        }
        ProgramKind::Broadcast { map, flags } => {
            let exclude = flags.contains(RedirectFlags::EXCLUDE_INGRESS);
            line(
                text,
                format_args!("kind = \"broadcast\"\nmap = {}\nexclude_ingress = {exclude}", quoted(map)),
            );
        }
        ProgramKind::LearningSwitch { map, table_max } => {
            line(
                text,
                format_args!("kind = \"learning_switch\"\nmap = {}\ntable_max = {table_max}", quoted(map)),
            );
        }
        ProgramKind::FlowHash { map, targets } => {
            line(text, format_args!("kind = \"flow_hash\"\nmap = {}\ntargets = {targets}", quoted(map)));
        }
        ProgramKind::Rewrite { offset, bytes } => {
            line(text, format_args!("kind = \"rewrite\"\noffset = {offset}\nbytes = {bytes:?}"));
        }
        ProgramKind::Script(cycle) => {
            line(text, format_args!("kind = \"script\"\ncycle = ["));
            for script in cycle {
                let steps: Vec<String> = script.iter().map(|op| quoted(&step(op))).collect();
                line(text, format_args!("  [{}],", steps.join(", ")));
            }
            line(text, format_args!("]"));
        }
    }
}

fn key(key: &KeySource) -> String {
    match key {
        KeySource::Const(key) => format!("{key:#x}"),
        KeySource::IngressIfindex => "\"ingress_ifindex\"".to_owned(),
        KeySource::RxQueueIndex => "\"rx_queue_index\"".to_owned(),
        KeySource::FrameByte { offset, modulo } => format!("{{ byte = {offset}, modulo = {modulo} }}"),
    }
}

fn step(op: &Op) -> String {
    match op {
        Op::Redirect { ifindex, flags } => format!("redirect {ifindex} {flags:#x}"),
        Op::RedirectMap { map, key, flags } => format!("redirect_map {map} {key:#x} {flags:#x}"),
        Op::RedirectInner { map, outer, key, flags } => {
            format!("redirect_inner {map} {outer} {key:#x} {flags:#x}")
        }
        Op::SetByte { offset, value } => format!("set_byte {offset} {value}"),
        Op::AdjustHead(by) => format!("adjust_head {by}"),
        Op::AdjustMeta(by) => format!("adjust_meta {by}"),
        Op::AdjustTail(by) => format!("adjust_tail {by}"),
        Op::Return(act) => format!("return {}", verdict(*act)),
        Op::ReturnHelper => "return helper".to_owned(),
    }
}

fn verdict(act: XdpAction) -> String {
    match act {
        XdpAction::ABORTED => "aborted".to_owned(),
        XdpAction::DROP => "drop".to_owned(),
        XdpAction::PASS => "pass".to_owned(),
        XdpAction::TX => "tx".to_owned(),
        XdpAction::REDIRECT => "redirect".to_owned(),
        other => other.0.to_string(),
    }
}

/// A change's keys, a line each.
fn action(action: &Action) -> String {
    let on = |what: &str, port: &str| format!("do = \"{what}\"\nport = {}", quoted(port));
    match action {
        Action::SetUp { port, up } => on(if *up { "port_up" } else { "port_down" }, port),
        Action::SetMtu { port, mtu } => format!("{}\nmtu = {mtu}", on("set_mtu", port)),
        Action::SetGro { port, on: gro } => format!("{}\non = {gro}", on("set_gro", port)),
        Action::AddUpper { port, upper } => format!("{}\nupper = {}", on("add_upper", port), quoted(upper)),
        Action::RemoveUpper { port, upper } => {
            format!("{}\nupper = {}", on("remove_upper", port), quoted(upper))
        }
        Action::SetNetns { port, netns } => {
            format!("{}\nnetns = {}", on("set_netns", port), quoted(netns.as_deref().unwrap_or("init")))
        }
        Action::Unregister { port } => on("unregister", port),
        Action::SetXdp { port, program: None } => on("set_xdp", port),
        Action::SetXdp { port, program: Some(name) } => {
            format!("{}\nprogram = {}", on("set_xdp", port), quoted(name))
        }
        Action::UpdateEntry { map, key, value, flags } => {
            let to = match value {
                EntryValue::Map(inner) => format!("inner = {}", quoted(inner)),
                EntryValue::Port { port, program: None } => format!("to = {}", quoted(port)),
                EntryValue::Port { port, program: Some(program) } => {
                    format!("to = {}\nprogram = {}", quoted(port), quoted(program))
                }
            };
            let flags = update_flags(*flags);
            format!("do = \"update_entry\"\nmap = {}\nkey = {key}\n{to}\n{flags}", quoted(map))
        }
        Action::DeleteEntry { map, key } => {
            format!("do = \"delete_entry\"\nmap = {}\nkey = {key}", quoted(map))
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
